// SPDX-License-Identifier: GPL-2.0
/*
 * Generic netlink: offers to the daemon and its answers, and what kschannelctl
 * asks. Spec: uapi/kschannel.yaml.
 */
#include <linux/module.h>
#include <linux/netlink.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>
#include <net/tcp.h>

#include "ksc.h"
#include "netlink-gen.h"
#include "rx_plain.h"

struct genl_family ksc_nl_family __ro_after_init = {
	.name		= KSC_FAMILY_NAME,
	.version	= KSC_FAMILY_VERSION,
	.netnsok	= true,
	/* the module's own locks do; a handler that waits holds up nobody */
	.parallel_ops	= true,
	.module		= THIS_MODULE,
	.resv_start_op	= KSC_CMD_REGISTER,
};

static int ksc_nl_notify(struct notifier_block *nb, unsigned long event, void *p)
{
	struct netlink_notify *n = p;

	if (event != NETLINK_URELEASE || n->protocol != NETLINK_GENERIC)
		return NOTIFY_DONE;
	ksc_daemon_closed(ksc_net(n->net));
	return NOTIFY_DONE;
}

/* Lines of the daemon's log within a second, that peers can cause without speaking TLS */
#define KSC_REPORTS	10

static struct notifier_block ksc_nl_notifier = {
	.notifier_call = ksc_nl_notify,
};

/* ---- offers ---- */

static int ksc_put_addr(struct sk_buff *msg, int attr, const struct sock *sk,
			bool peer)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6) {
		struct sockaddr_in6 a = { .sin6_family = AF_INET6 };

		a.sin6_port = peer ? inet->inet_dport : inet->inet_sport;
		a.sin6_addr = peer ? sk->sk_v6_daddr : sk->sk_v6_rcv_saddr;
		a.sin6_scope_id = sk->sk_bound_dev_if;
		return nla_put(msg, attr, sizeof(a), &a);
	}
#endif
	{
		struct sockaddr_in a = { .sin_family = AF_INET };

		a.sin_port = peer ? inet->inet_dport : inet->inet_sport;
		a.sin_addr.s_addr = peer ? inet->inet_daddr : inet->inet_rcv_saddr;
		return nla_put(msg, attr, sizeof(a), &a);
	}
}

static int ksc_put_blob(struct sk_buff *msg, int attr, const struct ksc_blob *b)
{
	if (!b)
		return 0;
	/* the NUL behind it makes a name a netlink string */
	return nla_put(msg, attr, b->len + (attr != KSC_A_CONTEXT_ALPN), b->data);
}

/* Between whom the connection is */
static int ksc_put_ends(struct sk_buff *msg, const struct sock *sk)
{
	return ksc_put_addr(msg, KSC_A_CONTEXT_LOCAL, sk, false) ?:
	       ksc_put_addr(msg, KSC_A_CONTEXT_PEER, sk, true);
}

/* A failure of the kernel's own finding, which the daemon is to alert the peer of */
static int ksc_put_failed(struct sk_buff *msg, const struct ksc_context *ctx)
{
	if (!ctx->failed)
		return 0;
	return nla_put_u32(msg, KSC_A_CONTEXT_STATUS, ctx->failed) ?:
	       nla_put_string(msg, KSC_A_CONTEXT_TEXT,
			      ctx->why ?: ksc_status_text(ctx->failed));
}

static int ksc_put_new(struct sk_buff *msg, const struct ksc_context *ctx)
{
	long left = ctx->deadline - jiffies;

	return nla_put_u32(msg, KSC_A_CONTEXT_ROLE, ctx->role) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_DEADLINE, left > 0 ? jiffies_to_msecs(left) : 0) ?:
	       ksc_owner_describe(msg, ctx->owner);
}

/**
 * ksc_netlink_describe() - tell the daemon who begins a handshake, and what is wanted
 * @msg: gets attributes of KSC_CMD_CONTEXT_NEW
 * @ks: the socket's state
 *
 * Context: process, the socket's lock. Return: 0 or -EMSGSIZE.
 */
