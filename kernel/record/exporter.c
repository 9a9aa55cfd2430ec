// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keying material for applications, RFC 5705 and RFC 8446 7.5. It is derived from a secret that
 * does not leave the kernel; keying material reveals neither that secret nor traffic keys.
 */
#include <crypto/hash.h>
#include <crypto/sha2.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "record/cipher.h"
#include "record/exporter.h"
#include "record/frame.h"

/* The largest HkdfLabel: its label's length is one byte, RFC 8446 7.1 */
#define KSC_INFO_SIZE		(2 + 1 + 255 + 1 + KSC_MAX_SECRET + 1)

/* HKDF-Expand-Label(key, label, context, len), RFC 8446 7.1 and RFC 5869 2.3 */
static int ksc_export_expand(struct crypto_shash *hmac, const u8 *key, const u8 *label,
			     u32 label_len, const u8 *context, u8 *out, u32 len)
{
	const u32 size = crypto_shash_digestsize(hmac);
	u8 buf[KSC_MAX_SECRET + KSC_INFO_SIZE], t[KSC_MAX_SECRET];
	u8 *info = buf + size, *p;
	u32 done, n;
	int err;

	n = ksc_hkdf_label(info, KSC_INFO_SIZE - 1, label, label_len, context, size, len);
	if (WARN_ON_ONCE(!n))
		return -EINVAL;
	p = info + n;
	*p = 0;
	err = crypto_shash_setkey(hmac, key, size);
	for (done = 0; !err && done < len; done += n) {
		u8 *from = done ? buf : info;

		*p += 1;
		err = crypto_shash_tfm_digest(hmac, from, p + 1 - from, t);
		memcpy(buf, t, size);
		n = min(len - done, size);
		memcpy(out + done, t, n);
	}
	memzero_explicit(buf, sizeof(buf));
	memzero_explicit(t, sizeof(t));
	return err;
}

/* RFC 8446 7.5: no context is the same as an empty one */
static int ksc_export_13(const struct ksc_exporter *x, struct crypto_shash *hmac,
			 const struct ksc_export_job *job)
{
	const char *name = x->suite->hash_len == SHA384_DIGEST_SIZE ? "sha384" : "sha256";
	u8 digest[KSC_MAX_SECRET], derived[KSC_MAX_SECRET];
	struct crypto_shash *hash;
	int err;

	hash = crypto_alloc_shash(name, 0, 0);
	if (IS_ERR(hash))
		return PTR_ERR(hash);
	err = crypto_shash_tfm_digest(hash, "", 0, digest);
	if (!err)
		err = ksc_export_expand(hmac, x->secret, job->label, job->label_len, digest,
					derived, x->suite->hash_len);
	if (!err)
		err = crypto_shash_tfm_digest(hash, job->context, job->context_len, digest);
	if (!err)
		err = ksc_export_expand(hmac, derived, "exporter", 8, digest, job->out,
					job->out_len);
	memzero_explicit(derived, sizeof(derived));
	crypto_free_shash(hash);
	return err;
}

/* P_hash of RFC 5246 5 with the seed of RFC 5705 4 */
static int ksc_export_12(const struct ksc_exporter *x, struct crypto_shash *hmac,
			 const struct ksc_export_job *job)
{
	const u32 size = x->suite->hash_len;
	const u32 total = size + job->label_len + sizeof(x->randoms) + 2 + job->context_len;
	u8 t[KSC_MAX_SECRET];
	u32 done, n;
	u8 *buf, *p;
	int err;

	buf = kvmalloc(total, GFP_KERNEL_ACCOUNT);
	if (!buf)
		return -ENOMEM;
	p = buf + size;
	memcpy(p, job->label, job->label_len);
	p += job->label_len;
	memcpy(p, x->randoms, sizeof(x->randoms));
	p += sizeof(x->randoms);
	if (job->has_context) {
		*p++ = job->context_len >> 8;
		*p++ = job->context_len;
		memcpy(p, job->context, job->context_len);
		p += job->context_len;
	}
	err = crypto_shash_setkey(hmac, x->secret, sizeof(x->secret));
	if (!err)
		err = crypto_shash_tfm_digest(hmac, buf + size, p - buf - size, t);
	for (done = 0; !err && done < job->out_len; done += n) {
		memcpy(buf, t, size);
		err = crypto_shash_tfm_digest(hmac, buf, p - buf, t);
		n = min(job->out_len - done, size);
		memcpy(job->out + done, t, n);
		if (!err)
			err = crypto_shash_tfm_digest(hmac, buf, size, t);
	}
	memzero_explicit(t, sizeof(t));
	kvfree_sensitive(buf, total);
	return err;
}

