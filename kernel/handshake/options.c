// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handshake's options: names and ALPN, which a listener shares with its children.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/tcp.h>

#include "handshake/options.h"

/**
 * ksc_blob_put() - drop a reference
 * @b: may be NULL
 *
 * Context: any.
 */
void ksc_blob_put(struct ksc_blob *b)
{
	if (b && refcount_dec_and_test(&b->ref))
		kfree_rcu(b, rcu);
}

static struct ksc_blob *ksc_blob_get(struct ksc_blob *b)
{
	if (b)
		refcount_inc(&b->ref);
	return b;
}

/**
 * ksc_options_copy() - share a listener's options with a child
 * @to: all NULL
 * @from: the listener's, locked
 *
 * Context: any.
 */
void ksc_options_copy(struct ksc_options *to, const struct ksc_options *from)
{
	*to = *from;
	ksc_blob_get(to->server_name);
	ksc_blob_get(to->credential);
	ksc_blob_get(to->alpn);
}

/**
 * ksc_options_free() - drop the options' references
 * @opt: options without users
 *
 * Context: any.
 */
void ksc_options_free(struct ksc_options *opt)
{
	ksc_blob_put(opt->server_name);
	ksc_blob_put(opt->credential);
	ksc_blob_put(opt->alpn);
}

static struct ksc_blob *ksc_blob_new(sockptr_t optval, unsigned int len)
{
	struct ksc_blob *b = kmalloc(struct_size(b, data, len + 1),
				     GFP_KERNEL_ACCOUNT);

	if (!b)
		return ERR_PTR(-ENOMEM);
	refcount_set(&b->ref, 1);
	b->len = len;
	b->data[len] = 0;
	if (copy_from_sockptr(b->data, optval, len)) {
		kfree(b);
		return ERR_PTR(-EFAULT);
	}
	return b;
}

/* RFC 7301 3.1: non-empty names, each preceded by its length */
static bool ksc_alpn_valid(const u8 *p, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i += 1 + p[i])
		if (!p[i] || p[i] >= len - i)
			return false;
	return true;
}

/* Names go to logs and to the daemon: no control characters, no spaces, no NUL */
static bool ksc_name_valid(const u8 *p, unsigned int len)
{
	unsigned int i;

	for (i = 0; i < len; i++)
		if (p[i] <= ' ' || p[i] == 0x7f)
			return false;
	return true;
}

/**
 * ksc_blob_make() - copy a name or a list to a new blob
 * @list: a ProtocolNameList, else a name
 * @from: the name or list
 * @len: length of @from in bytes
 *
 * Context: process. Return: the blob, NULL if @len is 0, or an ERR_PTR.
 */
struct ksc_blob *ksc_blob_make(bool list, sockptr_t from, unsigned int len)
{
	struct ksc_blob *b;

	if (len > (list ? KSC_MAX_ALPN : KSC_MAX_NAME))
		return ERR_PTR(-ENAMETOOLONG);
	if (!len)
		return NULL;
	b = ksc_blob_new(from, len);
	if (IS_ERR(b))
		return b;
	if (list ? !ksc_alpn_valid(b->data, len) : !ksc_name_valid(b->data, len)) {
		ksc_blob_put(b);
		return ERR_PTR(-EINVAL);
	}
	return b;
}
