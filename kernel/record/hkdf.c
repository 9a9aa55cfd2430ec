// SPDX-License-Identifier: GPL-2.0-only
/*
 * HKDF (RFC 5869) as TLS 1.3 uses it, RFC 8446 7.1. Kernels with an HKDF helper do not export it,
 * or have dropped it again, so this uses their HMAC without a transform.
 */
#include <crypto/sha2.h>
#include <linux/bug.h>
#include <linux/kschannel_netlink.h>
#include <linux/string.h>

#include "compat/hmac.h"
#include "record/frame.h"
#include "record/hkdf.h"

/**
 * ksc_hkdf_expand() - HKDF-Expand-Label(secret, label, "", len)
 * @secret: the secret, as long as the hash's digest
 * @hash_len: its length
 * @label: without the prefix "tls13 "
 * @out: the result; may be @secret
 * @len: length of @out in bytes
 *
 * Every length that TLS needs fits one round of HKDF-Expand (RFC 5869 2.3).
 *
 * Context: process, may sleep the first time. Return: 0 or an errno.
 */
int ksc_hkdf_expand(const u8 *secret, u8 hash_len, const char *label, u8 *out, u16 len)
{
	u8 info[32], t[KSC_MAX_SECRET];
	size_t n;
	int err;

	n = ksc_hkdf_label(info, sizeof(info) - 1, label, strlen(label), NULL, 0, len);
	if (WARN_ON_ONCE(!n || len > hash_len ||
			 (hash_len != SHA256_DIGEST_SIZE && hash_len != SHA384_DIGEST_SIZE)))
		return -EINVAL;
	info[n++] = 1;
	err = ksc_compat_hmac(hash_len, secret, hash_len, info, n, t);
	if (!err)
		memcpy(out, t, len);
	memzero_explicit(t, sizeof(t));
	return err;
}
