/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys, and what protects records with them (cipher.c).
 */
#ifndef _KSC_RECORD_CIPHER_H
#define _KSC_RECORD_CIPHER_H

#include <crypto/aead.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include "record/frame.h"

struct crypto_aead;

/**
 * struct ksc_key - one direction's keys as the daemon gives them, or in raw mode the
 *	application
 * @secret: TLS 1.3 application traffic secret
 * @key: TLS 1.2 write key; in raw mode TLS 1.3's, too
 * @iv: TLS 1.2 implicit nonce; likewise
 * @secret_len: bytes in @secret
 * @key_len: bytes in @key
 * @iv_len: bytes in @iv
 * @seq: sequence number of the next record
 */
struct ksc_key {
	u8 secret[KSC_MAX_SECRET];
	u8 key[KSC_MAX_SECRET];
	u8 iv[KSC_MAX_IV];
	u8 secret_len;
	u8 key_len;
	u8 iv_len;
	u64 seq;
};

/**
 * struct ksc_wrapper - an algorithm that may be a wrapper, and what is in it
 * @inner: the kernel's name of what is in it
 * @known: there is such a thing, and it is taken
 * @opaque: the algorithm that was found to have none in it; compared and nothing else
 */
struct ksc_wrapper {
	const char *inner;
	bool known;
	const void *opaque;
};

/**
 * struct ksc_suite - a cipher suite that the record layer knows
 * @suite: IANA number
 * @version: the TLS version it belongs to
 * @aead: the kernel's name of it
 * @wrapper: what the kernel may wrap to make that, NULL for nothing
 * @hmac: the kernel's name of HKDF's hash; TLS 1.2: of the PRF's
 * @hash_len: bytes of @hmac's digest
 * @key_len: bytes of key
 * @salt_len: bytes of implicit nonce, TLS 1.2
 * @explicit_len: bytes of nonce in each record, TLS 1.2
 * @nonce_at: where the nonce begins in what the kernel's AEAD takes for it
 * @rereads: sealing reads the plaintext more than once, so it must not change
 * @limit: records that one key may protect (RFC 8446 5.5)
 */
struct ksc_suite {
	u16 suite;
	u16 version;
	const char *aead;
	struct ksc_wrapper *wrapper;
	const char *hmac;
	u8 hash_len;
	u8 key_len;
	u8 salt_len;
	u8 explicit_len;
	u8 nonce_at;
	bool rereads;
	u64 limit;
};

/**
 * struct ksc_aead - what protects one direction's records
 * @tfm: keyed transform
 * @async: it may answer later
 * @nonce: of the record under way; here since a driver may map it
 * @aad: additional data of the record under way, TLS 1.2; likewise
 * @req: request of @tfm, reused for every record
 */
struct ksc_aead {
	struct crypto_aead *tfm;
	bool async;
	u8 nonce[16];
	u8 aad[16];
	struct aead_request req;
};

/**
 * struct ksc_cipher - one direction's keys in use
 * @aead: what they are used with; NULL when not in use, see idle.c
 * @suite: what it does
 * @iv: static iv (1.3, ChaCha20); or salt (1.2 GCM, CCM) and how far the explicit nonce
 *	is ahead of @seq, which it is in raw mode only. TLS 1.3's is valid with @aead only
 * @seen: low bits of @seq when idle.c last came by; its own
 * @seq: sequence number of the next record; starts at 0 with each key, so that it
 *	counts its records
 * @limit: how many it may protect
 * @secret: traffic secret, TLS 1.3; the key where there is none
 * @derives: it is a traffic secret
 * @due: the next one is to be derived from it first
 *
 * Under the socket's lock; process context only, the AEAD may wait.
 */
struct ksc_cipher {
	struct ksc_aead *aead;
	const struct ksc_suite *suite;
	u8 iv[12];
	u32 seen;
	u64 seq;
	u64 limit;
	u8 secret[KSC_MAX_SECRET];
	bool derives;
	bool due;
};

const struct ksc_suite *ksc_suite_find(u16 version, u16 suite);
int ksc_cipher_init(struct ksc_cipher *c, const struct ksc_suite *suite,
		    const struct ksc_key *key);
void ksc_cipher_limit(struct ksc_cipher *c, u32 records);
int ksc_cipher_make(struct ksc_cipher *c);
void ksc_cipher_update(struct ksc_cipher *c);
void ksc_cipher_nonce(struct ksc_cipher *c, const u8 *explicit);
void ksc_cipher_free(struct ksc_cipher *c);
void ksc_aead_free(struct ksc_aead *aead);
int ksc_cipher_seal(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len);
int ksc_cipher_open(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len);

/**
 * ksc_sg_init() - sg_init_table() without a call, for tables of a few entries
 * @sg: table
 * @n: its entries
 */
static inline void ksc_sg_init(struct scatterlist *sg, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		sg[i] = (struct scatterlist){};
	sg_init_marker(sg, n);
}

/**
 * ksc_sg_tag() - the tag, at the end of a table, in an entry of its own
 * @last: the last entry; one more of the table is free behind it
 *
 * What looks for the tag finds the entry, instead of making a table for it.
 */
static inline void ksc_sg_tag(struct scatterlist *last)
{
	if (last->length <= KSC_TAG_LEN)
		return;
	last->length -= KSC_TAG_LEN;
	sg_unmark_end(last);
	ksc_sg_init(&last[1], 1);
	sg_set_page(&last[1], sg_page(last), KSC_TAG_LEN, last->offset + last->length);
}

#endif /* _KSC_RECORD_CIPHER_H */
