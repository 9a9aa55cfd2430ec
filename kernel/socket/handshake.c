// SPDX-License-Identifier: GPL-2.0-only
/*
 * A socket's handshake: moves tokens between the socket's queues and the daemon. Bytes are peeked
 * and offered; they are consumed only as the daemon's answer (a step) says.
 *
 * Begins in the system call; goes on in the pump, the socket's work item (pump.c), so that the
 * daemon's thread never waits for a socket's lock, and softirq only queues work.
 */
#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kschannel_netlink.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "handshake/admit.h"
#include "handshake/context.h"
#include "handshake/offer.h"
#include "handshake/owner.h"
#include "handshake/step.h"
#include "memcg.h"
#include "net.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/describe.h"
#include "socket/end.h"
#include "socket/handshake.h"
#include "socket/install.h"
#include "socket/leave.h"
#include "socket/phase.h"
#include "socket/ruling.h"
#include "socket/state.h"
#include "socket/ticket.h"
#include "socket/verdict.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"
#include "stream/tx.h"

/*
 * Count the bytes of complete records: only these are offered to the daemon, and only if every
 * header is valid. Stops beyond @most. The first @old bytes were offered before. Returns 0 or an
 * alert, with the reason in @why.
 */
static int ksc_pump_whole(struct sock *sk, u32 most, u32 old, u32 *len, const char **why)
{
	/* only steps consume bytes: start at the queue's head */
	const struct ksc_rxq head = {};
	u32 avail = ksc_rxq_len(sk), n = 0;

	while (avail - n >= KSC_HEADER_LEN && n <= most) {
		u8 p[KSC_HEADER_LEN];
		struct ksc_header h;
		int alert;

		if (ksc_rxq_copy(sk, &head, n, p, sizeof(p))) {
			if (n > old)
				break;
			return KSC_ALERT_INTERNAL_ERROR;
		}
		ksc_header_parse(p, &h);
		alert = ksc_header_check_handshake(&h);
		if (alert) {
			/* valid records before the invalid one are offered first */
			if (n > old)
				break;
			*why = alert == KSC_ALERT_RECORD_OVERFLOW ?
				"record exceeds the TLS maximum length" :
			       alert == KSC_ALERT_PROTOCOL_VERSION ?
				"invalid record version" :
				"the peer does not speak TLS";
			return alert;
		}
		if (avail - n < KSC_HEADER_LEN + h.len ||
		    n + KSC_HEADER_LEN + h.len > KSC_MAX_TOKEN)
			break;
		n += KSC_HEADER_LEN + h.len;
	}
	*len = n;
	return 0;
}

/*
 * The receive buffer is full and the record incomplete. TCP may still make room by merging small
 * segments: stuck only if nothing has arrived for a while.
 */
static bool ksc_pump_stuck(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_context *ctx = ks->context;
	u32 len = ksc_rxq_len(sk);

	if (ctx->full != len) {
		ctx->full = len;
		ctx->full_since = jiffies;
	} else if (time_after_eq(jiffies, ctx->full_since + KSC_STUCK_DELAY)) {
		return true;
	}
	ksc_pump_kick(ks, KSC_STUCK_DELAY);
	return false;
}

/* May the connection still fall back? Only as long as no byte was consumed or sent */
static bool ksc_pump_may_fall_back(const struct ksc_sock *ks)
{
	return !ks->context->total && !ks->context->spoke && ksc_policy_prefers(ks);
}

static bool ksc_pump_may_be_plain(const struct ksc_sock *ks)
{
	return ks->role == KSC_ROLE_SERVER && ksc_pump_may_fall_back(ks);
}

/*
 * Detect a plaintext client by its first byte: the rest of a header may never arrive if the client
 * waits for the server, nor anything if it has closed. Returns the reason to fall back, or NULL.
 */
static const char *ksc_pump_plain_client(struct sock *sk, const struct ksc_sock *ks)
{
	const struct ksc_rxq head = {};
	u8 type;

	if (!ksc_pump_may_be_plain(ks))
		return NULL;
	if (!ksc_rxq_len(sk))
		return sk->sk_shutdown & RCV_SHUTDOWN ?
		       "client closed the connection without sending data" : NULL;
	if (ksc_rxq_copy(sk, &head, 0, &type, 1) ||
	    (type >= KSC_CT_CHANGE_CIPHER_SPEC && type <= KSC_CT_HANDSHAKE))
		return NULL;
	return "client's first bytes are not TLS";
}

