// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an AEAD costs by itself: the floor under any TLS record layer.
 *
 * Write "ALGORITHM KEYLEN RECORD COUNT" to the module's parameter "run": COUNT
 * TLS 1.3 records with RECORD bytes of plaintext are sealed in place and opened
 * again, each in contiguous, aligned memory and with a request that is made
 * once. Reading it gives the nanoseconds of sealing, those of opening, and the
 * driver's name. The algorithm "library" is the kernel's library's AES-GCM, which
 * has no request and no transform; -EOPNOTSUPP where there is none.
 */
#include <asm/byteorder.h>
#include <crypto/aead.h>
#include <linux/ktime.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/slab.h>
#if __has_include(<crypto/aes-gcm.h>)
#include <crypto/aes-gcm.h>
#define RAW_LIBRARY	1
#else
#define RAW_LIBRARY	0
#endif

#define AAD_SIZE	5
#define TAG_SIZE	16
#define NONCE_SIZE	12
#define RECORD_MAX	16384
/* Before the header, so that the record itself is aligned. */
#define PAD_SIZE	11
#define HEAD_SIZE	(PAD_SIZE + AAD_SIZE)
/* Sealed, then opened: enough of them to time at once. */
#define BUFFERS		8

static DEFINE_MUTEX(run_lock);
static char run_driver[CRYPTO_MAX_ALG_NAME];
static u64 run_seal_ns;
static u64 run_open_ns;

/**
 * struct raw_aead - one measurement
 * @tfm: the transform; NULL: the library
 * @req: the only request
 * @wait: for a driver that answers later
 * @buf: the records, each with room for header, type byte and tag
 * @sg: header and record
 * @nonce: nonce of the request
 * @len: plaintext and type byte
 * @seal_ns: spent sealing
 * @open_ns: spent opening
 */
struct raw_aead {
	struct crypto_aead *tfm;
	struct aead_request *req;
	struct crypto_wait wait;
	u8 *buf[BUFFERS];
	struct scatterlist sg;
	u8 nonce[NONCE_SIZE];
	unsigned int len;
	u64 seal_ns;
	u64 open_ns;
};

#if RAW_LIBRARY
/* run_lock */
static struct aes_gcm_key library_key;

static int library_begin(const u8 *key, unsigned int keylen)
{
	return aes_gcm_preparekey(&library_key, key, keylen, TAG_SIZE);
}

static int library_crypt(struct raw_aead *r, u8 *buf, bool seal)
{
	u8 *ad = buf + PAD_SIZE, *text = ad + AAD_SIZE, *tag = text + r->len;

	if (!seal)
		return aes_gcm_decrypt(text, text, r->len, tag, ad, AAD_SIZE, r->nonce,
				       &library_key);
	aes_gcm_encrypt(text, text, r->len, tag, ad, AAD_SIZE, r->nonce, &library_key);
	return 0;
}
#else
static int library_begin(const u8 *key, unsigned int keylen)
{
	return -EOPNOTSUPP;
}

static int library_crypt(struct raw_aead *r, u8 *buf, bool seal)
{
	return -EOPNOTSUPP;
}
#endif

static int raw_crypt(struct raw_aead *r, u8 *buf, u64 seq, bool seal)
{
	unsigned int len = r->len + (seal ? 0 : TAG_SIZE);
	__be64 be_seq = cpu_to_be64(seq);

	memcpy(r->nonce + 4, &be_seq, sizeof(be_seq));
	if (!r->tfm)
		return library_crypt(r, buf, seal);
	sg_set_buf(&r->sg, buf + PAD_SIZE, AAD_SIZE + r->len + TAG_SIZE);
	aead_request_set_crypt(r->req, &r->sg, &r->sg, len, r->nonce);
	return crypto_wait_req(seal ? crypto_aead_encrypt(r->req) :
				      crypto_aead_decrypt(r->req), &r->wait);
}

static int raw_pass(struct raw_aead *r, u64 seq, unsigned int n, bool seal)
{
	unsigned int i;
	int err;

	for (i = 0; i < n; i++) {
		err = raw_crypt(r, r->buf[i], seq + i, seal);
		if (err)
			return err;
	}
	return 0;
}

