/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * HMAC with a key that is used once: the kernel library's, which needs no transform, or that of
 * hmac.c.
 */
#ifndef _KSC_COMPAT_HMAC_H
#define _KSC_COMPAT_HMAC_H

#include <linux/types.h>

#include "have.h"

#ifdef KSC_HAVE_HMAC_LIB
#include <crypto/sha2.h>

static inline int ksc_compat_hmac(u8 hash_len, const u8 *key, u8 key_len, const u8 *data,
				  unsigned int len, u8 *out)
{
	if (hash_len == SHA384_DIGEST_SIZE)
		hmac_sha384_usingrawkey(key, key_len, data, len, out);
	else
		hmac_sha256_usingrawkey(key, key_len, data, len, out);
	return 0;
}

static inline void ksc_compat_hmac_exit(void)
{
}
#else
int ksc_compat_hmac(u8 hash_len, const u8 *key, u8 key_len, const u8 *data, unsigned int len,
		    u8 *out);
void ksc_compat_hmac_exit(void);
#endif

#endif /* _KSC_COMPAT_HMAC_H */