/* Is the first byte that was not offered yet in device memory? */
static bool ksc_pump_unreadable(struct sock *sk, const struct ksc_sock *ks)
{
	const struct ksc_rxq head = {};
	u32 old = ks->context->stuck;
	u8 c;

	return ksc_rxq_len(sk) > old && ksc_rxq_copy(sk, &head, old, &c, 1);
}

/* It can't be told whether it is TLS: no fallback either */
static void ksc_pump_fail_unreadable(struct sock *sk, struct ksc_sock *ks)
{
	ks->context->report = true;
	ksc_fail_alert(sk, ks, KSC_STATUS_INTERNAL_ERROR, KSC_ALERT_INTERNAL_ERROR,
		       KSC_UNREADABLE);
}

/* Maximum number of bytes that the peer may still send */
static u32 ksc_pump_most(const struct ksc_sock *ks)
{
	const struct ksc_context *ctx = ks->context;
	u32 most = READ_ONCE(ks->kn->handshakes->limits.first_flight);

	return ctx->spoke ? KSC_MAX_TOKEN : most - min(most, ctx->total);
}

/* Limits of the peer's first flight, and of the number of steps */
static bool ksc_pump_within_limits(struct sock *sk, struct ksc_sock *ks, u32 len)
{
	const struct ksc_limits *l = &ks->kn->handshakes->limits;
	struct ksc_context *ctx = ks->context;

	if (!ctx->spoke && ctx->total + len > READ_ONCE(l->first_flight)) {
		ksc_count(ks->kn, KSC_CNT_FIRST_FLIGHT_TOO_LONG);
		ksc_fail_alert(sk, ks, KSC_STATUS_RECORD_OVERFLOW, KSC_ALERT_RECORD_OVERFLOW,
			       "peer's first flight exceeds the limit");
		return false;
	}
	if (ctx->seq >= READ_ONCE(l->steps)) {
		ksc_count(ks->kn, KSC_CNT_TOO_MANY_STEPS);
		ksc_fail_alert(sk, ks, KSC_STATUS_PROTOCOL_ERROR, KSC_ALERT_UNEXPECTED_MESSAGE,
			       "handshake exceeds the step limit");
		return false;
	}
	return true;
}

/* Has the peer answered? A change_cipher_spec proves nothing: it can be sent blindly */
static void ksc_pump_prove(struct sock *sk, const struct ksc_sock *ks, u32 len)
{
	const struct ksc_rxq head = {};
	u8 type;

	if (ks->context->spoke && len > ks->context->stuck &&
	    !ksc_rxq_copy(sk, &head, 0, &type, 1) && type != KSC_CT_CHANGE_CIPHER_SPEC)
		ksc_admit_prove(ks->context);
}

/*
 * The peer does not speak TLS. The daemon has seen nothing of it: report it, as this is the most
 * common misconfiguration.
 */
static void ksc_pump_no_tls(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
			    const char *why)
{
	ks->context->report = true;
	ksc_count(ks->kn, KSC_CNT_NOT_TLS);
	if (alert)
		ksc_fail_alert(sk, ks, status, alert, why);
	else
		ksc_fail_silent(sk, ks, status, why);
}

static void ksc_pump_expired(struct sock *sk, struct ksc_sock *ks)
{
	bool present = ksc_daemon_present(ks->kn);

	ksc_count(ks->kn, KSC_CNT_HANDSHAKES_TIMED_OUT);
	/* a plaintext client of a protocol where the server speaks first */
	if (present && ks->role == KSC_ROLE_SERVER && !ks->context->seq && !ksc_rxq_len(sk))
		ksc_pump_no_tls(sk, ks, KSC_STATUS_TIMED_OUT, 0,
				"client sent no data (plaintext client?)");
	else
		ksc_fail_silent(sk, ks, present ? KSC_STATUS_TIMED_OUT : KSC_STATUS_NO_DAEMON,
				NULL);
}

/**
 * ksc_fall_back() - fall back to plaintext, as the policy only prefers TLS
 * @sk: socket, locked and owned
 * @ks: its state, whose handshake has exchanged nothing yet
 * @why: reason, for the log
 *
 * Context: process.
 */
void ksc_fall_back(struct sock *sk, struct ksc_sock *ks, const char *why)
{
	ksc_ruling_fallback(ks->kn, &ks->ruling, why);
	ksc_context_drop(ks);
	ksc_leave(sk, ks);
}

