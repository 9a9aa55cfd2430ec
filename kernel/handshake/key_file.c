// SPDX-License-Identifier: GPL-2.0-only
/*
 * Key files: keys of a handshake whose messages an application transported itself. The daemon ran
 * the handshake and creates a file with the keys. It passes the descriptor to the application,
 * which attaches the keys to a socket. Any holder of the descriptor can do so, once, in the
 * network namespace that the keys are for. Closing the file drops unattached keys.
 *
 * The keys of a file take at most 1 KiB, charged to the daemon's memory cgroup, and count for the
 * user of the application (admit.c). What the socket keeps is a copy, charged to who attaches.
 *
 * The file pins the module, and until the keys are gone the daemon's network namespace, in which
 * they are counted. It holds only the cookie of the namespace that the keys are for, which may be
 * deleted at any time.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>

#include "handshake/admit.h"
#include "handshake/key_file.h"
#include "handshake/keys.h"
#include "handshake/options.h"
#include "handshake/step.h"
#include "handshake/upcall.h"
#include "memcg.h"
#include "net.h"
#include "netlink-gen.h"
#include "record/exporter.h"

/* enum ksc_key_state - state of a key */
enum ksc_key_state {
	KSC_KEY_READY,		/* can be attached */
	KSC_KEY_TAKEN,		/* being attached: only ksc_key_take()'s caller uses it */
	KSC_KEY_SPENT,		/* attached */
};

/**
 * struct ksc_key_file - private data of a key's file
 * @lock: protects @state, and reads of the rest in state ready
 * @state: enum ksc_key_state
 * @role: enum ksc_role
 * @verify: enum ksc_verify
 * @daemon: registration of a daemon that wants tickets of the session, or 0
 * @id: the daemon's number of the session
 * @netns: cookie of the network namespace that it is for
 * @kn: the daemon's namespace, referenced; NULL when spent
 * @user: what it counts toward, besides @kn
 * @credential: the one that the daemon chose, or NULL
 * @keys: the keys; all zero when spent
 *
 * Freed with the file.
 */
struct ksc_key_file {
	spinlock_t lock;	/* state */
	u8 state;
	u8 role;
	u8 verify;
	u32 daemon;
	u64 id;
	u64 netns;
	struct ksc_net *kn;
	struct ksc_bucket *user;
	struct ksc_blob *credential;
	struct ksc_keys keys;
};

/* Drop it from the accounting and wipe its keys; there are no other users */
static void ksc_key_forget(struct ksc_key_file *k)
{
	if (k->daemon)
		ksc_netlink_gone(k->kn, k->daemon, k->id);
	k->daemon = 0;
	if (k->kn) {
		ksc_admit_key_end(k->kn, k->user);
		put_net(k->kn->net);
	}
	k->kn = NULL;
	ksc_blob_put(k->credential);
	k->credential = NULL;
	ksc_keys_free(&k->keys);
}

static void ksc_key_free(struct ksc_key_file *k)
{
	ksc_key_forget(k);
	kfree(k);
}

static int ksc_key_release(struct inode *inode, struct file *file)
{
	ksc_key_free(file->private_data);
	return 0;
}

/* ---- ioctls ---- */

/* Context: the key's lock. May it be used? */
static int ksc_key_ready(const struct ksc_key_file *k)
{
	switch (k->state) {
	case KSC_KEY_READY:
		return 0;
	case KSC_KEY_TAKEN:
		return -EBUSY;
	default:
		return -ESTALE;
	}
}

/*
 * Context: the key's lock. Can the caller trust it? The root of a user namespace may register a
 * daemon there, with any claims.
 */
static int ksc_key_readable(const struct ksc_key_file *k)
{
	return ksc_key_ready(k) ?: current_in_userns(k->kn->net->user_ns) ? 0 : -EPERM;
}

static int ksc_key_info(struct ksc_key_file *k, void __user *to, size_t room)
{
	struct ksc_info *info = kzalloc(sizeof(*info), GFP_KERNEL);
	size_t len = min(room, sizeof(*info));
	int err;

	if (!info)
		return -ENOMEM;
	spin_lock(&k->lock);
	err = ksc_key_readable(k);
	if (!err) {
		info->version = k->keys.version;
		info->cipher_suite = k->keys.suite;
		info->role = k->role;
		info->phase = KSC_PHASE_ESTABLISHED;
		ksc_session_info(k->keys.session, info);
	}
	spin_unlock(&k->lock);
	if (!err && (copy_to_user(to, info, len) || clear_user(to + len, room - len)))
		err = -EFAULT;
	kfree(info);
	return err;
}

static int ksc_key_derive(void *owner, const struct ksc_export_job *job)
{
	struct ksc_key_file *k = owner;
	struct ksc_exporter x = {};
	int err;

	/* deriving sleeps */
	spin_lock(&k->lock);
	err = ksc_key_readable(k);
	if (!err && k->keys.exporter)
		x = *k->keys.exporter;
	spin_unlock(&k->lock);
	if (!err)
		err = ksc_export(x.suite ? &x : NULL, job);
	memzero_explicit(&x, sizeof(x));
	return err;
}