int ksc_netlink_describe(struct sk_buff *msg, const struct ksc_sock *ks)
{
	struct user_namespace *ns = ks->kn->net->user_ns;

	if (nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, ks->opt.verify) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_UID, from_kuid_munged(ns, ks->uid)) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_GID, from_kgid_munged(ns, ks->gid)) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_SERVER_NAME, ks->opt.server_name) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_CREDENTIAL, ks->opt.credential) ||
	    ksc_put_blob(msg, KSC_A_CONTEXT_ALPN, ks->opt.alpn))
		return -EMSGSIZE;
	return ksc_policy_describe(msg, &ks->ruling) ?: ksc_put_ends(msg, ks->sk);
}

/**
 * ksc_netlink_offer() - offer the daemon a token
 * @ctx: the context; its state goes from idle to offered
 * @len: bytes of token
 *
 * Context: process, the owner's lock. Return: 0; -EBUSY if a step is in flight.
 * The owner is kicked when it is to be tried again with -EINPROGRESS, and with
 * -EHOSTDOWN, if there is no daemon.
 */
int ksc_netlink_offer(struct ksc_context *ctx, u32 len)
{
	struct sk_buff *msg;
	struct nlattr *a;
	u32 daemon;
	void *hdr;
	int err;

	err = ksc_queue_enter(ctx, len);
	if (err)
		return err;
	/* 2 KiB hold all that context-new has besides the token */
	msg = genlmsg_new(nla_total_size(len) + 2048, GFP_KERNEL);
	if (!msg) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS_DEFERRED);
		ksc_queue_return(ctx, true);
		return -EINPROGRESS;
	}
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0,
			  ctx->seq ? KSC_CMD_TOKEN : KSC_CMD_CONTEXT_NEW);
	err = -EMSGSIZE;
	if (!hdr ||
	    nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, ctx->id, 0) ||
	    nla_put_u32(msg, KSC_A_CONTEXT_SEQ, ctx->seq) ||
	    (!ctx->seq && ksc_put_new(msg, ctx)) ||
	    (ctx->verdict && nla_put_u32(msg, KSC_A_CONTEXT_VERDICT, ctx->verdict)) ||
	    (ctx->alert && nla_put_u8(msg, KSC_A_CONTEXT_ALERT, ctx->alert)) ||
	    ksc_put_failed(msg, ctx))
		goto fail;
	if (len) {
		a = nla_reserve(msg, KSC_A_CONTEXT_TOKEN, len);
		if (!a)
			goto fail;
		err = ksc_owner_token(ctx->owner, nla_data(a), len);
		if (err)
			goto fail;
	}
	genlmsg_end(msg, hdr);

	daemon = ksc_daemon(ctx->kn);
	err = -EBUSY;
	if (!ksc_context_offer(ctx, daemon))
		goto fail;
	err = ksc_daemon_send(ctx->kn, daemon, msg);
	if (!err) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS);
		return 0;
	}
	if (err == -EAGAIN) {
		ksc_count(ctx->kn, KSC_CNT_OFFERS_DEFERRED);
		ksc_context_unoffer(ctx, true);
		return -EINPROGRESS;
	}
	/* it has just gone; the notifier follows, or the next one's registration */
	ksc_context_unoffer(ctx, false);
	return err;
fail:
	ksc_queue_leave(ctx);
	nlmsg_free(msg);
	return err;
}

/**
 * ksc_netlink_gone() - tell the daemon that a context is no more
 * @kn: namespace
 * @daemon: registration of the one that has it
 * @id: the context's
 *
 * Context: process. Best effort: the daemon drops sessions at their deadline.
 */
void ksc_netlink_gone(struct ksc_net *kn, u32 daemon, u64 id)
{
	struct sk_buff *msg = genlmsg_new(nla_total_size_64bit(sizeof(id)),
					  GFP_KERNEL);
	void *hdr;

	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_CONTEXT_DEL);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(kn, daemon, msg);
}