/* Is there anything new to offer to the daemon? Fails the handshake if it can't continue */
static bool ksc_pump_look(struct sock *sk, struct ksc_sock *ks, u32 *len)
{
	struct ksc_context *ctx = ks->context;
	const char *why = NULL;
	int err;

	/* the daemon is only asked for an alert */
	if (ctx->failed)
		return true;
	WRITE_ONCE(ctx->seen, tcp_sk(sk)->rcv_nxt);
	if (unlikely(ksc_pump_unreadable(sk, ks))) {
		ksc_pump_fail_unreadable(sk, ks);
		return false;
	}
	why = ksc_pump_plain_client(sk, ks);
	if (why) {
		ksc_fall_back(sk, ks, why);
		return false;
	}
	err = ksc_pump_whole(sk, ksc_pump_most(ks), ctx->stuck, len, &why);
	if (err == KSC_ALERT_INTERNAL_ERROR) {
		ksc_pump_fail_unreadable(sk, ks);
		return false;
	}
	if (err && ksc_pump_may_be_plain(ks)) {
		ksc_fall_back(sk, ks, why);
		return false;
	}
	if (err) {
		u32 status = err == KSC_ALERT_RECORD_OVERFLOW ? KSC_STATUS_RECORD_OVERFLOW :
								KSC_STATUS_PROTOCOL_ERROR;

		if (ctx->total)
			ksc_fail_alert(sk, ks, status, err, why);
		else
			ksc_pump_no_tls(sk, ks, status, err, why);
		return false;
	}
	/* the rest of the handshake can't arrive */
	if (ks->role == KSC_ROLE_SERVER && !ctx->seq && sk->sk_shutdown & RCV_SHUTDOWN) {
		ksc_fail_silent(sk, ks, KSC_STATUS_TRUNCATED,
				"the peer closed the connection during the handshake");
		return false;
	}
	/* a client's first offer and a verdict have no token; all others need new bytes */
	if (*len <= ctx->stuck && !ctx->verdict && (ctx->seq || ctx->role == KSC_ROLE_SERVER)) {
		if (sk->sk_shutdown & RCV_SHUTDOWN)
			ksc_fail_silent(sk, ks, KSC_STATUS_TRUNCATED,
					"the peer closed the connection during the handshake");
		else if (ksc_rx_shut_window(sk) && ksc_pump_stuck(sk, ks))
			ksc_fail_alert(sk, ks, KSC_STATUS_RECORD_OVERFLOW,
				       KSC_ALERT_RECORD_OVERFLOW,
				       "handshake record exceeds the receive buffer");
		return false;
	}
	if (!ksc_pump_within_limits(sk, ks, *len))
		return false;
	if (ctx->total + *len > KSC_MAX_HANDSHAKE) {
		ksc_fail_alert(sk, ks, KSC_STATUS_RECORD_OVERFLOW,
			       KSC_ALERT_RECORD_OVERFLOW,
			       "handshake exceeds the maximum length");
		return false;
	}
	return true;
}

/* Offer the peer's new bytes to the daemon */
static void ksc_pump_offer(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_context *ctx = ks->context;
	u32 len = 0;
	int err;

	if (!ksc_pump_look(sk, ks, &len))
		return;
	ksc_pump_prove(sk, ks, len);
	ctx->offered = len;
	err = ksc_netlink_offer(ctx, len);
	switch (err) {
	case 0:
	case -EBUSY:
	/* kicked when its turn comes */
	case -EINPROGRESS:
		break;
	case -EHOSTDOWN:
		/* the daemon has just exited: KSC_NEWS_LOST follows */
		if (ctx->seq)
			break;
		/* not begun: wait for a daemon if one is expected */
		if (ksc_pump_may_fall_back(ks))
			ksc_fall_back(sk, ks, "no daemon");
		else if (!ksc_daemon_expected(ks->kn))
			ksc_fail_silent(sk, ks, KSC_STATUS_NO_DAEMON, NULL);
		break;
	case -EFAULT:
		ksc_pump_fail_unreadable(sk, ks);
		break;
	default:
		ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR,
				"failed to send the handshake token to the daemon");
	}
}

static void ksc_pump_apply(struct sock *sk, struct ksc_sock *ks,
			   struct ksc_step *step)
{
	struct ksc_context *ctx = ks->context;
	u32 daemon;
	int err;

