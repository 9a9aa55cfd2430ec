// SPDX-License-Identifier: GPL-2.0
/*
 * The netlink transport: contexts whose tokens an application carries itself. It
 * opens one over its netlink socket, offers tokens and is told what came of each;
 * keys stay here until the context is attached to a TCP socket.
 *
 * A handle belongs to the netlink socket that opened it, or that it was moved to by
 * whoever had both, and goes with it.
 */
#include <linux/module.h>
#include <linux/net.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/genetlink.h>

#include "ksc.h"
#include "handle.h"
#include "memcg.h"
#include "netlink-gen.h"
#include "verify.h"

static unsigned int ksc_max_contexts = 4096;
module_param_named(max_contexts, ksc_max_contexts, uint, 0644);
MODULE_PARM_DESC(max_contexts, "contexts that the applications of one user may have");

/* ---- how many a user has ---- */

/* by uid, of all namespaces: making one more must not help */
static DEFINE_XARRAY(ksc_quotas);

static int ksc_quota_add(kuid_t uid, long n)
{
	unsigned long i = __kuid_val(uid);
	unsigned long have;
	int err = 0;

	xa_lock(&ksc_quotas);
	have = xa_to_value(xa_load(&ksc_quotas, i) ?: xa_mk_value(0)) + n;
	if (n > 0 && have > READ_ONCE(ksc_max_contexts))
		err = -EDQUOT;
	else if (have)
		err = xa_err(__xa_store(&ksc_quotas, i, xa_mk_value(have), GFP_ATOMIC));
	else
		__xa_erase(&ksc_quotas, i);
	xa_unlock(&ksc_quotas);
	return err;
}

/* ---- lifetime ---- */

static void ksc_handle_free(struct kref *ref)
{
	struct ksc_handle *h = container_of(ref, struct ksc_handle, ref);

	ksc_options_free(&h->opt);
	mutex_destroy(&h->lock);
	/* whoever kicks all contexts may still look at it */
	kfree_rcu(h, rcu);
}

/**
 * ksc_handle_put() - drop a reference
 * @h: the handle
 *
 * Context: process.
 */
void ksc_handle_put(struct ksc_handle *h)
{
	kref_put(&h->ref, ksc_handle_free);
}

/* Have the work look soon */
static void ksc_handle_kick(void *owner)
{
	struct ksc_handle *h = owner;

	/* may be called for one on its way out, under RCU */
	if (!kref_get_unless_zero(&h->ref))
		return;
	if (mod_delayed_work(ksc_wq, &h->work, 0))
		ksc_handle_put(h);
}

static void ksc_handle_transport_get(void *owner)
{
	struct ksc_handle *h = owner;

	kref_get(&h->ref);
}

static void ksc_handle_transport_put(void *owner)
{
	ksc_handle_put(owner);
}

static int ksc_handle_describe(struct sk_buff *msg, void *owner)
{
	const struct ksc_handle *h = owner;

	if (nla_put_flag(msg, KSC_A_CONTEXT_DETAILS_WANTED) ||
	    (h->pick && nla_put_flag(msg, KSC_A_CONTEXT_PICK)))
		return -EMSGSIZE;
	return ksc_netlink_put_caller(msg, h->kn, &h->opt, h->uid, h->gid);
}

static int ksc_handle_copy(void *owner, void *to, u32 len)
{
	const struct ksc_handle *h = owner;

	memcpy(to, h->token, len);
	return 0;
}

static const struct ksc_transport ksc_handle_transport = {
	.kick		= ksc_handle_kick,
	.get		= ksc_handle_transport_get,
	.put		= ksc_handle_transport_put,
	.describe	= ksc_handle_describe,
	.copy		= ksc_handle_copy,
};

static void ksc_handle_drop_token(struct ksc_handle *h)
{
	kvfree(h->token);
	h->token = NULL;
	h->len = 0;
}

/**
 * ksc_handle_end() - a handle is no more
 * @h: the handle; the caller's reference stays
 * @owner: nothing happens unless it is still this socket's; NULL for anybody's
 *
 * Whoever comes first does it: the command, the socket's close, or the attachment.
 *
 * Context: process. Return: 0 or -EPERM.
 */