static long ksc_key_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct ksc_key_file *k = file->private_data;
	void __user *p = (void __user *)arg;

	if (cmd == KSC_KEY_EXPORT)
		return min(ksc_export_user(p, INT_MAX, ksc_key_derive, k), 0);
	/* the structure may grow */
	if (_IOC_TYPE(cmd) == _IOC_TYPE(KSC_KEY_INFO) && _IOC_NR(cmd) == _IOC_NR(KSC_KEY_INFO) &&
	    _IOC_DIR(cmd) == _IOC_DIR(KSC_KEY_INFO))
		return ksc_key_info(k, p, _IOC_SIZE(cmd));
	return -ENOTTY;
}

static const struct file_operations ksc_key_fops = {
	.owner		= THIS_MODULE,
	.release	= ksc_key_release,
	.unlocked_ioctl	= ksc_key_ioctl,
	.compat_ioctl	= compat_ptr_ioctl,
};

/* ---- attaching ---- */

/* Copies, to charge what the socket keeps to the process that attaches */
static int ksc_key_copy(const struct ksc_key_file *k, struct ksc_grant *g)
{
	const struct ksc_blob *b = k->credential;

	g->id = k->id;
	g->daemon = k->daemon;
	g->role = k->role;
	g->verify = k->verify;
	if (b) {
		g->credential = ksc_blob_make(false, KERNEL_SOCKPTR((void *)b->data), b->len);
		if (IS_ERR(g->credential))
			return PTR_ERR_OR_ZERO(xchg(&g->credential, NULL));
	}
	return ksc_keys_copy(&g->keys, &k->keys);
}

/* Is a daemon of that user namespace privileged over @net? */
static bool ksc_key_rules(const struct user_namespace *daemon, const struct net *net)
{
	const struct user_namespace *ns = net->user_ns;

	while (ns && ns != daemon)
		ns = ns->parent;
	return ns;
}

/**
 * ksc_key_take() - take a key for a socket
 * @fd: the key's descriptor
 * @net: the socket's namespace
 * @g: all zero; filled in, then ksc_key_give() has to follow
 *
 * Context: process. Return: 0, or an errno and there is nothing to give back.
 */
int ksc_key_take(int fd, const struct net *net, struct ksc_grant *g)
{
	struct ksc_key_file *k;
	int err;

	/* may be closed meanwhile: then ksc_key_give() frees it */
	g->file = fget(fd);
	if (!g->file)
		return -EBADF;
	err = -EBADFD;
	if (g->file->f_op != &ksc_key_fops)
		goto put;
	k = g->file->private_data;
	spin_lock(&k->lock);
	err = ksc_key_ready(k);
	if (!err && (net->net_cookie != k->netns || !ksc_key_rules(k->kn->net->user_ns, net)))
		err = -EXDEV;
	if (!err)
		k->state = KSC_KEY_TAKEN;
	spin_unlock(&k->lock);
	if (err)
		goto put;
	g->foreign = !net_eq(net, k->kn->net);
	err = ksc_key_copy(k, g);
	if (err)
		ksc_key_give(g, err);
	return err;
put:
	fput(g->file);
	return err;
}

/**
 * ksc_key_give() - end the use of a taken key
 * @g: as filled in by ksc_key_take()
 * @err: 0 if it was attached; else it becomes available again
 *
 * Context: process.
 */
void ksc_key_give(struct ksc_grant *g, int err)
{
	struct ksc_key_file *k = g->file->private_data;

	/* the socket has taken over the tickets, or there won't be any */
	if (!err)
		k->daemon = g->daemon;
	spin_lock(&k->lock);
	k->state = err ? KSC_KEY_READY : KSC_KEY_SPENT;
	spin_unlock(&k->lock);
	if (!err)
		ksc_key_forget(k);
	fput(g->file);
	ksc_blob_put(g->credential);
	ksc_blob_put(g->server_name);
	ksc_blob_put(g->alpn);
	ksc_keys_free(&g->keys);
}

/* ---- creation by the daemon ---- */