/* RFC 5705 4: printable, and not one of the labels that TLS itself uses */
static bool ksc_export_label_ok(const u8 *label, u32 len)
{
	static const char * const reserved[] = {
		"client finished", "server finished", "master secret",
		"extended master secret", "key expansion",
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(reserved); i++)
		if (len == strlen(reserved[i]) && !memcmp(label, reserved[i], len))
			return false;
	for (i = 0; i < len; i++)
		if (label[i] < 0x20 || label[i] > 0x7e)
			return false;
	return true;
}

/**
 * ksc_export() - derive keying material
 * @x: the connection's exporter, or NULL if it has none
 * @job: request; its label is checked here
 *
 * Context: process. Return: 0, -EINVAL for an invalid label, -ENODATA without an exporter, or
 * another errno.
 */
int ksc_export(const struct ksc_exporter *x, const struct ksc_export_job *job)
{
	struct crypto_shash *hmac;
	int err;

	if (!ksc_export_label_ok(job->label, job->label_len))
		return -EINVAL;
	/* TLS 1.2 without extended master secret: RFC 7627 5.4 */
	if (!x)
		return -ENODATA;
	hmac = crypto_alloc_shash(x->suite->hmac, 0, 0);
	if (IS_ERR(hmac))
		return PTR_ERR(hmac);
	err = x->suite->version == KSC_VERSION_1_3 ? ksc_export_13(x, hmac, job) :
						     ksc_export_12(x, hmac, job);
	crypto_free_shash(hmac);
	return err;
}

/**
 * ksc_export_user() - derive keying material for user space
 * @buf: struct ksc_export; receives the result
 * @room: its size
 * @derive: callback that derives it, called without locks
 * @owner: passed to @derive
 *
 * Context: process. Return: bytes written, or an errno.
 */
int ksc_export_user(void __user *buf, size_t room,
		    int (*derive)(void *owner, const struct ksc_export_job *job), void *owner)
{
	struct ksc_export_job job;
	struct ksc_export e;
	u32 len;
	int err;
	u8 *data;

	if (room < sizeof(e))
		return -EINVAL;
	if (copy_from_user(&e, buf, sizeof(e)))
		return -EFAULT;
	len = e.label_len + e.context_len;
	if (!e.label_len || e.label_len > KSC_MAX_EXPORT_LABEL || !e.out_len ||
	    e.out_len > KSC_MAX_EXPORT || (e.flags & ~KSC_EXPORT_F_CONTEXT) ||
	    (e.context_len && !(e.flags & KSC_EXPORT_F_CONTEXT)) || len > room - sizeof(e))
		return -EINVAL;
	if (e.out_len > room)
		return -ERANGE;
	data = kvmalloc(len + e.out_len, GFP_KERNEL_ACCOUNT);
	if (!data)
		return -ENOMEM;
	job = (struct ksc_export_job) {
		.label = data,
		.label_len = e.label_len,
		.context = data + e.label_len,
		.context_len = e.context_len,
		.has_context = e.flags & KSC_EXPORT_F_CONTEXT,
		.out = data + len,
		.out_len = e.out_len,
	};
	err = -EFAULT;
	if (copy_from_user(data, buf + sizeof(e), len))
		goto free;
	err = derive(owner, &job);
	if (!err)
		err = copy_to_user(buf, job.out, job.out_len) ? -EFAULT : (int)job.out_len;
free:
	kvfree_sensitive(data, len + e.out_len);
	return err;
}
