// SPDX-License-Identifier: GPL-2.0
/*
 * HKDF (RFC 5869) as TLS 1.3 uses it, RFC 8446 7.1.
 *
 * HMAC is made of the hash here, as MPTCP does: the crypto API's keeps its key in the
 * transform, which would have to be one for each secret, or locked and wiped between
 * two of them. A hash without a key is everybody's at once, and is allocated only once.
 */
#include <crypto/hash.h>
#include <linux/string.h>

#include "cipher.h"

/* Blocks of the hashes, in bytes; a secret is shorter than that */
#define KSC_MAX_BLOCK	128

/* By ksc_hash(); as long as the module is loaded */
static struct crypto_shash *ksc_hashes[2];

/* The hash of a digest's length; it is the caller's as much as anybody's */
static struct crypto_shash *ksc_hash(u8 len)
{
	struct crypto_shash **slot = &ksc_hashes[len == 48];
	struct crypto_shash *tfm = READ_ONCE(*slot), *old;

	if (likely(tfm))
		return tfm;
	tfm = crypto_alloc_shash(len == 48 ? "sha384" : "sha256", 0, 0);
	if (IS_ERR(tfm))
		return tfm;
	old = cmpxchg(slot, NULL, tfm);
	if (old) {
		crypto_free_shash(tfm);
		tfm = old;
	}
	return tfm;
}

/* RFC 2104 2; @out may be anywhere in what went in */
static int ksc_hmac(struct crypto_shash *hash, const u8 *key, u8 key_len, const u8 *data,
		    unsigned int len, u8 *out)
{
	unsigned int block = crypto_shash_blocksize(hash), i;
	u8 pad[KSC_MAX_BLOCK] = {}, inner[KSC_MAX_SECRET];
	SHASH_DESC_ON_STACK(desc, hash);
	int err;

	desc->tfm = hash;
	memcpy(pad, key, key_len);
	for (i = 0; i < block; i++)
		pad[i] ^= 0x36;
	err = crypto_shash_init(desc) ?:
	      crypto_shash_update(desc, pad, block) ?:
	      crypto_shash_finup(desc, data, len, inner);
	for (i = 0; i < block; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	if (!err)
		err = crypto_shash_init(desc) ?:
		      crypto_shash_update(desc, pad, block) ?:
		      crypto_shash_finup(desc, inner, crypto_shash_digestsize(hash), out);
	shash_desc_zero(desc);
	memzero_explicit(pad, sizeof(pad));
	memzero_explicit(inner, sizeof(inner));
	return err;
}

/**
 * ksc_hkdf_expand() - HKDF-Expand-Label(secret, label, "", len)
 * @secret: the secret, as long as the hash's digest
 * @hash_len: how long that is
 * @label: without what TLS puts before it
 * @out: for the result; may be @secret
 * @len: bytes of it
 *
 * Every length that TLS asks for fits one round of HKDF-Expand (RFC 5869 2.3).
 *
 * Context: process, may sleep the first time. Return: 0 or an errno.
 */
int ksc_hkdf_expand(const u8 *secret, u8 hash_len, const char *label, u8 *out, u16 len)
{
	struct crypto_shash *hash = ksc_hash(hash_len);
	u8 info[32], t[KSC_MAX_SECRET];
	size_t n;
	int err;

	if (IS_ERR(hash))
		return PTR_ERR(hash);
	n = ksc_hkdf_label(info, sizeof(info) - 1, label, strlen(label), NULL, 0, len);
	if (WARN_ON_ONCE(!n || len > hash_len || hash_len != crypto_shash_digestsize(hash) ||
			 crypto_shash_blocksize(hash) > KSC_MAX_BLOCK))
		return -EINVAL;
	info[n++] = 1;
	err = ksc_hmac(hash, secret, hash_len, info, n, t);
	if (!err)
		memcpy(out, t, len);
	memzero_explicit(t, sizeof(t));
	return err;
}

/**
 * ksc_hkdf_exit() - give the hashes up
 *
 * Context: module exit, no socket left.
 */
void ksc_hkdf_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_hashes); i++)
		if (ksc_hashes[i])
			crypto_free_shash(ksc_hashes[i]);
}