int ksc_handle_end(struct ksc_handle *h, const struct sock *owner)
{
	struct ksc_context *ctx;

	mutex_lock(&h->lock);
	if (owner && h->owner != owner) {
		mutex_unlock(&h->lock);
		return -EPERM;
	}
	ctx = h->ctx;
	h->ctx = NULL;
	h->state = KSC_HANDLE_GONE;
	ksc_handle_drop_token(h);
	ksc_step_free(h->step);
	h->step = NULL;
	if (h->daemon)
		ksc_netlink_gone(h->kn, h->daemon, ctx->id);
	h->daemon = 0;
	mutex_unlock(&h->lock);
	if (!ctx)
		return 0;

	spin_lock(&h->kn->lock);
	hlist_del(&h->node);
	spin_unlock(&h->kn->lock);
	ksc_context_end(ctx);
	if (cancel_delayed_work(&h->work))
		ksc_handle_put(h);
	ksc_quota_add(h->uid, -1);
	sock_put(h->owner);
	ksc_handle_put(h);
	module_put(THIS_MODULE);
	return 0;
}

/**
 * ksc_handles_gone() - a netlink socket was closed
 * @kn: namespace
 * @portid: its port, which may be another's by now
 *
 * Context: process.
 */
void ksc_handles_gone(struct ksc_net *kn, u32 portid)
{
	struct ksc_handle *h;
	bool found;

	do {
		found = false;
		spin_lock(&kn->lock);
		hash_for_each_possible(kn->handles, h, node, portid) {
			if (h->portid == portid && sock_flag(h->owner, SOCK_DEAD)) {
				kref_get(&h->ref);
				found = true;
				break;
			}
		}
		spin_unlock(&kn->lock);
		if (found) {
			ksc_handle_end(h, NULL);
			ksc_handle_put(h);
		}
	} while (found);
}

/* ---- what a step came to ---- */

static int ksc_handle_put_session(struct sk_buff *msg, const struct ksc_step *step)
{
	const struct ksc_session *s = step->session;
	struct nlattr *nest;

	if (!s)
		return 0;
	if (nla_put_u16(msg, KSC_A_CONTEXT_VERSION, step->version) ||
	    nla_put_u16(msg, KSC_A_CONTEXT_SUITE, step->suite))
		return -EMSGSIZE;
	nest = nla_nest_start(msg, KSC_A_CONTEXT_SESSION);
	if (!nest ||
	    nla_put_string(msg, KSC_A_SESSION_ALPN, s->text + s->alpn) ||
	    nla_put_string(msg, KSC_A_SESSION_SERVER_NAME, s->text + s->server_name) ||
	    (s->resumed && nla_put_flag(msg, KSC_A_SESSION_RESUMED)))
		return -EMSGSIZE;
	if (s->has_peer &&
	    (nla_put_string(msg, KSC_A_SESSION_PEER_SUBJECT, s->text + s->peer_subject) ||
	     nla_put(msg, KSC_A_SESSION_PEER_FINGERPRINT,
		     sizeof(s->peer_fingerprint), s->peer_fingerprint)))
		return -EMSGSIZE;
	nla_nest_end(msg, nest);
	return 0;
}

/**
 * ksc_handle_put_step() - say what a step came to
 * @msg: message to an application
 * @step: the step; its keys stay here
 *
 * Return: 0 or -EMSGSIZE.
 */
int ksc_handle_put_step(struct sk_buff *msg, const struct ksc_step *step)
{
	if (nla_put_u32(msg, KSC_A_CONTEXT_STATUS, step->status) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, step->consumed) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_NEED, step->need) ||
	    nla_put_u8(msg, KSC_A_CONTEXT_ALERT, step->alert) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, step->direction) ||
	    nla_put_string(msg, KSC_A_CONTEXT_TEXT, step->text) ||
	    (step->token_len &&
	     nla_put(msg, KSC_A_CONTEXT_TOKEN, step->token_len, step->token)))
		return -EMSGSIZE;
	return ksc_question_put(msg, step->question) ?: ksc_handle_put_session(msg, step);
}

/**
 * ksc_handle_msg() - make a message to an application
 * @step: what it is to tell of, or NULL
 * @more: room for what else there is to tell, in bytes
 *
 * Context: process. Return: the message or NULL.
 */
struct sk_buff *ksc_handle_msg(const struct ksc_step *step, size_t more)
{
	/* 2 KiB hold all that there is besides the token and what is to be judged */
	size_t len = step ? nla_total_size(step->token_len) + ksc_question_size(step->question) : 0;

	return genlmsg_new(len + more + 2048, GFP_KERNEL);
}

/* There may be no memory for what there is to say of a failure */
static int ksc_handle_put_last(struct sk_buff *msg, const struct ksc_step *step)
{
	return step ? ksc_handle_put_step(msg, step) :
		      nla_put_u32(msg, KSC_A_CONTEXT_STATUS, KSC_STATUS_INTERNAL_ERROR);
}