static int ksc_put_failed_sock(struct sk_buff *msg, const struct sock *sk,
			       const struct ksc_sock *ks, const struct ksc_failure *f)
{
	return nla_put_u32(msg, KSC_A_CONTEXT_ROLE, ks->role) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_UID,
			   from_kuid_munged(ks->kn->net->user_ns, ks->uid)) ?:
	       ksc_put_ends(msg, sk) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_STATUS, f->status) ?:
	       nla_put_u8(msg, KSC_A_CONTEXT_ALERT, f->alert) ?:
	       nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, f->direction) ?:
	       nla_put_string(msg, KSC_A_CONTEXT_TEXT, f->text) ?:
	       ksc_policy_put_name(msg, KSC_A_CONTEXT_RULE_NAME, ks->kn, &ks->ruling);
}

/**
 * ksc_netlink_failed() - have the daemon log a handshake that it did not end itself
 * @sk: socket, locked and owned
 * @ks: its state, in phase failed
 * @id: number that the context had
 *
 * Peers bring that about at no cost of theirs: only so many in a second are told, and none
 * that finds the daemon's queue full. It is to the daemon and not to the kernel's log, which
 * a container's administrator does not see, and all containers would share.
 *
 * Context: process. Best effort: the counter has them all.
 */
void ksc_netlink_failed(const struct sock *sk, const struct ksc_sock *ks, u64 id)
{
	const struct ksc_failure *f = ks->failure;
	u32 daemon = ksc_daemon(ks->kn);
	struct sk_buff *msg;
	void *hdr;

	if (!f || !daemon || !__ratelimit(&ks->kn->reports))
		return;
	msg = genlmsg_new(1024, GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_CONTEXT_FAILED);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0) ||
	    ksc_put_failed_sock(msg, sk, ks, f)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(ks->kn, daemon, msg);
}

/**
 * ksc_netlink_ticket() - hand a ticket to the daemon that ran the handshake
 * @kn: namespace
 * @daemon: its registration
 * @id: the context's
 * @data: NewSessionTicket
 * @len: its bytes
 *
 * Context: process. Best effort: without it the next handshake is a full one.
 */
void ksc_netlink_ticket(struct ksc_net *kn, u32 daemon, u64 id, const u8 *data,
			u32 len)
{
	struct sk_buff *msg;
	void *hdr;

	if (daemon != ksc_daemon(kn))
		return;
	msg = genlmsg_new(nla_total_size_64bit(sizeof(id)) + nla_total_size(len),
			  GFP_KERNEL);
	if (!msg)
		return;
	hdr = genlmsg_put(msg, 0, 0, &ksc_nl_family, 0, KSC_CMD_TICKET);
	if (!hdr || nla_put_u64_64bit(msg, KSC_A_CONTEXT_ID, id, 0) ||
	    nla_put(msg, KSC_A_CONTEXT_TOKEN, len, data)) {
		nlmsg_free(msg);
		return;
	}
	genlmsg_end(msg, hdr);
	ksc_daemon_send(kn, daemon, msg);
}

/* Only notes the answer; the socket's own work item applies it */
static int ksc_nl_step(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	u32 daemon = ksc_daemon_is(kn, skb);
	struct mem_cgroup *memcg;
	struct ksc_context *ctx;
	struct ksc_step *step;
	int err;

	if (!daemon) {
		NL_SET_ERR_MSG(info->extack, "not the registered daemon's socket");
		return -EPERM;
	}
	if (GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_ID) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_SEQ) ||
	    GENL_REQ_ATTR_CHECK(info, KSC_A_CONTEXT_STATUS)) {
		NL_SET_ERR_MSG(info->extack, "a step needs id, seq and status");
		return -EINVAL;
	}

	ctx = ksc_context_get(kn, nla_get_u64(info->attrs[KSC_A_CONTEXT_ID]));
	if (!ctx) {
		NL_SET_ERR_MSG(info->extack, "no such context");
		return -ENOENT;
	}
	/* a token, a question: not the daemon's */
	memcg = set_active_memcg(ctx->memcg);
	step = ksc_step_parse(info);
	set_active_memcg(memcg);
	err = ksc_context_answer(ctx, daemon,
				 nla_get_u32(info->attrs[KSC_A_CONTEXT_SEQ]), step);
	if (IS_ERR(step)) {
		/* also where it is not the answer to that */
		err = PTR_ERR(step);
		if (err == -ENOMEM)
			NL_SET_ERR_MSG(info->extack, "no memory, or none that its group may have");
	} else if (err) {
		if (err == -EPERM)
			NL_SET_ERR_MSG(info->extack,
				       "the context is another daemon's");
		else if (err == -EINVAL)
			NL_SET_ERR_MSG_ATTR(info->extack,
					    info->attrs[KSC_A_CONTEXT_CONSUMED],
					    "more consumed than was offered");
		else
			NL_SET_ERR_MSG(info->extack, "not the step under way");
		ksc_step_free(step);
	}
	ksc_context_put(ctx);
	return err;
}

