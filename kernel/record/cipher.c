// SPDX-License-Identifier: GPL-2.0
/*
 * Keys: suites, their keys, the AEAD itself. Everything here runs in process
 * context and is synchronous: an AEAD that the crypto API answers later is
 * waited for, so nothing outlives a call.
 */
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/jiffies.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "memcg.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "record/hkdf.h"

/*
 * RFC 8446 5.5 lets AES-GCM protect 2^24.5 full records with one key; 2^24
 * keeps a margin. ChaCha20-Poly1305's own limit is the sequence number's.
 */
#define KSC_GCM_LIMIT		BIT_ULL(24)
#define KSC_CHACHA_LIMIT	BIT_ULL(62)
/* RFC 8446 says nothing of CCM; RFC 9147 4.5.3 does */
#define KSC_CCM_LIMIT		BIT_ULL(23)

static struct ksc_wrapper ksc_gcm = { .inner = "__gcm(aes)" };

#define GCM12(n, klen, hash, hlen)					\
	{ .suite = n, .version = KSC_VERSION_1_2, .aead = "gcm(aes)",		\
	  .wrapper = &ksc_gcm,							\
	  .hmac = hash, .hash_len = hlen,					\
	  .key_len = klen, .salt_len = 4, .explicit_len = 8,			\
	  .limit = KSC_GCM_LIMIT }
#define CHACHA12(n)								\
	{ .suite = n, .version = KSC_VERSION_1_2, .aead = "rfc7539(chacha20,poly1305)", \
	  .hmac = "hmac(sha256)", .hash_len = SHA256_DIGEST_SIZE,			\
	  .key_len = 32, .salt_len = 12, .limit = KSC_CHACHA_LIMIT }

/* the kernel's nonce of CCM begins with a byte for the length field's size (RFC 3610 2.3) */
#define CCM12(n)								\
	{ .suite = n, .version = KSC_VERSION_1_2, .aead = "ccm(aes)",		\
	  .hmac = "hmac(sha256)", .hash_len = SHA256_DIGEST_SIZE,			\
	  .key_len = 16, .salt_len = 4, .explicit_len = 8, .nonce_at = 1,	\
	  .rereads = true,							\
	  .limit = KSC_CCM_LIMIT }

static const struct ksc_suite ksc_suites[] = {
	{ .suite = 0x1301, .version = KSC_VERSION_1_3, .aead = "gcm(aes)", .wrapper = &ksc_gcm,
	  .hmac = "hmac(sha256)", .hash_len = SHA256_DIGEST_SIZE, .key_len = 16,
	  .limit = KSC_GCM_LIMIT },
	{ .suite = 0x1302, .version = KSC_VERSION_1_3, .aead = "gcm(aes)", .wrapper = &ksc_gcm,
	  .hmac = "hmac(sha384)", .hash_len = SHA384_DIGEST_SIZE, .key_len = 32,
	  .limit = KSC_GCM_LIMIT },
	{ .suite = 0x1303, .version = KSC_VERSION_1_3,
	  .aead = "rfc7539(chacha20,poly1305)",
	  .hmac = "hmac(sha256)", .hash_len = SHA256_DIGEST_SIZE, .key_len = 32,
	  .limit = KSC_CHACHA_LIMIT },
	{ .suite = 0x1304, .version = KSC_VERSION_1_3, .aead = "ccm(aes)",
	  .hmac = "hmac(sha256)", .hash_len = SHA256_DIGEST_SIZE, .key_len = 16,
	  .nonce_at = 1, .rereads = true, .limit = KSC_CCM_LIMIT },
	/* RFC 5289: ECDHE with ECDSA and RSA; RFC 5288: DHE with RSA */
	GCM12(0xc02b, 16, "hmac(sha256)", SHA256_DIGEST_SIZE),
	GCM12(0xc02f, 16, "hmac(sha256)", SHA256_DIGEST_SIZE),
	GCM12(0x009e, 16, "hmac(sha256)", SHA256_DIGEST_SIZE),
	GCM12(0xc02c, 32, "hmac(sha384)", SHA384_DIGEST_SIZE),
	GCM12(0xc030, 32, "hmac(sha384)", SHA384_DIGEST_SIZE),
	GCM12(0x009f, 32, "hmac(sha384)", SHA384_DIGEST_SIZE),
	/* RFC 7905 */
	CHACHA12(0xcca8),
	CHACHA12(0xcca9),
	CHACHA12(0xccaa),
	/* RFC 7251: ECDHE with ECDSA; RFC 6655: DHE with RSA */
	CCM12(0xc0ac),
	CCM12(0xc09e),
};