static int ksc_key_parse(struct ksc_key_file *k, struct genl_info *info)
{
	struct nlattr **a = info->attrs, *name = a[KSC_A_CONTEXT_CREDENTIAL];
	const struct net *net = genl_info_net(info);
	int err;

	/*
	 * A key takes at most 1 KiB, not counting lockdep's part of the lock. Each of the
	 * session's names has a NUL, and parsing may leave room for another.
	 */
	BUILD_BUG_ON(sizeof(*k) - sizeof(k->lock) + sizeof(struct ksc_exporter) +
		     sizeof(struct ksc_session) + sizeof(struct ksc_blob) + KSC_MAX_KEY_TEXT +
		     3 * 2 + 1 > 1024);

	if (GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_ROLE) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_UID)) {
		NL_SET_ERR_MSG(info->extack, "missing id, role or uid");
		return -EINVAL;
	}
	k->id = nla_get_u64(a[KSC_A_CONTEXT_ID]);
	k->role = nla_get_u32(a[KSC_A_CONTEXT_ROLE]);
	k->netns = a[KSC_A_CONTEXT_NETNS] ? nla_get_u64(a[KSC_A_CONTEXT_NETNS]) : net->net_cookie;
	if (a[KSC_A_CONTEXT_VERIFY])
		k->verify = nla_get_u32(a[KSC_A_CONTEXT_VERIFY]);
	if (k->role == KSC_ROLE_UNSPEC) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_CONTEXT_ROLE],
				    "role must be client or server");
		return -EINVAL;
	}
	/* else a ticket could be mistaken for one of a socket's own handshake */
	if (a[KSC_A_CONTEXT_TICKETS] && !(k->id >> 63)) {
		NL_SET_ERR_MSG_ATTR(info->extack, a[KSC_A_CONTEXT_ID],
				    "tickets require bit 63 of the id");
		return -EINVAL;
	}
	err = ksc_keys_parse(&k->keys, info);
	if (err)
		return err;
	if (name)
		k->credential = ksc_blob_make(false, KERNEL_SOCKPTR(nla_data(name)),
					      strnlen(nla_data(name), nla_len(name)));
	if (IS_ERR(k->credential)) {
		err = PTR_ERR_OR_ZERO(xchg(&k->credential, NULL));
		if (err != -ENOMEM)
			NL_SET_ERR_MSG_ATTR(info->extack, name, "malformed");
		return err;
	}
	if (k->keys.session->size - 3 + (k->credential ? k->credential->len : 0) >
	    KSC_MAX_KEY_TEXT) {
		NL_SET_ERR_MSG(info->extack, "key text too long");
		return -EMSGSIZE;
	}
	return 0;
}

/* Account it to its user and the daemon's namespace, and take a reference to that */
static int ksc_key_admit(struct ksc_key_file *k, struct genl_info *info)
{
	const struct nlattr *a = info->attrs[KSC_A_CONTEXT_UID];
	struct net *net = genl_info_net(info);
	kuid_t uid = make_kuid(net->user_ns, nla_get_u32(a));
	int err;

	/* in other user namespaces all users count as the namespace's owner */
	if (!uid_valid(uid) && net->user_ns == &init_user_ns) {
		NL_SET_ERR_MSG_ATTR(info->extack, a, "uid not mapped in the user namespace");
		return -EINVAL;
	}
	err = ksc_admit_key(ksc_net(net), uid, &k->user);
	if (err == -EDQUOT)
		NL_SET_ERR_MSG(info->extack, "too many unattached keys");
	if (!err)
		k->kn = ksc_net(get_net(net));
	return err;
}

static int ksc_key_reply(struct genl_info *info, u64 id, int fd)
{
	struct sk_buff *msg = genlmsg_new(nla_total_size_64bit(sizeof(id)) +
					  nla_total_size(sizeof(u32)), GFP_KERNEL);
	void *hdr;

	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, KSC_CMD_KEY_NEW);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_FD, fd)) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
}

/* Consumes the key. The descriptor is installed only if the reply was sent */
static int ksc_key_publish(struct ksc_key_file *k, u32 daemon, struct genl_info *info)
{
	struct file *file;
	int fd, err;

	file = anon_inode_getfile("[kschannel-key]", &ksc_key_fops, k, O_RDONLY);
	if (IS_ERR(file)) {
		ksc_key_free(k);
		return PTR_ERR(file);
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		if (fd == -EMFILE)
			NL_SET_ERR_MSG(info->extack, "no free descriptor");
		fput(file);
		return fd;
	}
	err = ksc_key_reply(info, k->id, fd);
	if (err) {
		put_unused_fd(fd);
		fput(file);
		return err;
	}
	k->daemon = daemon;
	fd_install(fd, file);
	return 0;
}

static int ksc_key_new(struct sk_buff *skb, struct genl_info *info)
{
	u32 daemon = ksc_daemon_is(ksc_net(genl_info_net(info)), skb, info);
	struct ksc_key_file *k;
	int err;

	if (!daemon)
		return -EPERM;
	k = kzalloc(sizeof(*k), KSC_GFP_FOR_OTHERS);
	if (!k)
		return -ENOMEM;
	spin_lock_init(&k->lock);
	err = ksc_key_parse(k, info) ?: ksc_key_admit(k, info);
	if (err) {
		ksc_key_free(k);
		return err;
	}
	return ksc_key_publish(k, info->attrs[KSC_A_CONTEXT_TICKETS] ? daemon : 0, info);
}

/**
 * ksc_nl_key_new_doit() - KSC_CMD_KEY_NEW
 * @skb: request
 * @info: its attributes; zeroised
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_key_new_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = ksc_key_new(skb, info);

	ksc_step_wipe(info);
	return err;
}