/**
 * ksc_nl_step_doit() - KSC_CMD_STEP
 * @skb: request
 * @info: its attributes; zeroised
 *
 * Context: process, CAP_NET_ADMIN was checked. Return: 0 or an errno.
 */
int ksc_nl_step_doit(struct sk_buff *skb, struct genl_info *info)
{
	int err = ksc_nl_step(skb, info);

	ksc_step_wipe(info);
	return err;
}

/* ---- what kschannelctl asks ---- */

static int ksc_put_failure(struct sk_buff *msg, const struct ksc_sock *ks)
{
	/* pairs with ksc_fail() */
	const struct ksc_failure *f = smp_load_acquire(&ks->failure);

	if (!f)
		return 0;
	return nla_put_u32(msg, KSC_A_SOCK_STATUS, f->status) ?:
	       nla_put_u8(msg, KSC_A_SOCK_ALERT, f->alert) ?:
	       nla_put_u32(msg, KSC_A_SOCK_DIRECTION, f->direction) ?:
	       nla_put_string(msg, KSC_A_SOCK_TEXT, f->text);
}

static int ksc_put_session(struct sk_buff *msg, const struct ksc_sock *ks)
{
	/* pairs with ksc_install() */
	const struct ksc_session *s = smp_load_acquire(&ks->session);

	if (ks->kind->put_session)
		return ks->kind->put_session(msg, ks);
	/* set before the phase that says so */
	if (!s)
		return 0;
	if (nla_put_u16(msg, KSC_A_SOCK_VERSION, ks->version) ||
	    nla_put_u16(msg, KSC_A_SOCK_SUITE, ks->suite) ||
	    nla_put_string(msg, KSC_A_SOCK_ALPN, s->text + s->alpn) ||
	    (s->resumed && nla_put_flag(msg, KSC_A_SOCK_RESUMED)))
		return -EMSGSIZE;
	if (s->has_peer &&
	    (nla_put_string(msg, KSC_A_SOCK_PEER_SUBJECT, s->text + s->peer_subject) ||
	     nla_put(msg, KSC_A_SOCK_PEER_FINGERPRINT,
		     sizeof(s->peer_fingerprint), s->peer_fingerprint)))
		return -EMSGSIZE;
	return 0;
}

/* Options may change under a listener: take them with the lock */
static int ksc_put_options(struct sk_buff *msg, struct ksc_sock *ks)
{
	/* pairs with ksc_install() */
	const struct ksc_session *s = smp_load_acquire(&ks->session);
	int err = 0;

	spin_lock_bh(&ks->lock);
	if (ks->opt.credential)
		err = nla_put_string(msg, KSC_A_SOCK_CREDENTIAL,
				     ks->opt.credential->data);
	if (!err && ks->opt.server_name)
		err = nla_put_string(msg, KSC_A_SOCK_SERVER_NAME,
				     ks->opt.server_name->data);
	else if (!err && s)
		err = nla_put_string(msg, KSC_A_SOCK_SERVER_NAME,
				     s->text + s->server_name);
	spin_unlock_bh(&ks->lock);
	return err;
}

static int ksc_put_sock(struct sk_buff *msg, struct netlink_callback *cb,
			struct sock *sk, struct ksc_sock *ks)
{
	u8 state = inet_sk_state_load(sk);
	/* pairs with ksc_established() */
	u8 phase = smp_load_acquire(&ks->phase);
	void *hdr;

