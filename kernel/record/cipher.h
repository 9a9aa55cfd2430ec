/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Cipher suites, and the keys and AEADs that protect records.
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
 * struct ksc_key - one direction's keys from the daemon, or in raw mode from the application
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
 * struct ksc_wrapper - an algorithm that may wrap an internal one
 * @inner: the internal algorithm's name
 * @known: it exists and is used
 * @opaque: the algorithm that was found to wrap none; only compared
 */
struct ksc_wrapper {
	const char *inner;
	bool known;
	const void *opaque;
};

/**
 * struct ksc_suite - a cipher suite that the record layer supports
 * @suite: IANA number
 * @version: the TLS version it belongs to
 * @aead: the kernel's name of the AEAD
 * @wrapper: the internal algorithm that @aead may wrap, or NULL
 * @hmac: the kernel's name of HKDF's HMAC; TLS 1.2: of the PRF's
 * @hash_len: bytes of @hmac's digest
 * @key_len: bytes of key
 * @salt_len: bytes of implicit nonce, TLS 1.2
 * @explicit_len: bytes of nonce in each record, TLS 1.2
 * @nonce_at: offset of the nonce in the kernel AEAD's iv
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
 * struct ksc_aead - the transform that protects one direction's records
 * @tfm: keyed transform
 * @async: @tfm may complete asynchronously
 * @nonce: of the current record; not on the stack as a driver may map it
 * @aad: additional data of the current record, TLS 1.2; likewise
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
 * @aead: keyed AEAD; NULL when not in use, see idle.c
 * @suite: cipher suite
 * @iv: static iv (1.3, ChaCha20); or salt (1.2 GCM, CCM) and the explicit nonce's offset from
 *	@seq, nonzero in raw mode only. In TLS 1.3 only valid with @aead
 * @seen: low bits of @seq at idle.c's last scan; private to it
 * @seq: sequence number of the next record; starts at 0 with each key, so that it counts its
 *	records; in raw mode it starts where the application says
 * @limit: records that the key may protect
 * @secret: traffic secret (TLS 1.3), or the key itself
 * @derives: @secret is a traffic secret
 * @due: derive the next traffic secret first
 *
 * Under the socket's lock; process context only, as the AEAD may sleep.
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
 * ksc_sg_tag() - split the tag off into an entry of its own
 * @last: the last entry; the table has a free one after it
 *
 * Saves the crypto API a table of its own to find the tag.
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
