// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw mode: a ULP with the interface of in-tree kTLS. Attaching, TCP's callbacks, poll() and
 * close(). Each direction is plain TCP until it has keys; until then operations are passed through
 * to TCP.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <net/inet_common.h>
#include <net/netlink.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "ktls/ktls.h"
#include "ktls/rx.h"
#include "ktls/sockopt.h"
#include "ktls/state.h"
#include "ktls/tx.h"
#include "record/frame.h"
#include "socket/ahead.h"
#include "socket/callbacks.h"
#include "socket/close.h"
#include "socket/phase.h"
#include "socket/poll.h"
#include "socket/pump.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/ulp.h"
#include "stream/noio.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"
#include "stream/tx.h"

static struct proto ksc_ktls_protos[KSC_FAMILIES];

static struct proto_ops ksc_ktls_ops[KSC_FAMILIES];

/* ---- TCP's callbacks: the socket's lock is held, in softirq or process ---- */

static void ksc_ktls_data_ready(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);
	struct ksc_ktls *kt;

	/* being released */
	if (unlikely(!ks))
		return;
	kt = ksc_ktls(ks);
	/* the application may have cleared SO_OOBINLINE: ksc_rxq_len() */
	if (unlikely(!sock_flag(sk, SOCK_URGINLINE)) && kt->rx_on)
		sock_set_flag(sk, SOCK_URGINLINE);
	if (!kt->rx_on || ksc_ktls_ready(sk, kt))
		ks->data_ready(sk);
	else if (!ksc_rx_stalled(sk, &ks->s))
		return;
	/* stalled until the plaintext is read; without any, stage the record */
	else if (ksc_rx_has_plain(&ks->s.rx))
		ks->data_ready(sk);
	else
		ksc_pump_kick(ks, 0);
}

static void ksc_ktls_write_space(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	if (unlikely(!ks))
		return;
	if (ks->s.tx.pending)
		ksc_pump_kick(ks, ks->s.tx.pushing ? KSC_TX_AGAIN : 0);
	ks->write_space(sk);
}

static void ksc_ktls_arm(struct sock *sk, struct ksc_sock *ks)
{
	write_lock_bh(&sk->sk_callback_lock);
	ks->armed = true;
	ks->data_ready = sk->sk_data_ready;
	ks->write_space = sk->sk_write_space;
	sk->sk_data_ready = ksc_ktls_data_ready;
	sk->sk_write_space = ksc_ktls_write_space;
	write_unlock_bh(&sk->sk_callback_lock);
}

static void ksc_ktls_disarm(struct sock *sk, struct ksc_sock *ks)
{
	write_lock_bh(&sk->sk_callback_lock);
	ks->armed = false;
	/* an in-kernel user of the socket may have installed its own */
	if (sk->sk_data_ready == ksc_ktls_data_ready)
		sk->sk_data_ready = ks->data_ready;
	if (sk->sk_write_space == ksc_ktls_write_space)
		sk->sk_write_space = ks->write_space;
	write_unlock_bh(&sk->sk_callback_lock);
}

/* Work that needs process context. Context: process, the socket's lock */
static void ksc_ktls_pump(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->phase != KSC_PHASE_ESTABLISHED)
		return;
	if (ksc_tx_may_resume(sk, ks))
		ksc_ktls_resume(sk, ksc_ktls(ks));
	ksc_ktls_stage(sk, ksc_ktls(ks));
	if (ksc_ktls(ks)->rx_on)
		ksc_ktls_settle(sk, ksc_ktls(ks));
}

static void ksc_ktls_wipe(struct ksc_sock *ks)
{
	memzero_explicit(&ksc_ktls(ks)->tx_info, sizeof(union ksc_ktls_info));
	memzero_explicit(&ksc_ktls(ks)->rx_info, sizeof(union ksc_ktls_info));
}

/* The handshake was the application's: the suite is known only in part */
static int ksc_ktls_put_session(struct sk_buff *msg, const struct ksc_sock *ks)
{
	u16 version = READ_ONCE(ks->s.version);
	int err = nla_put_flag(msg, KSC_A_SOCK_RAW);

	if (!err && version)
		err = nla_put_u16(msg, KSC_A_SOCK_VERSION, version);
	/* before TLS 1.3 a suite includes the key exchange, which is unknown */
	if (!err && version == KSC_VERSION_1_3)
		err = nla_put_u16(msg, KSC_A_SOCK_SUITE, READ_ONCE(ks->suite));
	return err;
}

