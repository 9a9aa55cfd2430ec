// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reading: returns decrypted records to the application.
 */
#include <linux/kschannel_netlink.h>
#include <linux/sched/signal.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "net.h"
#include "record/frame.h"
#include "socket/ahead.h"
#include "socket/end.h"
#include "socket/recv.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/wait.h"
#include "stream/noio.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/stream.h"

/* Copy to the application, or drop with MSG_TRUNC, and consume */
static int ksc_rx_read(struct sock *sk, struct ksc_rx *rx, struct msghdr *msg,
		       size_t len, int flags)
{
	struct ksc_rec *rec = list_first_entry(&rx->plain, struct ksc_rec, list);
	u32 n = min_t(size_t, rec->len - rec->off, len);

	if (!(flags & MSG_TRUNC)) {
		n = copy_to_iter(rec->data + rec->off, n, &msg->msg_iter);
		if (!n)
			return -EFAULT;
	}
	rec->off += n;
	if (rec->off == rec->len)
		ksc_rec_done(sk, rx, rec);
	return n;
}

/* Read from the next record. Returns bytes, 0 if there is none yet, or an errno */
static int ksc_rx_take(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg, size_t len,
		       int flags, unsigned int *budget)
{
	int err = ksc_rx_has_plain(&ks->s.rx) ? 1 : ksc_rx_next(sk, ks, budget);

	return err > 0 ? ksc_rx_read(sk, &ks->s.rx, msg, len, flags) : err;
}

/* MSG_PEEK crosses record boundaries as far as complete records have arrived */
static int ksc_rx_peek(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       size_t len, size_t skip, int flags, unsigned int *budget)
{
	struct ksc_rec *rec;
	int err;

	for (;;) {
		size_t seen = 0;

		list_for_each_entry(rec, &ks->s.rx.plain, list) {
			u32 n = rec->len - rec->off;

			seen += n;
			if (seen <= skip)
				continue;
			n = min_t(size_t, seen - skip, len);
			if (flags & MSG_TRUNC)
				return n;
			n = copy_to_iter(rec->data + rec->len - (seen - skip), n,
					 &msg->msg_iter);
			return n ?: -EFAULT;
		}
		/* all plaintext was seen: decrypt more */
		err = ksc_rx_next(sk, ks, budget);
		if (err <= 0)
			return err == -ENOMEM ? err : 0;
	}
}

/* Nothing to read: is this the end? Returns 1 for EOF, 0 to wait, or an errno */
static int ksc_rx_end(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->phase == KSC_PHASE_FAILED) {
		sock_error(sk);
		return ksc_error(ks);
	}
	if (ks->s.rx.closed || ks->read_shut)
		return 1;
	if (sk->sk_err == ECONNRESET) {
		ksc_count(ks->kn, KSC_CNT_RX_TRUNCATED);
		ksc_fail_silent(sk, ks, KSC_STATUS_TRUNCATED, "the connection was reset");
		return sock_error(sk);
	}
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE) {
		/* RFC 8446 6.1: without close_notify it may be an attack */
		ksc_count(ks->kn, KSC_CNT_RX_TRUNCATED);
		ksc_fail_silent(sk, ks, KSC_STATUS_TRUNCATED, NULL);
		sock_error(sk);
		return ksc_error(ks);
	}
	return 0;
}

/* Will no more data arrive? */
static bool ksc_rx_over(struct sock *sk, struct ksc_sock *ks)
{
	return ks->phase != KSC_PHASE_ESTABLISHED || ks->s.rx.closed || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN ||
	       sk->sk_state == TCP_CLOSE;
}

/**
 * ksc_rx_call_begin() - begin a reading call
 * @call: filled in
 * @sk: socket, locked and owned
 * @nonblock: the call must not wait
 *
 * Context: process.
 */
void ksc_rx_call_begin(struct ksc_rx_call *call, struct sock *sk, bool nonblock)
{
	call->timeo = sock_rcvtimeo(sk, nonblock);
	call->since = jiffies;
	call->budget = KSC_RX_BUDGET;
}

/**
 * ksc_rx_yield() - renew a call's budget that is used up
 * @sk: socket, locked and owned; the lock is released meanwhile
 * @call: the call
 *
 * Releasing the lock processes TCP's backlog, with the peer's next records, so only the call's
 * timeout ends this.
 *
 * Context: process. Return: 0 with a new budget, or an errno.
 */