/* Context: the handle's lock. The application is told of its last step */
static void ksc_handle_tell(struct ksc_handle *h)
{
	struct ksc_step *step = h->step;
	struct sk_buff *msg;
	void *hdr;

	h->told = false;
	if (sock_flag(h->owner, SOCK_DEAD))
		return;
	msg = ksc_handle_msg(step, 0);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, h->portid, h->seq, &ksc_nl_family, 0, KSC_CMD_CONTEXT_RESULT);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, h->ctx->id, 0) ||
	    ksc_handle_put_last(msg, step)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	/* a full queue makes the socket err with ENOBUFS: context-get is for that */
	h->told = !genlmsg_unicast(h->kn->net, msg, h->portid);
}

/* Context: the handle's lock */
static void ksc_handle_settle(struct ksc_handle *h, u8 state, struct ksc_step *step, bool tell)
{
	ksc_handle_drop_token(h);
	ksc_step_free(h->step);
	h->step = step;
	h->state = state;
	if (tell)
		ksc_handle_tell(h);
}

static void ksc_handle_fail(struct ksc_handle *h, u32 status, const char *text)
{
	bool waiting = h->state == KSC_HANDLE_BUSY;
	struct ksc_step *step = kzalloc(sizeof(*step), KSC_GFP_FOR_OTHERS);

	/* a place in the order of those who wait for the daemon is for who goes on */
	ksc_queue_leave(h->ctx);
	ksc_count(h->kn, KSC_CNT_HANDSHAKES_FAILED);
	if (step) {
		step->status = status;
		strscpy(step->text, text ?: ksc_status_text(status), sizeof(step->text));
	}
	ksc_handle_settle(h, KSC_HANDLE_FAILED, step, waiting);
}

static void ksc_handle_apply(struct ksc_handle *h, struct ksc_step *step)
{
	u32 daemon;

	ksc_count(h->kn, KSC_CNT_STEPS);
	h->ctx->total += step->consumed;
	if (step->status == KSC_STATUS_OK) {
		ksc_count(h->kn, KSC_CNT_HANDSHAKES_OK);
		daemon = ksc_context_settled(h->ctx);
		h->daemon = step->tickets ? daemon : 0;
		ksc_handle_settle(h, KSC_HANDLE_OK, step, true);
	} else if (step->status <= KSC_STATUS_VERIFY_NEEDED) {
		ksc_context_next(h->ctx);
		ksc_handle_settle(h, KSC_HANDLE_IDLE, step, true);
	} else {
		ksc_count(h->kn, KSC_CNT_HANDSHAKES_FAILED);
		if (step->direction == KSC_DIRECTION_SENT)
			ksc_count(h->kn, KSC_CNT_ALERTS_SENT);
		ksc_context_settled(h->ctx);
		ksc_handle_settle(h, KSC_HANDLE_FAILED, step, true);
	}
}

static void ksc_handle_offer(struct ksc_handle *h)
{
	int err;

	h->ctx->offered = h->len;
	err = ksc_netlink_offer(h->ctx, h->len);
	switch (err) {
	case 0:
	case -EBUSY:
	/* kicked when its turn comes */
	case -EINPROGRESS:
	/* the next daemon has it offered again */
	case -EHOSTDOWN:
		break;
	default:
		ksc_handle_fail(h, KSC_STATUS_INTERNAL_ERROR,
				"the token could not be handed to the daemon");
	}
}

/**
 * ksc_handle_look() - see what there is to do
 * @h: the handle
 *
 * Context: process, the handle's lock.
 */
void ksc_handle_look(struct ksc_handle *h)
{
	struct ksc_step *step = NULL;

	if (h->state > KSC_HANDLE_BUSY)
		return;
	switch (ksc_context_news(h->ctx, &step)) {
	case KSC_NEWS_STEP:
		ksc_handle_apply(h, step);
		break;
	case KSC_NEWS_REFUSED:
		ksc_handle_fail(h, KSC_STATUS_INTERNAL_ERROR, h->ctx->refused);
		break;
	case KSC_NEWS_EXPIRED:
		ksc_count(h->kn, KSC_CNT_HANDSHAKES_TIMED_OUT);
		ksc_handle_fail(h, ksc_daemon_present(h->kn) ? KSC_STATUS_TIMED_OUT :
							       KSC_STATUS_NO_DAEMON, NULL);
		break;
	case KSC_NEWS_LOST:
		ksc_handle_fail(h, KSC_STATUS_NO_DAEMON,
				"the daemon went away in the middle of the handshake");
		break;
	case KSC_NEWS_IDLE:
		if (h->state == KSC_HANDLE_BUSY)
			ksc_handle_offer(h);
		break;
	/* what an application carries itself is not counted with the sockets' */
	case KSC_NEWS_EVICTED:
	case KSC_NEWS_NONE:
		break;
	}
}