	hdr = genlmsg_put(msg, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			  &ksc_nl_family, NLM_F_MULTI, KSC_CMD_SOCK_GET);
	if (!hdr)
		return -EMSGSIZE;
	if (nla_put_u64_64bit(msg, KSC_A_SOCK_ID, ks->id, 0) ||
	    ksc_put_addr(msg, KSC_A_SOCK_LOCAL, sk, false) ||
	    ksc_put_addr(msg, KSC_A_SOCK_PEER, sk, true) ||
	    nla_put_u32(msg, KSC_A_SOCK_ROLE, phase == KSC_PHASE_LISTEN ?
			KSC_ROLE_SERVER : ks->role) ||
	    nla_put_u32(msg, KSC_A_SOCK_PHASE, phase) ||
	    nla_put_u8(msg, KSC_A_SOCK_TCP_STATE, state) ||
	    nla_put_u32(msg, KSC_A_SOCK_UID,
			from_kuid_munged(sk_user_ns(NETLINK_CB(cb->skb).sk), ks->uid)) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_INODE, sock_i_ino(sk), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_TX_BYTES, READ_ONCE(ks->tx.bytes), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_TX_RECORDS,
			      READ_ONCE(ks->tx.records), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_RX_BYTES, READ_ONCE(ks->rx.bytes), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_RX_RECORDS,
			      READ_ONCE(ks->rx.records), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_KEY_UPDATES_SENT,
			      READ_ONCE(ks->tx.updates), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_KEY_UPDATES_RECEIVED,
			      READ_ONCE(ks->rx.updates), 0) ||
	    (READ_ONCE(ks->rx.closed) && nla_put_flag(msg, KSC_A_SOCK_READ_CLOSED)) ||
	    (READ_ONCE(ks->tx.closed) && nla_put_flag(msg, KSC_A_SOCK_WRITE_CLOSED)) ||
	    ksc_put_session(msg, ks) || ksc_put_options(msg, ks) ||
	    ksc_policy_put_name(msg, KSC_A_SOCK_RULE, ks->kn, &ks->ruling) ||
	    ksc_put_failure(msg, ks)) {
		genlmsg_cancel(msg, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(msg, hdr);
	return 0;
}

/**
 * ksc_nl_sock_get_dumpit() - KSC_CMD_SOCK_GET
 * @skb: answer
 * @cb: args[0] is the id to go on with
 *
 * Context: process. Return: bytes in the answer or an errno.
 */
int ksc_nl_sock_get_dumpit(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct net *net = sock_net(skb->sk);
	struct ksc_net *kn = ksc_net(net);
	bool all = netlink_ns_capable(cb->skb, net->user_ns, CAP_NET_ADMIN);
	kuid_t uid = NETLINK_CREDS(cb->skb)->uid;
	unsigned long id = cb->args[0];
	struct ksc_sock *ks;
	int err = 0;

	rcu_read_lock();
	xa_for_each_start(&kn->socks, id, ks, cb->args[0]) {
		struct sock *sk;

		if (!all && !uid_eq(uid, ks->uid))
			continue;
		/* TCP's, until it is used again */
		if (READ_ONCE(ks->phase) == KSC_PHASE_PLAIN)
			continue;
		if (!kref_get_unless_zero(&ks->ref))
			continue;
		sk = ksc_sock_hold(ks);
		rcu_read_unlock();

		if (sk) {
			err = ksc_put_sock(skb, cb, sk, ks);
			sock_put(sk);
		}
		ksc_sock_put(ks);
		rcu_read_lock();
		if (err)
			break;
	}
	rcu_read_unlock();
	cb->args[0] = err ? id : ULONG_MAX;
	return skb->len;
}

/**
 * ksc_nl_rekey_doit() - KSC_CMD_REKEY
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_rekey_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct net *net = genl_info_net(info);
	struct ksc_net *kn = ksc_net(net);
	struct ksc_sock *ks;
	int err = -ENOENT;

	if (GENL_REQ_ATTR_CHECK(info, KSC_A_SOCK_ID)) {
		NL_SET_ERR_MSG(info->extack, "which socket?");
		return -EINVAL;
	}
	rcu_read_lock();
	ks = xa_load(&kn->socks, nla_get_u64(info->attrs[KSC_A_SOCK_ID]));
	if (ks && !kref_get_unless_zero(&ks->ref))
		ks = NULL;
	rcu_read_unlock();
	/* whose sockets exist is not everybody's business */
	if (ks && (uid_eq(NETLINK_CREDS(skb)->uid, ks->uid) ||
		   netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN)))
		err = ksc_rekey_ask(ks, info->attrs[KSC_A_SOCK_REQUEST] ?
				    KSC_UPDATE_BOTH : KSC_UPDATE_OWN);
	if (ks)
		ksc_sock_put(ks);

	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "no such socket, or not yours");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "only TLS 1.3 can update its keys");
	else if (err == -ENOTCONN)
		NL_SET_ERR_MSG(info->extack, "not in phase established");
	else if (err == -EPIPE)
		NL_SET_ERR_MSG(info->extack, "the sending side is closed");
	return err;
}