/**
 * ksc_suite_find() - look a suite up
 * @version: as on the wire
 * @suite: IANA number
 *
 * Return: the suite, or NULL if the record layer doesn't know it.
 */
const struct ksc_suite *ksc_suite_find(u16 version, u16 suite)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_suites); i++)
		if (ksc_suites[i].suite == suite && ksc_suites[i].version == version)
			return &ksc_suites[i];
	return NULL;
}

/* The traffic secret that is due, RFC 8446 7.2 */
static int ksc_cipher_next(struct ksc_cipher *c)
{
	int err = 0;

	if (c->due)
		err = ksc_hkdf_expand(c->secret, c->suite->hash_len, "traffic upd", c->secret,
				      c->suite->hash_len);
	if (!err)
		c->due = false;
	return err;
}

/* Key and iv from the traffic secret, RFC 8446 7.3; or the key as it is */
static int ksc_cipher_key(struct ksc_cipher *c, struct crypto_aead *tfm)
{
	const struct ksc_suite *s = c->suite;
	u8 key[32];
	int err;

	if (!c->derives)
		return crypto_aead_setkey(tfm, c->secret, s->key_len);
	err = ksc_cipher_next(c);
	if (!err)
		err = ksc_hkdf_expand(c->secret, s->hash_len, "key", key, s->key_len);
	if (!err)
		err = ksc_hkdf_expand(c->secret, s->hash_len, "iv", c->iv, sizeof(c->iv));
	if (!err)
		err = crypto_aead_setkey(tfm, key, s->key_len);
	memzero_explicit(key, sizeof(key));
	return err;
}

/* Whoever installs what is missing need not wait for longer, in jiffies */
#define KSC_MISSING_DELAY	(60 * HZ)

/**
 * struct ksc_algorithm - one of the crypto API's, which the kernel may lack
 * @name: its name
 * @hash: it is a hash, else an AEAD
 * @there: it has been found
 * @until: ksc_algorithms_lock: where it is missing, it is not looked for before then (jiffies
 *	of 64 bits): by anybody, and by processes. What a process may load says nothing of what
 *	others may
 */
struct ksc_algorithm {
	const char *name;
	bool hash;
	bool there;
	u64 until[2];
};

static struct ksc_algorithm ksc_algorithms[] = {
	{ .name = "gcm(aes)" },
	{ .name = "ccm(aes)" },
	{ .name = "rfc7539(chacha20,poly1305)" },
	{ .name = "hmac(sha256)", .hash = true },
	{ .name = "hmac(sha384)", .hash = true },
};

/* one that is missing is looked for by one at a time */
static DEFINE_MUTEX(ksc_algorithms_lock);

static struct ksc_algorithm *ksc_algorithm(const char *name)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_algorithms); i++)
		if (!strcmp(ksc_algorithms[i].name, name))
			return &ksc_algorithms[i];
	return NULL;
}

static int ksc_algorithm_try(const struct ksc_algorithm *a)
{
	struct crypto_shash *hash;
	struct crypto_aead *aead;

	if (a->hash) {
		hash = crypto_alloc_shash(a->name, 0, 0);
		if (!IS_ERR(hash))
			crypto_free_shash(hash);
		return PTR_ERR_OR_ZERO(hash);
	}
	aead = crypto_alloc_aead(a->name, 0, 0);
	if (!IS_ERR(aead))
		crypto_free_aead(aead);
	return PTR_ERR_OR_ZERO(aead);
}

