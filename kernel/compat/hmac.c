// SPDX-License-Identifier: GPL-2.0-only
/*
 * HMAC for kernels before 6.16, whose library has none.
 *
 * Built from the plain hash, as in MPTCP: the crypto API's HMAC keeps the key in the transform,
 * which would have to be allocated for each secret, or locked and wiped between uses. A hash
 * without a key is allocated once and shared.
 */
#include "hmac.h"

#ifndef KSC_HAVE_HMAC_LIB
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/string.h>

/* Block and digest sizes of the hashes, in bytes */
#define KSC_MAX_BLOCK	128
#define KSC_MAX_DIGEST	SHA384_DIGEST_SIZE

/* Allocated by ksc_hash(), freed at module exit */
static struct crypto_shash *ksc_hashes[2];

/* The shared hash with digests of @len bytes */
static struct crypto_shash *ksc_hash(u8 len)
{
	struct crypto_shash **slot = &ksc_hashes[len == SHA384_DIGEST_SIZE];
	struct crypto_shash *tfm = READ_ONCE(*slot), *old;

	if (likely(tfm))
		return tfm;
	tfm = crypto_alloc_shash(len == SHA384_DIGEST_SIZE ? "sha384" : "sha256", 0, 0);
	if (IS_ERR(tfm))
		return tfm;
	old = cmpxchg(slot, NULL, tfm);
	if (old) {
		crypto_free_shash(tfm);
		tfm = old;
	}
	return tfm;
}

/* RFC 2104 2 */
static int ksc_hmac_by(struct crypto_shash *hash, const u8 *key, u8 key_len, const u8 *data,
		       unsigned int len, u8 *out)
{
	unsigned int block = crypto_shash_blocksize(hash), i;
	u8 pad[KSC_MAX_BLOCK] = {}, inner[KSC_MAX_DIGEST];
	SHASH_DESC_ON_STACK(desc, hash);
	int err;

	/* a longer key would have to be hashed first */
	if (WARN_ON_ONCE(block > sizeof(pad) || key_len > block ||
			 crypto_shash_digestsize(hash) > sizeof(inner)))
		return -EINVAL;
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
 * ksc_compat_hmac() - HMAC-SHA-256 or HMAC-SHA-384
 * @hash_len: bytes of the digest, selects the hash
 * @key: key
 * @key_len: length of @key in bytes, at most a block
 * @data: message
 * @len: length of @data in bytes
 * @out: the digest; may overlap the inputs
 *
 * Context: process, may sleep the first time. Return: 0 or an errno.
 */
int ksc_compat_hmac(u8 hash_len, const u8 *key, u8 key_len, const u8 *data, unsigned int len,
		    u8 *out)
{
	struct crypto_shash *hash = ksc_hash(hash_len);

	if (IS_ERR(hash))
		return PTR_ERR(hash);
	return ksc_hmac_by(hash, key, key_len, data, len, out);
}

/**
 * ksc_compat_hmac_exit() - free the hashes
 *
 * Context: module exit, no socket left.
 */
void ksc_compat_hmac_exit(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_hashes); i++)
		if (ksc_hashes[i])
			crypto_free_shash(ksc_hashes[i]);
}
#endif /* KSC_HAVE_HMAC_LIB */