static const struct {
	u16 attr;
	u16 counter;
} ksc_nl_counters[] = {
	{ KSC_A_STATS_HANDSHAKES_OK,		KSC_CNT_HANDSHAKES_OK },
	{ KSC_A_STATS_HANDSHAKES_FAILED,	KSC_CNT_HANDSHAKES_FAILED },
	{ KSC_A_STATS_HANDSHAKES_TIMED_OUT,	KSC_CNT_HANDSHAKES_TIMED_OUT },
	{ KSC_A_STATS_STEPS,			KSC_CNT_STEPS },
	{ KSC_A_STATS_OFFERS,			KSC_CNT_OFFERS },
	{ KSC_A_STATS_EVICTED_ALL,		KSC_CNT_EVICTED_ALL },
	{ KSC_A_STATS_EVICTED_USER,		KSC_CNT_EVICTED_USER },
	{ KSC_A_STATS_EVICTED_PREFIX,		KSC_CNT_EVICTED_PREFIX },
	{ KSC_A_STATS_EVICTED_LISTENER,		KSC_CNT_EVICTED_LISTENER },
	{ KSC_A_STATS_REFUSED_ALL,		KSC_CNT_REFUSED_ALL },
	{ KSC_A_STATS_REFUSED_USER,		KSC_CNT_REFUSED_USER },
	{ KSC_A_STATS_REFUSED_PREFIX,		KSC_CNT_REFUSED_PREFIX },
	{ KSC_A_STATS_REFUSED_LISTENER,		KSC_CNT_REFUSED_LISTENER },
	{ KSC_A_STATS_FIRST_FLIGHT_TOO_LONG,	KSC_CNT_FIRST_FLIGHT_TOO_LONG },
	{ KSC_A_STATS_TOO_MANY_STEPS,		KSC_CNT_TOO_MANY_STEPS },
	{ KSC_A_STATS_OFFERS_DEFERRED,		KSC_CNT_OFFERS_DEFERRED },
	{ KSC_A_STATS_TX_BYTES,			KSC_CNT_TX_BYTES },
	{ KSC_A_STATS_TX_RECORDS,		KSC_CNT_TX_RECORDS },
	{ KSC_A_STATS_RX_BYTES,			KSC_CNT_RX_BYTES },
	{ KSC_A_STATS_RX_RECORDS,		KSC_CNT_RX_RECORDS },
	{ KSC_A_STATS_RX_BAD_RECORDS,		KSC_CNT_RX_BAD_RECORDS },
	{ KSC_A_STATS_RX_TRUNCATED,		KSC_CNT_RX_TRUNCATED },
	{ KSC_A_STATS_ALERTS_SENT,		KSC_CNT_ALERTS_SENT },
	{ KSC_A_STATS_ALERTS_RECEIVED,		KSC_CNT_ALERTS_RECEIVED },
	{ KSC_A_STATS_TICKETS,			KSC_CNT_TICKETS },
	{ KSC_A_STATS_KEY_UPDATES_SENT,		KSC_CNT_KEY_UPDATES_SENT },
	{ KSC_A_STATS_KEY_UPDATES_RECEIVED,	KSC_CNT_KEY_UPDATES_RECEIVED },
	{ KSC_A_STATS_RX_FLOODS,		KSC_CNT_RX_FLOODS },
	{ KSC_A_STATS_CIPHERS_MADE,		KSC_CNT_CIPHERS_MADE },
	{ KSC_A_STATS_CIPHERS_PARKED,		KSC_CNT_CIPHERS_PARKED },
	{ KSC_A_STATS_POLICY_PLAIN,		KSC_CNT_POLICY_PLAIN },
	{ KSC_A_STATS_POLICY_FALLBACKS,		KSC_CNT_POLICY_FALLBACKS },
	{ KSC_A_STATS_POLICY_REFUSED,		KSC_CNT_POLICY_REFUSED },
	{ KSC_A_STATS_RX_STAGED,		KSC_CNT_RX_STAGED },
	{ KSC_A_STATS_NOT_TLS,			KSC_CNT_NOT_TLS },
	{ KSC_A_STATS_POLICY_DIFFERS,		KSC_CNT_POLICY_DIFFERS },
	{ KSC_A_STATS_KEYS_REFUSED,		KSC_CNT_KEYS_REFUSED },
};