static void ksc_handle_work(struct work_struct *work)
{
	struct ksc_handle *h = container_of(to_delayed_work(work), struct ksc_handle, work);
	struct mem_cgroup *memcg;

	mutex_lock(&h->lock);
	memcg = set_active_memcg(h->ctx ? h->ctx->memcg : NULL);
	ksc_handle_look(h);
	set_active_memcg(memcg);
	mutex_unlock(&h->lock);
	ksc_handle_put(h);
}

/**
 * ksc_handle_new() - make a handle
 * @kn: namespace
 * @owner: the netlink socket that it is for
 * @portid: its port
 * @uid: whose request it is
 * @gid: and of which group
 *
 * Context: process. Return: the handle, of which nobody else knows, or NULL.
 */
struct ksc_handle *ksc_handle_new(struct ksc_net *kn, struct sock *owner, u32 portid,
				  kuid_t uid, kgid_t gid)
{
	struct ksc_handle *h = kzalloc(sizeof(*h), GFP_KERNEL_ACCOUNT);

	if (!h)
		return NULL;
	kref_init(&h->ref);
	mutex_init(&h->lock);
	INIT_DELAYED_WORK(&h->work, ksc_handle_work);
	h->kn = kn;
	h->owner = owner;
	h->portid = portid;
	h->uid = uid;
	h->gid = gid;
	return h;
}

/**
 * ksc_handle_publish() - make a handle and its context visible
 * @h: new
 * @role: enum ksc_role
 * @id: gets the context's number; it may be gone by then, others may guess it
 *
 * Context: process. Return: 0, and ksc_handle_end() is needed from then on; -EDQUOT if
 * the user has as many as may be; or -ENOMEM.
 */
int ksc_handle_publish(struct ksc_handle *h, u8 role, u64 *id)
{
	int err = ksc_quota_add(h->uid, 1);

	if (err)
		return err;
	mutex_lock(&h->lock);
	h->ctx = ksc_context_new(h->kn, role, h->opt.timeout, &ksc_handle_transport, h);
	if (h->ctx) {
		*id = h->ctx->id;
		sock_hold(h->owner);
		__module_get(THIS_MODULE);
		/* ksc_handle_end() drops one of its own */
		kref_get(&h->ref);
		spin_lock(&h->kn->lock);
		hash_add(h->kn->handles, &h->node, h->portid);
		spin_unlock(&h->kn->lock);
	} else {
		ksc_quota_add(h->uid, -1);
		err = -ENOMEM;
	}
	mutex_unlock(&h->lock);
	return err;
}

/**
 * ksc_handle_get() - find a handle
 * @kn: namespace
 * @id: the context's
 * @owner: netlink socket that says it has it
 * @extack: gets an explanation, or NULL
 *
 * Context: process. Return: the handle with a reference; or an ERR_PTR of -EPERM if
 * it is another's, -ESTALE if it was deleted, -ENOENT if it never was.
 */
struct ksc_handle *ksc_handle_get(struct ksc_net *kn, u64 id, const struct sock *owner,
				  struct netlink_ext_ack *extack)
{
	struct ksc_context *ctx = ksc_context_get(kn, id);
	struct ksc_handle *h;

	if (!ctx) {
		if (id && id <= atomic64_read(&kn->next_context)) {
			NL_SET_ERR_MSG(extack, "the context was deleted");
			return ERR_PTR(-ESTALE);
		}
		NL_SET_ERR_MSG(extack, "no such context");
		return ERR_PTR(-ENOENT);
	}
	h = ctx->transport == &ksc_handle_transport ? ctx->owner : NULL;
	if (!h || READ_ONCE(h->owner) != owner) {
		NL_SET_ERR_MSG(extack, "the context is another socket's");
		h = ERR_PTR(-EPERM);
	} else {
		kref_get(&h->ref);
	}
	ksc_context_put(ctx);
	return h;
}

/* ---- a socket gets the keys ---- */

/* Context: the handle's lock. What of a handle goes to a socket */
static int ksc_handle_grant(struct ksc_handle *h, struct ksc_grant *g)
{
	switch (h->state) {
	case KSC_HANDLE_OK:
		break;
	case KSC_HANDLE_IDLE:
	case KSC_HANDLE_BUSY:
		return -EINPROGRESS;
	case KSC_HANDLE_TAKEN:
		return -EBUSY;
	case KSC_HANDLE_FAILED:
		return -ECONNABORTED;
	default:
		return -ESTALE;
	}
	h->state = KSC_HANDLE_TAKEN;
	g->handle = h;
	g->id = h->ctx->id;
	g->role = h->ctx->role;
	g->step = h->step;
	h->step = NULL;
	g->daemon = h->daemon;
	h->daemon = 0;
	ksc_options_copy(&g->opt, &h->opt);
	return 0;
}

