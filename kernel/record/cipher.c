// SPDX-License-Identifier: GPL-2.0-only
/*
 * Cipher suites, their keys and the AEAD. Everything here runs in process context and is
 * synchronous: an asynchronous AEAD is waited for, so no request outlives its call.
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
/* RFC 8446 has no limit for CCM; RFC 9147 4.5.3 has */
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

/* the kernel's CCM nonce begins with a byte for the length field's size (RFC 3610 2.3) */
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
 * Return: the suite, or NULL if the record layer does not support it.
 */
const struct ksc_suite *ksc_suite_find(u16 version, u16 suite)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_suites); i++)
		if (ksc_suites[i].suite == suite && ksc_suites[i].version == version)
			return &ksc_suites[i];
	return NULL;
}

/* Derive the traffic secret that is due, RFC 8446 7.2 */
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

/* Set the key: derived, with the iv, from the traffic secret (RFC 8446 7.3), or as given */
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

/* A missing algorithm is looked for again after this time, in jiffies */
#define KSC_MISSING_DELAY	(60 * HZ)

/**
 * struct ksc_algorithm - a crypto API algorithm that the kernel may lack
 * @name: its name
 * @hash: hash, else AEAD
 * @there: found
 * @until: under ksc_algorithms_lock: if missing, not looked for before this time (64-bit jiffies),
 *	by any task or by processes. What one process may load says nothing about other tasks
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

/* serialises the search for missing algorithms */
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

/* @err: of the attempt. A task that is being killed can't load a module: not recorded */
static void ksc_algorithm_note(struct ksc_algorithm *a, int err)
{
	WRITE_ONCE(a->there, !err);
	if (err == -ENOENT && !fatal_signal_pending(current))
		a->until[!(current->flags & PF_KTHREAD)] = get_jiffies_64() + KSC_MISSING_DELAY;
}

/*
 * Asking for a missing algorithm runs modprobe, and the peer chooses the suite: so that is rate
 * limited, not done for each key.
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
	/* a socket that memory reclaim depends on may wait for this lock */
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

/* It has been unloaded: the next user looks for it again */
static void ksc_algorithm_gone(const char *name)
{
	struct ksc_algorithm *a = ksc_algorithm(name);

	if (a)
		WRITE_ONCE(a->there, false);
}

/*
 * Up to 6.15 or so x86's AES-GCM is a wrapper around an internal algorithm: it defers to a thread
 * where the FPU can't be used, is flagged ASYNC for that, and costs memory and instructions. This
 * module encrypts in process context only, where the FPU can be used, so it takes the internal
 * algorithm if there is one. Otherwise it uses the default transform, and ksc_cipher_crypt() waits
 * for it.
 *
 * The result is cached: asking for an algorithm that does not exist runs modprobe, and here the
 * peer could trigger that.
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
	/* the mask excludes ASYNC: such an inner algorithm would use the thread, too */
	inner = crypto_alloc_aead(wrapper->inner, internal, internal | CRYPTO_ALG_ASYNC);
	if (PTR_ERR(inner) == -ENOENT)
		WRITE_ONCE(wrapper->opaque, crypto_aead_alg(tfm));
	/* fail on ENOMEM: falling back would leave the key with the slower one permanently */
	if (IS_ERR(inner) && PTR_ERR(inner) != -ENOMEM)
		return tfm;
	if (!IS_ERR(inner))
		WRITE_ONCE(wrapper->known, true);
	crypto_free_aead(tfm);
	return inner;
}

/**
 * ksc_aead_free() - free a transform and zeroise its key material
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

/* Allocate a transform and its request; it has no key yet */
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
 * ksc_cipher_make() - allocate and key the AEAD
 * @c: keys whose aead is missing
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0, -ENOMEM (may be retried), or -EIO.
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
 * ksc_cipher_init() - install keys
 * @c: all zero
 * @suite: their suite
 * @key: of the suite's lengths; the caller zeroises them. TLS 1.3: a secret from the daemon, or in
 *	raw mode key and iv
 *
 * The AEAD is allocated with the first record, see ksc_cipher_make().
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
 * ksc_cipher_limit() - limit the records that one key may protect
 * @c: keys in use
 * @records: 0 for the AEAD's limit; never exceeds that
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
 * ksc_cipher_update() - switch to the next traffic secret, RFC 8446 7.2
 * @c: TLS 1.3 keys in use
 *
 * Rekeys the transform. If that fails, frees it with its old key; ksc_cipher_make() makes a new
 * one for the next record.
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
 * ksc_cipher_free() - free and zeroise keys
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
 * @c: keys with an AEAD
 * @explicit: explicit part that the record carries, of the suite's explicit_len bytes; NULL for
 *	none
 *
 * RFC 8446 5.3 and RFC 7905 2; or RFC 5288 3 and RFC 6655 3.
 *
 * Context: the socket's lock.
 */
void ksc_cipher_nonce(struct ksc_cipher *c, const u8 *explicit)
{
	u8 *nonce = c->aead->nonce + c->suite->nonce_at;

	if (c->suite->nonce_at) {
		/* the length field has three bytes; the counter starts at zero */
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

/* An asynchronous transform; the only place that waits for it */
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
 * @c: keys with an AEAD
 * @src: additional data and plaintext
 * @dst: as many bytes of additional data, then room for the ciphertext and the tag; equal to @src
 *	to encrypt in place
 * @assoclen: bytes of additional data
 * @len: bytes of plaintext
 *
 * Consumes the nonce in @c->aead.
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0, or -EIO and the connection has to fail.
 */
int ksc_cipher_seal(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len)
{
	/* part of the record may be encrypted: no error may be retried */
	return ksc_cipher_crypt(c, src, dst, assoclen, len, true) ? -EIO : 0;
}

/**
 * ksc_cipher_open() - decrypt and check a record
 * @c: keys with an AEAD
 * @src: additional data, ciphertext and tag; only read
 * @dst: as many bytes of additional data, then room for the plaintext
 * @assoclen: bytes of additional data
 * @len: bytes of ciphertext and tag
 *
 * Consumes the nonce in @c->aead.
 *
 * Context: process, may sleep; the socket's lock.
 * Return: 0, -EBADMSG if authentication fails, or another errno.
 */
int ksc_cipher_open(struct ksc_cipher *c, struct scatterlist *src,
		    struct scatterlist *dst, unsigned int assoclen,
		    unsigned int len)
{
	return ksc_cipher_crypt(c, src, dst, assoclen, len, false);
}