/**
 * ksc_nl_stats_get_doit() - KSC_CMD_STATS_GET
 * @skb: request
 * @info: its attributes
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_nl_stats_get_doit(struct sk_buff *skb, struct genl_info *info)
{
	struct ksc_net *kn = ksc_net(genl_info_net(info));
	struct sk_buff *msg;
	void *hdr;
	int i;

	msg = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!msg)
		return -ENOMEM;
	hdr = genlmsg_put_reply(msg, info, &ksc_nl_family, 0, KSC_CMD_STATS_GET);
	if (!hdr)
		goto full;
	if ((ksc_daemon_present(kn) && nla_put_flag(msg, KSC_A_STATS_DAEMON)) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_SOCKETS,
			      atomic_read(&kn->nr_socks), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_CONTEXTS,
			      atomic_read(&kn->nr_contexts), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_OFFERS_WAITING,
			      READ_ONCE(kn->queue.nr_waiting), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_OFFERS_UNANSWERED,
			      READ_ONCE(kn->queue.taken), 0) ||
	    ksc_limits_put(msg, kn) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_LIMIT_DATALESS,
			      READ_ONCE(ksc_max_dataless), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_STATS_LIMIT_KEY_UPDATES,
			      READ_ONCE(ksc_max_key_updates), 0))
		goto full;
	for (i = 0; i < ARRAY_SIZE(ksc_nl_counters); i++)
		if (nla_put_u64_64bit(msg, ksc_nl_counters[i].attr,
				      ksc_counter_sum(kn, ksc_nl_counters[i].counter),
				      0))
			goto full;
	genlmsg_end(msg, hdr);
	return genlmsg_reply(msg, info);
full:
	nlmsg_free(msg);
	return -EMSGSIZE;
}

/**
 * ksc_netlink_net_init() - set a network namespace up
 * @kn: namespace
 */
void ksc_netlink_net_init(struct ksc_net *kn)
{
	ratelimit_state_init(&kn->reports, HZ, KSC_REPORTS);
	/* what is left out is no line of the kernel's log either */
	ratelimit_set_flags(&kn->reports, RATELIMIT_MSG_ON_RELEASE);
}

/**
 * ksc_netlink_init() - register the family
 *
 * Return: 0 or an errno.
 */
int ksc_netlink_init(void)
{
	int err;

	ksc_nl_family.ops = ksc_nl_ops;
	ksc_nl_family.n_ops = ARRAY_SIZE(ksc_nl_ops);
	err = genl_register_family(&ksc_nl_family);
	if (!err)
		netlink_register_notifier(&ksc_nl_notifier);
	return err;
}

/**
 * ksc_netlink_exit() - undo ksc_netlink_init()
 */
void ksc_netlink_exit(void)
{
	netlink_unregister_notifier(&ksc_nl_notifier);
	genl_unregister_family(&ksc_nl_family);
}