/* @err: of the attempt. Who is being killed gets no module, and that means nothing */
static void ksc_algorithm_note(struct ksc_algorithm *a, int err)
{
	WRITE_ONCE(a->there, !err);
	if (err == -ENOENT && !fatal_signal_pending(current))
		a->until[!(current->flags & PF_KTHREAD)] = get_jiffies_64() + KSC_MISSING_DELAY;
}

/*
 * To ask for what is missing has modprobe run, and peers choose the suite: that is done once
 * in a while, not for each key.
 */
static int ksc_algorithm_need(const char *name)
{
	const bool process = !(current->flags & PF_KTHREAD);
	struct ksc_algorithm *a = ksc_algorithm(name);
	unsigned int noio;
	int err = -ENOENT;

	if (WARN_ON_ONCE(!a))
		return -ENOENT;
	if (likely(READ_ONCE(a->there)))
		return 0;
	if (mutex_lock_killable(&ksc_algorithms_lock))
		return -EINTR;
	/* a socket that memory is written out by may wait for this one */
	noio = memalloc_noio_save();
	if (a->there) {
		err = 0;
	} else if (time_after_eq64(get_jiffies_64(), a->until[0]) &&
		   (!process || time_after_eq64(get_jiffies_64(), a->until[1]))) {
		err = ksc_algorithm_try(a);
		ksc_algorithm_note(a, err);
	}
	memalloc_noio_restore(noio);
	mutex_unlock(&ksc_algorithms_lock);
	return err;
}

/* It was there, and has been unloaded: the next that needs it looks for it */
static void ksc_algorithm_gone(const char *name)
{
	struct ksc_algorithm *a = ksc_algorithm(name);

	if (a)
		WRITE_ONCE(a->there, false);
}

/*
 * Up to 6.15 or so x86's AES-GCM is a wrapper around an internal algorithm: it
 * hands the work to a thread where the FPU can't be used, is flagged ASYNC for
 * that, and costs memory and instructions. We only ever run in process context,
 * where the FPU can be used, so we take what is inside if there is such a thing.
 * Elsewhere the default transform does, and ksc_cipher_crypt() waits for it.
 *
 * That is found out once: to ask for what does not exist has modprobe run, and here a
 * peer would have it run.
 */
static struct crypto_aead *ksc_tfm_alloc(const struct ksc_suite *suite)
{
	const u32 internal = CRYPTO_ALG_INTERNAL;
	struct ksc_wrapper *wrapper = suite->wrapper;
	struct crypto_aead *tfm, *inner;

	if (wrapper && READ_ONCE(wrapper->known)) {
		inner = crypto_alloc_aead(wrapper->inner, internal,
					  internal | CRYPTO_ALG_ASYNC);
		if (!IS_ERR(inner) || PTR_ERR(inner) != -ENOENT)
			return inner;
		WRITE_ONCE(wrapper->known, false);
	}
	tfm = crypto_alloc_aead(suite->aead, 0, 0);
	if (PTR_ERR(tfm) == -ENOENT)
		ksc_algorithm_gone(suite->aead);
	if (IS_ERR(tfm) || !wrapper ||
	    !(crypto_aead_alg(tfm)->base.cra_flags & CRYPTO_ALG_ASYNC) ||
	    READ_ONCE(wrapper->opaque) == crypto_aead_alg(tfm))
		return tfm;
	/* without ASYNC, or it is the wrapper's thread again, under that name */
	inner = crypto_alloc_aead(wrapper->inner, internal, internal | CRYPTO_ALG_ASYNC);
	if (PTR_ERR(inner) == -ENOENT)
		WRITE_ONCE(wrapper->opaque, crypto_aead_alg(tfm));
	/* for want of memory it is not to be the slower one for as long as it lives */
	if (IS_ERR(inner) && PTR_ERR(inner) != -ENOMEM)
		return tfm;
	if (!IS_ERR(inner))
		WRITE_ONCE(wrapper->known, true);
	crypto_free_aead(tfm);
	return inner;
}

/**
 * ksc_aead_free() - give a transform up; what it knew of the key is zeroised
 * @aead: may be NULL
 *
 * Context: process.
 */