/* Raw mode: the application runs the handshake */
static struct ksc_kind ksc_raw = {
	.stream		= &ksc_sock_stream,
	.run		= ksc_ktls_pump,
	.wipe		= ksc_ktls_wipe,
	.put_session	= ksc_ktls_put_session,
};

/* ---- poll, shutdown, close ---- */

/* Without the lock: is there a record to read, of any type, whose header was parsed? */
static bool ksc_ktls_poll_in(struct sock *sk, const struct ksc_ktls *kt)
{
	const struct ksc_rx *rx = &kt->ks.s.rx;
	u32 len = READ_ONCE(rx->rec_len);

	if (ksc_rx_has_plain(rx))
		return true;
	return len && !READ_ONCE(kt->rekey_pending) && !READ_ONCE(kt->stopped) &&
	       ksc_rxq_avail(sk, &rx->queue) + READ_ONCE(rx->stage_len) >= len;
}

/* Readable means a complete record or an error; the work item parses headers */
static bool ksc_ktls_poll_record(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_rx *rx = &kt->ks.s.rx;

	if (ksc_ktls_poll_in(sk, kt))
		return true;
	ksc_poll_tell(rx);
	if (ksc_ktls_poll_in(sk, kt))
		return true;
	if (READ_ONCE(kt->stopped))
		return false;
	if (ksc_rx_stalled(sk, &kt->ks.s) ||
	    (!READ_ONCE(rx->rec_len) &&
	     ksc_rxq_avail(sk, &rx->queue) + READ_ONCE(rx->stage_len) >= KSC_HEADER_LEN))
		ksc_pump_kick(&kt->ks, 0);
	return false;
}

static __poll_t ksc_ktls_poll(struct file *file, struct socket *sock,
			      struct poll_table_struct *wait)
{
	const __poll_t in = EPOLLIN | EPOLLRDNORM;
	struct sock *sk = sock->sk;
	struct ksc_sock *ks = ksc_sk(sk);
	__poll_t mask = tcp_poll(file, sock, wait);

	if (!ks)
		return mask;
	mask &= ~ksc_poll_full(sock, ks);
	/* pairs with ksc_ktls_set_keys() */
	if (!smp_load_acquire(&ksc_ktls(ks)->rx_on) ||
	    READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN)
		return mask;
	mask &= ~in;
	if (poll_requested_events(wait) & in && ksc_ktls_poll_record(sk, ksc_ktls(ks)))
		mask |= in;
	return mask;
}

/* A sealed record is sent before the FIN; an open one is not */
static int ksc_ktls_shutdown(struct socket *sock, int how)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks;
	unsigned int noio;
	int err = 0;

	if (how == SHUT_WR || how == SHUT_RDWR) {
		lock_sock(sk);
		noio = ksc_noio_begin(sk);
		ks = ksc_sk(sk);
		if (ks && ks->s.tx.pending)
			err = ksc_tx_flush(sk, &ks->s);
		if (ks && ks->s.tx.lost)
			err = -EPIPE;
		else if (err != -EAGAIN)
			err = 0;
		ksc_noio_end(noio);
		release_sock(sk);
	}
	/* a FIN would hide that data before it is missing */
	if (err)
		return err == -EAGAIN ? -ENOBUFS : err;
	return inet_shutdown(sock, how);
}

/* No close_notify: the application sends it, as with in-tree kTLS */
static void ksc_ktls_close(struct sock *sk, long timeout)
{
	struct proto *base = ksc_base_proto(sk);
	struct ksc_sock *ks;
	unsigned int noio;

	lock_sock(sk);
	noio = ksc_noio_begin(sk);
	ks = ksc_sk(sk);
	if (ks) {
		if (ks->s.tx.lost || (ks->s.tx.pending && ksc_tx_flush(sk, &ks->s)))
			ksc_close_reset(sk);
		ksc_move(sk, ks, KSC_EVENT_CLOSE);
		ksc_tx_free(sk, &ks->s.tx);
		ksc_rx_free(sk, &ks->s.rx);
		ksc_ktls_wipe(ks);
		ksc_ktls_disarm(sk, ks);
		if (cancel_delayed_work(&ks->pump))
			ksc_sock_put(ks);
	}
	ksc_noio_end(noio);
	/* from here on TCP alone sends what is in its queues */
	WRITE_ONCE(sk->sk_prot, base);
	release_sock(sk);
	base->close(sk, timeout);
}