	ksc_count(ks->kn, KSC_CNT_STEPS);
	if (ksc_pump_may_fall_back(ks) && (step->status == KSC_STATUS_NO_CREDENTIALS ||
					   step->status == KSC_STATUS_ACCESS_DENIED)) {
		ksc_fall_back(sk, ks, step->text);
		return;
	}
	if (step->consumed) {
		tcp_read_done(sk, step->consumed);
		ctx->total += step->consumed;
	}
	/* a fatal step may have an alert to send */
	if (step->token_len) {
		/* before the peer can answer it */
		if (!ctx->spoke)
			ksc_admit_spoke(ctx);
		err = ksc_tx_raw(sk, step->token, step->token_len);
		if (err && step->status <= KSC_STATUS_VERIFY_NEEDED) {
			ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR,
					"failed to send the handshake token");
			return;
		}
	}

	switch (step->status) {
	case KSC_STATUS_OK:
		err = ksc_install(ks, &step->keys);
		if (err) {
			ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, err == -EOPNOTSUPP ?
					"cipher suite not supported by the kernel" :
					"failed to install keys");
			return;
		}
		daemon = ksc_context_settled(ctx);
		/* the daemon keeps the session until ksc_tickets_free() notifies it */
		if (step->tickets && daemon)
			ksc_tickets_new(ks, ctx->id, daemon);
		ksc_established(sk, ks);
		return;
	case KSC_STATUS_INCOMPLETE_MESSAGE:
		ctx->stuck = ctx->offered - step->consumed;
		ksc_context_next(ctx);
		return;
	case KSC_STATUS_CONTINUE_NEEDED:
		/* bytes that it did not consume are offered again only with more */
		ctx->stuck = ctx->offered - step->consumed;
		ksc_context_next(ctx);
		return;
	case KSC_STATUS_VERIFY_NEEDED:
		ksc_verify_begin(sk, ks, step);
		return;
	default:
		ctx->told = true;
		ksc_fail(sk, ks, step->status, step->alert, step->direction,
			 step->text);
	}
}

/* Complete a failure for which the daemon was asked for an alert; @step may be NULL */
static void ksc_pump_give_up(struct sock *sk, struct ksc_sock *ks,
			     const struct ksc_step *step)
{
	const struct ksc_context *ctx = ks->context;
	u8 direction = KSC_DIRECTION_NONE;

	if (step && step->direction == KSC_DIRECTION_SENT && step->token_len &&
	    !ksc_tx_raw(sk, step->token, step->token_len))
		direction = KSC_DIRECTION_SENT;
	ksc_fail(sk, ks, ctx->failed, ctx->alert, direction, ctx->why);
}

/**
 * ksc_pump_handshake() - advance a handshake as far as possible
 * @sk: socket, locked and owned
 * @ks: its state, in phase handshake or verify
 *
 * Context: process. On failure the socket is in phase failed.
 */
void ksc_pump_handshake(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_step *step;
	enum ksc_news news;

	while (ks->context) {
		step = NULL;
		if (ks->context->failed && (sk->sk_err || sk->sk_state == TCP_CLOSE)) {
			ksc_pump_give_up(sk, ks, NULL);
			return;
		}
		if (sk->sk_err || sk->sk_state == TCP_CLOSE) {
			ksc_fail_silent(sk, ks, KSC_STATUS_TRUNCATED,
					"the connection was reset during the handshake");
			return;
		}
		news = ksc_context_news(ks->context, &step);
		if (ks->context->failed && news > KSC_NEWS_IDLE) {
			ksc_pump_give_up(sk, ks, step);
			ksc_step_free(step);
			return;
		}
		switch (news) {
		case KSC_NEWS_STEP:
			ksc_pump_apply(sk, ks, step);
			ksc_step_free(step);
			continue;
		case KSC_NEWS_REFUSED:
			ksc_fail_alert(sk, ks, KSC_STATUS_INTERNAL_ERROR,
				       KSC_ALERT_INTERNAL_ERROR, ks->context->refused);
			return;
		case KSC_NEWS_EXPIRED:
			ksc_pump_expired(sk, ks);
			return;
		case KSC_NEWS_EVICTED:
			ksc_fail_alert(sk, ks, KSC_STATUS_OVERLOADED, KSC_ALERT_INTERNAL_ERROR,
				       "evicted: too many concurrent handshakes");
			return;
		case KSC_NEWS_LOST:
			ksc_fail_alert(sk, ks, KSC_STATUS_NO_DAEMON,
				       KSC_ALERT_INTERNAL_ERROR,
				       "daemon exited during the handshake");
			return;
		case KSC_NEWS_IDLE:
			if (ks->phase != KSC_PHASE_VERIFY)
				ksc_pump_offer(sk, ks);
			return;
		case KSC_NEWS_NONE:
			return;
		}
	}
}