void ksc_aead_free(struct ksc_aead *aead)
{
	if (!aead)
		return;
	crypto_free_aead(aead->tfm);
	kfree_sensitive(aead);
}

/* A transform without a key and what goes with it */
static struct ksc_aead *ksc_aead_alloc(const struct ksc_suite *suite)
{
	struct crypto_aead *tfm = ksc_tfm_alloc(suite);
	struct ksc_aead *aead;
	int err;

	if (IS_ERR(tfm))
		return ERR_CAST(tfm);
	aead = kmalloc(sizeof(*aead) + crypto_aead_reqsize(tfm), KSC_GFP_FOR_OTHERS);
	if (!aead) {
		crypto_free_aead(tfm);
		return ERR_PTR(-ENOMEM);
	}
	aead->tfm = tfm;
	aead->async = crypto_aead_alg(tfm)->base.cra_flags & CRYPTO_ALG_ASYNC;
	aead_request_set_tfm(&aead->req, tfm);
	aead_request_set_callback(&aead->req, CRYPTO_TFM_REQ_MAY_SLEEP, NULL, NULL);
	err = crypto_aead_setauthsize(tfm, KSC_TAG_LEN);
	if (err) {
		ksc_aead_free(aead);
		return ERR_PTR(err);
	}
	return aead;
}

/**
 * ksc_cipher_make() - make what a record needs
 * @c: keys whose aead is missing
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0; -ENOMEM, and it may be tried again; or -EIO.
 */
int ksc_cipher_make(struct ksc_cipher *c)
{
	struct ksc_aead *aead = ksc_aead_alloc(c->suite);
	int err = PTR_ERR_OR_ZERO(aead);

	if (!err) {
		err = ksc_cipher_key(c, aead->tfm);
		if (!err) {
			WRITE_ONCE(c->aead, aead);
			return 0;
		}
		ksc_aead_free(aead);
	}
	switch (err) {
	case -EAGAIN:
	case -EINTR:
	case -ENOMEM:
	case -ETIMEDOUT:
		return -ENOMEM;
	default:
		return -EIO;
	}
}

/**
 * ksc_cipher_init() - take keys into use
 * @c: all zero
 * @suite: what for
 * @key: of the suite's lengths; the caller zeroises them. TLS 1.3: a secret from the
 *	daemon, or in raw mode key and iv
 *
 * What they need comes with the first record: ksc_cipher_make().
 *
 * Context: process, may sleep.
 * Return: 0 or an errno; then @c holds nothing.
 */
int ksc_cipher_init(struct ksc_cipher *c, const struct ksc_suite *suite,
		    const struct ksc_key *key)
{
	bool derives = suite->version == KSC_VERSION_1_3 && key->secret_len;
	int err;

	err = ksc_algorithm_need(suite->aead);
	if (!err && derives)
		err = ksc_algorithm_need(suite->hmac);
	if (err)
		return err;
	c->suite = suite;
	c->seq = key->seq;
	c->derives = derives;
	ksc_cipher_limit(c, 0);
	if (derives) {
		memcpy(c->secret, key->secret, suite->hash_len);
	} else {
		memcpy(c->secret, key->key, suite->key_len);
		memcpy(c->iv, key->iv, key->iv_len);
	}
	return 0;
}

/**
 * ksc_cipher_limit() - how many records one key may protect
 * @c: keys in use
 * @records: 0 for as many as the AEAD allows; never more than that
 *
 * Context: the socket's lock.
 */
void ksc_cipher_limit(struct ksc_cipher *c, u32 records)
{
	c->limit = c->suite->limit;
	if (records && records < c->limit)
		c->limit = records;
}

/**
 * ksc_cipher_update() - go on to the next traffic secret, RFC 8446 7.2
 * @c: TLS 1.3 keys in use
 *
 * The transform gets the new key, if it can be had; else it goes, with the old one. What
 * is missing then comes with the next record, ksc_cipher_make().
 *
 * Context: process, may sleep; the socket's lock.
 */