static int ksc_ktls_disconnect(struct sock *sk, int flags)
{
	return -EOPNOTSUPP;
}

/* ---- the ULP ---- */

static int ksc_ktls_attach(struct sock *sk)
{
	int family = sk->sk_family == AF_INET6;
	struct ksc_sock *ks;
	int err;

	if (sk->sk_state != TCP_ESTABLISHED)
		return -ENOTCONN;
	if (!ksc_pristine(sk))
		return -EOPNOTSUPP;

	err = ksc_attach(sk, &ksc_raw);
	if (err)
		return err;
	ks = ksc_sk(sk);
	ks->s.tx.max = KSC_MAX_PAYLOAD;
	ksc_move(sk, ks, KSC_EVENT_ESTABLISH);
	ksc_ktls_arm(sk, ks);
	WRITE_ONCE(sk->sk_prot, &ksc_ktls_protos[family]);
	WRITE_ONCE(sk->sk_socket->ops, &ksc_ktls_ops[family]);
	return 0;
}

KSC_DEFINE_ULP_INFO(ksc_ktls_info, ksc_ktls_get_info, ksc_ktls_get_info_size)

/* no clone: so the core rejects listen() on such a socket */
static struct tcp_ulp_ops ksc_ktls_ulp_ops = {
	.name		= KSC_RAW_ULP_NAME,
	.owner		= THIS_MODULE,
	.init		= ksc_ktls_attach,
	.get_info	= ksc_ktls_info,
	.get_info_size	= ksc_ktls_info_size,
	.release	= ksc_ulp_release,
};

KSC_DEFINE_RECVMSG(ksc_ktls_recvmsg_op, ksc_ktls_recvmsg)

static void ksc_ktls_build(int family)
{
	struct proto_ops *o = &ksc_ktls_ops[family];
	struct proto *p = &ksc_ktls_protos[family];

	if (!ksc_base_tables(family, p, o))
		return;
	p->close = ksc_ktls_close;
	p->disconnect = ksc_ktls_disconnect;
	p->release_cb = ksc_release_cb;
	p->setsockopt = ksc_ktls_setsockopt;
	p->getsockopt = ksc_ktls_getsockopt;
	p->sendmsg = ksc_ktls_sendmsg;
	p->recvmsg = ksc_ktls_recvmsg_op;
	p->splice_eof = ksc_ktls_splice_eof;
	o->poll = ksc_ktls_poll;
	o->shutdown = ksc_ktls_shutdown;
	o->splice_read = ksc_ktls_splice_read;
}

/**
 * ksc_ktls_init() - register the ULP of raw mode
 *
 * Context: module init, after ksc_proto_init(). Return: 0 or an errno.
 */
int ksc_ktls_init(void)
{
	int i, err;

	/* a state is freed as the struct ksc_sock that it begins with */
	BUILD_BUG_ON(offsetof(struct ksc_ktls, ks));
	ksc_raw.cache = KMEM_CACHE(ksc_ktls, SLAB_ACCOUNT);
	if (!ksc_raw.cache)
		return -ENOMEM;
	for (i = 0; i < KSC_FAMILIES; i++)
		ksc_ktls_build(i);
	err = tcp_register_ulp(&ksc_ktls_ulp_ops);
	if (err)
		ksc_ktls_free();
	return err;
}

/**
 * ksc_ktls_exit() - unregister the ULP
 */
void ksc_ktls_exit(void)
{
	tcp_unregister_ulp(&ksc_ktls_ulp_ops);
}

/**
 * ksc_ktls_free() - undo ksc_ktls_init(), after the last socket's state was freed
 */
void ksc_ktls_free(void)
{
	kmem_cache_destroy(ksc_raw.cache);
}