/*
 * Does connect() end when TCP is connected? Set by the application, or by the rule on its behalf.
 * Not for a socket that was connected before it got the ULP: TCP's connect() has reported that.
 */
static bool ksc_connects_by_tcp(const struct ksc_sock *ks)
{
	u8 until = ks->opt.connect;

	if (until == KSC_CONNECT_DEFAULT && ks->ruling.by_policy && ks->ruling.made)
		until = ks->ruling.connect;
	return until == KSC_CONNECT_TCP && ks->phase == KSC_PHASE_CONNECTING &&
	       ks->role == KSC_ROLE_CLIENT;
}

/* ---- the context's calls to its socket ---- */

static struct ksc_sock *ksc_pump_owned(const struct ksc_owner *owner)
{
	return container_of((struct ksc_owner *)owner, struct ksc_sock, owner);
}

static void ksc_pump_owner_kick(struct ksc_owner *owner)
{
	ksc_pump_kick(ksc_pump_owned(owner), 0);
}

/* Bytes in the backlog count as unread, too. A hint, read without the lock */
static bool ksc_pump_owner_heard(const struct ksc_owner *owner, u32 seen)
{
	const struct sock *sk = ksc_pump_owned(owner)->sk;

	return READ_ONCE(tcp_sk(sk)->rcv_nxt) != seen || READ_ONCE(sk->sk_backlog.tail);
}

static void ksc_pump_owner_put(struct ksc_owner *owner)
{
	ksc_sock_put(ksc_pump_owned(owner));
}

static int ksc_pump_owner_describe(struct sk_buff *msg, const struct ksc_owner *owner)
{
	return ksc_netlink_describe(msg, ksc_pump_owned(owner));
}

static int ksc_pump_owner_token(const struct ksc_owner *owner, void *to, u32 len)
{
	const struct ksc_sock *ks = ksc_pump_owned(owner);

	return ksc_rxq_copy(ks->sk, &ks->s.rx.queue, 0, to, len);
}

static const struct ksc_owner_ops ksc_pump_owner = {
	.kick		= ksc_pump_owner_kick,
	.heard		= ksc_pump_owner_heard,
	.put		= ksc_pump_owner_put,
	.describe	= ksc_pump_owner_describe,
	.token		= ksc_pump_owner_token,
};

static int ksc_pump_admit(const struct sock *sk, const struct ksc_sock *ks)
{
	const struct socket *sock = sk->sk_socket;
	struct ksc_applicant who = {
		.sk = sk,
		.listener = ks->listener,
		.ns = ks->kn->net->user_ns,
		.uid = ks->uid,
	};

	/* a user namespace without a network namespace of its own counts, too */
	if (who.ns == &init_user_ns && sock && sock->file)
		who.ns = sock->file->f_cred->user_ns;
	return ksc_admit(ks->context, &who);
}

/**
 * ksc_handshake_start() - begin the handshake on a connected socket
 * @sk: socket, locked and owned; its role is set
 * @ks: its state
 *
 * Context: process. On failure the socket is in phase failed.
 */
void ksc_handshake_start(struct sock *sk, struct ksc_sock *ks)
{
	int err;

	ksc_arm(sk, ks);
	WRITE_ONCE(ks->write_waits, false);
	WRITE_ONCE(ks->connect_tcp, ksc_connects_by_tcp(ks));
	if (ksc_move(sk, ks, KSC_EVENT_BEGIN) || !ksc_policy_allows(sk, ks))
		return;
	ks->owner.ops = &ksc_pump_owner;
	ksc_sock_get(ks);
	ks->context = ksc_context_new(ks->kn, ks->role, ks->opt.timeout, &ks->owner);
	if (!ks->context) {
		ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, "out of memory");
		return;
	}
	err = ksc_pump_admit(sk, ks);
	if (err == -EBUSY)
		ksc_fail_alert(sk, ks, KSC_STATUS_OVERLOADED, KSC_ALERT_INTERNAL_ERROR, NULL);
	else if (err)
		ksc_fail_silent(sk, ks, KSC_STATUS_INTERNAL_ERROR, "out of memory");
	else
		ksc_pump_handshake(sk, ks);
	/* wake pollers that wait for connect() */
	if (ks->connect_tcp && ksc_handshaking(ks))
		ks->state_change(sk);
}