/* The handle, with the file of the netlink socket that has it: that can't go meanwhile */
static struct ksc_handle *ksc_handle_by_fd(struct net *net, int fd, u64 id, struct socket **sock,
					   struct netlink_ext_ack *extack)
{
	struct socket *found;
	struct ksc_handle *h;
	struct sock *owner;
	int err;

	found = sockfd_lookup(fd, &err);
	if (!found)
		return ERR_PTR(err);
	owner = found->sk;
	if (owner->sk_family == AF_NETLINK && owner->sk_protocol == NETLINK_GENERIC &&
	    net_eq(sock_net(owner), net)) {
		h = ksc_handle_get(ksc_net(net), id, owner, extack);
	} else {
		NL_SET_ERR_MSG(extack, "not a netlink socket that has contexts");
		h = ERR_PTR(-EINVAL);
	}
	if (IS_ERR(h))
		sockfd_put(found);
	*sock = found;
	return h;
}

/**
 * ksc_handle_move() - give a handle to another netlink socket
 * @net: namespace
 * @fd: the socket that has it
 * @id: the context's number
 * @owner: the socket that gets it, whose caller this is
 * @portid: its port
 * @extack: gets an explanation
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_handle_move(struct net *net, int fd, u64 id, struct sock *owner, u32 portid,
		    struct netlink_ext_ack *extack)
{
	struct socket *sock;
	struct ksc_handle *h = ksc_handle_by_fd(net, fd, id, &sock, extack);
	struct sock *old = NULL;
	int err = 0;

	if (IS_ERR(h))
		return PTR_ERR(h);
	mutex_lock(&h->lock);
	if (h->state == KSC_HANDLE_GONE) {
		NL_SET_ERR_MSG(extack, "the context was deleted");
		err = -ESTALE;
	} else if (h->state == KSC_HANDLE_BUSY || h->state == KSC_HANDLE_TAKEN) {
		NL_SET_ERR_MSG(extack, "a step is under way");
		err = -EBUSY;
	} else if (h->owner != sock->sk) {
		/* another was faster */
		NL_SET_ERR_MSG(extack, "the context is another socket's");
		err = -EPERM;
	} else {
		old = h->owner;
		sock_hold(owner);
		spin_lock(&h->kn->lock);
		hash_del(&h->node);
		WRITE_ONCE(h->owner, owner);
		h->portid = portid;
		hash_add(h->kn->handles, &h->node, portid);
		spin_unlock(&h->kn->lock);
	}
	mutex_unlock(&h->lock);
	if (old)
		sock_put(old);
	sockfd_put(sock);
	ksc_handle_put(h);
	return err;
}

/**
 * ksc_handle_take() - take from a handle what a socket needs
 * @net: the socket's namespace
 * @fd: the netlink socket that has the context
 * @id: the context's number
 * @g: filled in; ksc_handle_give() follows
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_handle_take(struct net *net, int fd, u64 id, struct ksc_grant *g)
{
	struct socket *sock;
	struct ksc_handle *h = ksc_handle_by_fd(net, fd, id, &sock, NULL);
	int err;

	if (IS_ERR(h))
		return PTR_ERR(h);
	mutex_lock(&h->lock);
	err = h->owner == sock->sk ? ksc_handle_grant(h, g) : -EPERM;
	mutex_unlock(&h->lock);
	sockfd_put(sock);
	if (err)
		ksc_handle_put(h);
	return err;
}

/**
 * ksc_handle_give() - be done with what was taken
 * @g: what ksc_handle_take() filled in
 * @err: 0 if a socket has it, and the handle goes; else it is as before
 *
 * Context: process.
 */
void ksc_handle_give(struct ksc_grant *g, int err)
{
	struct ksc_handle *h = g->handle;

	if (err) {
		mutex_lock(&h->lock);
		if (h->state == KSC_HANDLE_TAKEN) {
			h->state = KSC_HANDLE_OK;
			swap(h->step, g->step);
			swap(h->daemon, g->daemon);
		}
		mutex_unlock(&h->lock);
		/* it was deleted meanwhile */
		if (g->daemon)
			ksc_netlink_gone(h->kn, g->daemon, g->id);
	} else {
		ksc_handle_end(h, NULL);
	}
	ksc_step_free(g->step);
	ksc_options_free(&g->opt);
	ksc_handle_put(h);
}