static int raw_run(struct raw_aead *r, unsigned int count)
{
	u64 seq = 0;

	while (seq < count) {
		unsigned int n = min_t(u64, BUFFERS, count - seq);
		u64 t0 = ktime_get_ns();
		u64 t1;
		int err;

		err = raw_pass(r, seq, n, true);
		if (err)
			return err;
		t1 = ktime_get_ns();
		err = raw_pass(r, seq, n, false);
		if (err)
			return err;
		r->seal_ns += t1 - t0;
		r->open_ns += ktime_get_ns() - t1;
		seq += n;
		cond_resched();
	}
	return 0;
}

static void raw_free(struct raw_aead *r)
{
	int i;

	for (i = 0; i < BUFFERS; i++)
		kfree(r->buf[i]);
	aead_request_free(r->req);
	if (r->tfm)
		crypto_free_aead(r->tfm);
	kfree(r);
}

static int raw_transform(struct raw_aead *r, const char *name, const u8 *key,
			 unsigned int keylen)
{
	struct crypto_aead *tfm;
	int err;

	/*
	 * As in-tree kTLS asks for it: before 6.10 AES-NI's gcm(aes) calls
	 * itself asynchronous, although it seldom is.
	 */
	tfm = crypto_alloc_aead(name, 0, 0);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	r->tfm = tfm;
	err = crypto_aead_setkey(tfm, key, keylen) ?:
	      crypto_aead_setauthsize(tfm, TAG_SIZE);
	if (err)
		return err;
	r->req = aead_request_alloc(tfm, GFP_KERNEL);
	if (!r->req)
		return -ENOMEM;
	sg_init_table(&r->sg, 1);
	crypto_init_wait(&r->wait);
	aead_request_set_ad(r->req, AAD_SIZE);
	aead_request_set_callback(r->req, CRYPTO_TFM_REQ_MAY_SLEEP |
				  CRYPTO_TFM_REQ_MAY_BACKLOG, crypto_req_done,
				  &r->wait);
	return 0;
}

static int raw_alloc(struct raw_aead *r, const char *name, unsigned int keylen,
		     unsigned int record)
{
	static const u8 key[32] = { 1, 2, 3 };
	int err, i;

	if (!strcmp(name, "library"))
		err = library_begin(key, keylen);
	else
		err = raw_transform(r, name, key, keylen);
	if (err)
		return err;
	r->len = record + 1;
	for (i = 0; i < BUFFERS; i++) {
		r->buf[i] = kzalloc(PAGE_ALIGN(HEAD_SIZE + r->len + TAG_SIZE), GFP_KERNEL);
		if (!r->buf[i])
			return -ENOMEM;
	}
	return 0;
}

static int run_set(const char *val, const struct kernel_param *kp)
{
	char name[CRYPTO_MAX_ALG_NAME];
	unsigned int keylen;
	unsigned int record;
	unsigned int count;
	struct raw_aead *r;
	int err;

	if (sscanf(val, "%127s %u %u %u", name, &keylen, &record, &count) != 4 ||
	    keylen > 32 || !record || record > RECORD_MAX || !count)
		return -EINVAL;
	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		return -ENOMEM;
	mutex_lock(&run_lock);
	err = raw_alloc(r, name, keylen, record);
	/* Once to warm up. */
	if (!err)
		err = raw_run(r, BUFFERS);
	r->seal_ns = 0;
	r->open_ns = 0;
	if (!err)
		err = raw_run(r, count);
	if (!err) {
		run_seal_ns = r->seal_ns;
		run_open_ns = r->open_ns;
		strscpy(run_driver, !r->tfm ? name :
			crypto_tfm_alg_driver_name(crypto_aead_tfm(r->tfm)),
			sizeof(run_driver));
	}
	mutex_unlock(&run_lock);
	raw_free(r);
	return err;
}

static int run_get(char *buf, const struct kernel_param *kp)
{
	int n;

	mutex_lock(&run_lock);
	n = sysfs_emit(buf, "%llu %llu %s\n", run_seal_ns, run_open_ns,
		       run_driver);
	mutex_unlock(&run_lock);
	return n;
}

static const struct kernel_param_ops run_ops = {
	.set = run_set,
	.get = run_get,
};

module_param_cb(run, &run_ops, NULL, 0600);
MODULE_PARM_DESC(run, "ALGORITHM KEYLEN RECORD COUNT: measure; read the result");

MODULE_DESCRIPTION("What an AEAD costs by itself");
MODULE_LICENSE("GPL");
