// SPDX-License-Identifier: GPL-2.0-only
/*
 * Netlink commands on sockets: KSC_CMD_SOCK_GET and KSC_CMD_REKEY.
 */
#include <linux/kschannel_netlink.h>
#include <linux/netlink.h>
#include <net/genetlink.h>
#include <net/inet_sock.h>

#include "handshake/keys.h"
#include "net.h"
#include "netlink-gen.h"
#include "policy/policy.h"
#include "socket/describe.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "stream/stream.h"

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
	/* not yet: set before the phase changes */
	if (!s)
		return 0;
	if (nla_put_u16(msg, KSC_A_SOCK_VERSION, ks->s.version) ||
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

/* Options may change concurrently: read them under the lock */
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
	    nla_put_u64_64bit(msg, KSC_A_SOCK_TX_BYTES, READ_ONCE(ks->s.tx.bytes), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_TX_RECORDS,
			      READ_ONCE(ks->s.tx.records), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_RX_BYTES, READ_ONCE(ks->s.rx.bytes), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_RX_RECORDS,
			      READ_ONCE(ks->s.rx.records), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_KEY_UPDATES_SENT,
			      READ_ONCE(ks->s.tx.updates), 0) ||
	    nla_put_u64_64bit(msg, KSC_A_SOCK_KEY_UPDATES_RECEIVED,
			      READ_ONCE(ks->s.rx.updates), 0) ||
	    (READ_ONCE(ks->s.rx.closed) && nla_put_flag(msg, KSC_A_SOCK_READ_CLOSED)) ||
	    (READ_ONCE(ks->s.tx.closed) && nla_put_flag(msg, KSC_A_SOCK_WRITE_CLOSED)) ||
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
 * @cb: args[0] is the id to continue with
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
	xa_for_each_start(&kn->socks->all, id, ks, cb->args[0]) {
		struct sock *sk;

		if (!all && !uid_eq(uid, ks->uid))
			continue;
		/* left to TCP, until it is reused */
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
		NL_SET_ERR_MSG(info->extack, "missing socket id");
		return -EINVAL;
	}
	rcu_read_lock();
	ks = xa_load(&kn->socks->all, nla_get_u64(info->attrs[KSC_A_SOCK_ID]));
	if (ks && !kref_get_unless_zero(&ks->ref))
		ks = NULL;
	rcu_read_unlock();
	/* do not reveal other users' sockets */
	if (ks && (uid_eq(NETLINK_CREDS(skb)->uid, ks->uid) ||
		   netlink_ns_capable(skb, net->user_ns, CAP_NET_ADMIN)))
		err = ksc_rekey_ask(ks, info->attrs[KSC_A_SOCK_REQUEST] ?
				    KSC_UPDATE_BOTH : KSC_UPDATE_OWN);
	if (ks)
		ksc_sock_put(ks);

	if (err == -ENOENT)
		NL_SET_ERR_MSG(info->extack, "no such socket, or owned by another user");
	else if (err == -EOPNOTSUPP)
		NL_SET_ERR_MSG(info->extack, "KeyUpdate requires TLS 1.3");
	else if (err == -ENOTCONN)
		NL_SET_ERR_MSG(info->extack, "socket is not in phase established");
	else if (err == -EPIPE)
		NL_SET_ERR_MSG(info->extack, "sending side is closed");
	return err;
}