void ksc_cipher_update(struct ksc_cipher *c)
{
	struct ksc_aead *aead = c->aead;

	c->seq = 0;
	c->due = true;
	if (!ksc_cipher_next(c) && (!aead || !ksc_cipher_key(c, aead->tfm)))
		return;
	WRITE_ONCE(c->aead, NULL);
	ksc_aead_free(aead);
}

/**
 * ksc_cipher_free() - give keys up and zeroise them
 * @c: in any state; all zero afterwards
 *
 * Context: process.
 */
void ksc_cipher_free(struct ksc_cipher *c)
{
	ksc_aead_free(c->aead);
	memzero_explicit(c, sizeof(*c));
}

/**
 * ksc_cipher_nonce() - set the next record's nonce
 * @c: keys with what a record needs
 * @explicit: the part of it that the record carries, of the suite's explicit_len
 *	bytes; NULL if it carries none
 *
 * RFC 8446 5.3 and RFC 7905 2; or RFC 5288 3 and RFC 6655 3.
 *
 * Context: the socket's lock.
 */
void ksc_cipher_nonce(struct ksc_cipher *c, const u8 *explicit)
{
	u8 *nonce = c->aead->nonce + c->suite->nonce_at;

	if (c->suite->nonce_at) {
		/* the length field has three bytes; the counter begins at zero */
		c->aead->nonce[0] = 2;
		memset(c->aead->nonce + 13, 0, 3);
	}
	if (explicit) {
		memcpy(nonce, c->iv, 4);
		memcpy(nonce + 4, explicit, 8);
	} else {
		ksc_nonce_xor(nonce, c->iv, c->seq);
	}
}

/* A transform that may answer later; the only place that waits for it */
static int ksc_cipher_await(struct aead_request *req, bool seal)
{
	DECLARE_CRYPTO_WAIT(wait);

	aead_request_set_callback(req, CRYPTO_TFM_REQ_MAY_SLEEP |
				  CRYPTO_TFM_REQ_MAY_BACKLOG,
				  crypto_req_done, &wait);
	return crypto_wait_req(seal ? crypto_aead_encrypt(req) :
				      crypto_aead_decrypt(req), &wait);
}

/* The one way into the AEAD */
static __always_inline int ksc_cipher_crypt(struct ksc_cipher *c, struct scatterlist *src,
					    struct scatterlist *dst, unsigned int assoclen,
					    unsigned int len, bool seal)
{
	struct aead_request *req = &c->aead->req;

	/* RFC 8446 5.3: sequence numbers must not wrap; the last one is not used */
	if (unlikely(c->seq == U64_MAX))
		return -EKEYEXPIRED;
	aead_request_set_ad(req, assoclen);
	aead_request_set_crypt(req, src, dst, len, c->aead->nonce);
	if (unlikely(c->aead->async))
		return ksc_cipher_await(req, seal);
	return seal ? crypto_aead_encrypt(req) : crypto_aead_decrypt(req);
}

/**
 * ksc_cipher_seal() - encrypt a record
 * @c: keys with what a record needs
 * @src: additional data and plaintext
 * @dst: as many bytes of additional data, then room for the ciphertext and the tag;
 *	the same as @src if it is to be done in place
 * @assoclen: bytes of additional data
 * @len: bytes of plaintext
 *
 * The nonce is that of @c->aead, which is spent by the call.
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0, or -EIO and the connection can't go on.
 */
int ksc_cipher_seal(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len)
{
	/* part of it may be encrypted now: no error is one to try again after */
	return ksc_cipher_crypt(c, src, dst, assoclen, len, true) ? -EIO : 0;
}

/**
 * ksc_cipher_open() - decrypt and check a record
 * @c: keys with what a record needs
 * @src: additional data, ciphertext and tag; only read
 * @dst: as many bytes of additional data, then room for the plaintext
 * @assoclen: bytes of additional data
 * @len: bytes of ciphertext and tag
 *
 * The nonce is that of @c->aead, which is spent by the call.
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0, -EBADMSG if it does not authenticate, or another errno.
 */
int ksc_cipher_open(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len)
{
	return ksc_cipher_crypt(c, src, dst, assoclen, len, false);
}