int ksc_rx_yield(struct sock *sk, struct ksc_rx_call *call)
{
	unsigned long now = jiffies;

	if (call->timeo != MAX_SCHEDULE_TIMEOUT)
		call->timeo -= min_t(unsigned long, call->timeo, now - call->since);
	call->since = now;
	if (!call->timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(call->timeo);
	release_sock(sk);
	cond_resched();
	lock_sock(sk);
	call->budget = KSC_RX_BUDGET;
	return 0;
}

/*
 * Sleep until a record is complete; releases the lock meanwhile. Another reader may have decrypted
 * one for us (not with @peek, which may have seen it).
 */
static int ksc_rx_wait(struct sock *sk, struct ksc_sock *ks, struct ksc_rx_call *call,
		       bool peek)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int ret;

	ksc_rx_stage(sk, ks);
	if (!call->timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(call->timeo);
	/* data_ready leaves a record to us */
	ks->s.rx.readers++;
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	/* first checked without the lock: safe thanks to woken_wake */
	ret = sk_wait_event(sk, &call->timeo, ksc_rx_over(sk, ks) || READ_ONCE(ks->s.rx.bad) ||
			    (!peek && ksc_rx_has_plain(&ks->s.rx)) ||
			    ksc_rxq_avail(sk, &ks->s.rx.queue) +
			    READ_ONCE(ks->s.rx.stage_len) >=
			    (READ_ONCE(ks->s.rx.rec_len) ?: KSC_HEADER_LEN), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	ks->s.rx.readers--;
	call->since = jiffies;
	return ret < 0 ? ret : 0;
}

/*
 * There was nothing to read, or @err: wait for more. Returns 1 to retry, 0 if the call is done, or
 * an errno.
 */
static int ksc_rx_again(struct sock *sk, struct ksc_sock *ks, struct ksc_rx_call *call, bool peek,
			bool copied, int err)
{
	bool yield = !err && !call->budget;

	/* with unopened records, the end is not reached yet */
	if (likely(!yield)) {
		/* the next call returns the error if this one has data */
		if (copied && (ksc_rx_over(sk, ks) || ks->read_shut || ksc_rx_full(sk, ks)))
			return 0;
		err = ksc_rx_end(sk, ks);
		if (err)
			return min(err, 0);
	}
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_rec_settle(sk, &ks->s.rx);
	err = yield ? ksc_rx_yield(sk, call) : ksc_rx_wait(sk, ks, call, peek);
	return err ?: 1;
}

/**
 * ksc_recvmsg() - proto.recvmsg
 * @sk: socket
 * @msg: message
 * @len: room in it
 * @flags: MSG_*
 * @addr_len: for MSG_ERRQUEUE, on kernels that have it
 *
 * Context: process. Return: bytes read, 0 after close_notify, or an errno.
 */
int ksc_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len)
{
	size_t copied = 0, target;
	struct ksc_rx_call call;
	struct ksc_sock *ks;
	int err, inq = -1;
	unsigned int noio;

	if (unlikely(flags & MSG_ERRQUEUE))
		return ksc_compat_recv_error(sk, msg, len, addr_len);
	if (flags & MSG_OOB)
		return -EINVAL;

	lock_sock(sk);
	ksc_rx_call_begin(&call, sk, flags & MSG_DONTWAIT);
	ks = ksc_sk(sk);
	err = ksc_ready(sk, ks, &call.timeo);
	/* timeo was reduced by the time that this took */
	call.since = jiffies;
	if (err == -ENOTCONN && ksc_is_plain(sk)) {
		release_sock(sk);
		return ksc_compat_recvmsg(sk->sk_prot, sk, msg, len, flags, addr_len);
	}
	/* data authenticated before a failure can still be read */
	if (err && !(ks && ksc_rx_has_plain(&ks->s.rx)))
		goto out;
	err = 0;
	noio = ksc_noio_begin(sk);
	target = flags & MSG_WAITALL ? len : min_t(size_t, len, ks->rcvlowat);

	while (copied < len) {
		err = flags & MSG_PEEK ?
		      ksc_rx_peek(sk, ks, msg, len - copied, copied, flags, &call.budget) :
		      ksc_rx_take(sk, ks, msg, len - copied, flags, &call.budget);
		if (err > 0) {
			copied += err;
			err = 0;
			continue;
		}
		/* pollers are woken for what is left then, too */
		if (unlikely(err == -ENOMEM))
			call.budget = 0;
		if (err == -EFAULT || err == -ENOMEM || copied >= target)
			break;
		err = ksc_rx_again(sk, ks, &call, flags & MSG_PEEK, copied, err);
		if (err <= 0)
			break;
	}
	ksc_rx_ahead(sk, ks, call.budget);
	ksc_rec_settle(sk, &ks->s.rx);
	if (unlikely(tcp_sk(sk)->recvmsg_inq))
		inq = ksc_rx_plain_len(&ks->s.rx);
	ksc_noio_end(noio);
out:
	release_sock(sk);
	if (unlikely(inq >= 0) && (copied || !err))
		put_cmsg(msg, SOL_TCP, TCP_CM_INQ, sizeof(inq), &inq);
	return copied ?: err;
}

/* Copy decrypted data to an skb, as in-kernel users expect; the record's buffer is reused */
static struct sk_buff *ksc_rx_skb(const struct ksc_rec *rec)
{
	u32 len = rec->len - rec->off;
	struct sk_buff *skb;
	int err;

	skb = alloc_skb_with_frags(0, len, PAGE_ALLOC_COSTLY_ORDER, &err, GFP_KERNEL);
	if (!skb)
		return NULL;
	skb->data_len = len;
	skb->len = len;
	if (skb_store_bits(skb, 0, rec->data + rec->off, len)) {
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/**
 * ksc_read_sock() - proto_ops.read_sock: in-kernel users that read by a callback
 * @sk: socket, locked
 * @desc: the user's; error is set
 * @recv_actor: the user's callback
 *
 * Decryption needs process context. In softirq, where strparser calls it, -ENOMEM makes that retry
 * from its work queue. Its data_ready may replace ours, so this call kicks the handshake, and the
 * pump wakes it for what is left (ksc_remind_reader()).
 *
 * Context: process with the socket's lock owned, or softirq, where it only fails.
 * Return: bytes consumed, 0 at EOF or without data, or an errno.
 */
int ksc_read_sock(struct sock *sk, read_descriptor_t *desc, sk_read_actor_t recv_actor)
{
	struct ksc_sock *ks = ksc_sk(sk);
	unsigned int budget = KSC_RX_BUDGET;
	int copied = 0, err = 0;
	unsigned int noio;

	if (!ks || !sock_owned_by_user_nocheck(sk)) {
		desc->error = -ENOMEM;
		return -ENOMEM;
	}
	if (sk->sk_state == TCP_LISTEN || ks->phase == KSC_PHASE_INIT)
		return -ENOTCONN;
	if (ksc_handshaking(ks))
		ksc_pump_kick(ks, 0);

	noio = ksc_noio_begin(sk);
	while (desc->count) {
		struct ksc_rec *rec;
		struct sk_buff *skb;

		err = ksc_rx_has_plain(&ks->s.rx) ? 1 : ksc_rx_next(sk, ks, &budget);
		if (err <= 0)
			break;
		rec = list_first_entry(&ks->s.rx.plain, struct ksc_rec, list);
		skb = ksc_rx_skb(rec);
		err = skb ? recv_actor(desc, skb, 0, skb->len) : -ENOMEM;
		consume_skb(skb);
		if (err <= 0)
			break;
		copied += err;
		rec->off += min_t(u32, err, rec->len - rec->off);
		if (rec->off == rec->len)
			ksc_rec_done(sk, &ks->s.rx, rec);
	}
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_rec_settle(sk, &ks->s.rx);
	/* data_ready may be the user's own, which does not do that */
	ksc_rx_stage(sk, ks);
	/* the budget is used up, but records are left */
	if (!err && ks->phase == KSC_PHASE_ESTABLISHED && !ks->s.rx.closed && desc->count &&
	    ksc_rx_ready(sk, &ks->s))
		ksc_pump_kick(ks, 0);
	ksc_noio_end(noio);
	/* strparser retries then */
	if (err == -ENOMEM)
		desc->error = err;
	if (!copied && !err && ks->phase == KSC_PHASE_FAILED)
		err = ksc_error(ks);
	return copied ?: err;
}

/**
 * ksc_peek_len() - proto_ops.peek_len: upper bound of what read_sock can return
 * @sock: socket
 *
 * The size of the content is known only after decryption. strparser waits for the number of bytes
 * that it last found missing, and updates that only if it was told fewer: after one guess that was
 * too high it would wait for data that it already has. So never make it wait.
 *
 * Context: any. Return: INT_MAX, or 0 without a state.
 */
int ksc_peek_len(struct socket *sock)
{
	return ksc_sk(sock->sk) ? INT_MAX : 0;
}
