// SPDX-License-Identifier: GPL-2.0
/*
 * Records that can't come as a whole, because the receive buffer is too small or TCP has no
 * memory for the rest: what has come of one is moved to memory of our own.
 *
 * That grows with what has come, and is charged to the socket.
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include "net.h"
#include "record/frame.h"
#include "stream/charge.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/*
 * What TCP says when it acknowledges next, as __tcp_select_window() has it: will the peer be
 * allowed to send more?
 */
static bool ksc_rx_window_opens(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	int all = tcp_full_space(sk), space = tcp_space(sk);
	int most = min_t(int, tp->window_clamp, all);

	if (space >= most >> 1)
		return most > 0;
	space = round_down(space, 1 << tp->rx_opt.rcv_wscale);
	return space >= all >> 4 && space >= min_t(int, inet_csk(sk)->icsk_ack.rcv_mss, most);
}

/**
 * ksc_rx_shut_window() - is the socket's own receive buffer full?
 * @sk: socket, locked
 *
 * Context: the socket's lock; without it the answer may be old.
 */
bool ksc_rx_shut_window(const struct sock *sk)
{
	int rcvbuf = READ_ONCE(sk->sk_rcvbuf);

	return ksc_rxq_len(sk) > 0 &&
	       (atomic_read(&sk->sk_rmem_alloc) > rcvbuf - (rcvbuf >> 3) ||
		(tcp_receive_window(tcp_sk(sk)) <= inet_csk(sk)->icsk_ack.rcv_mss &&
		 !ksc_rx_window_opens(sk)));
}

/*
 * TCP is short of memory, and may refuse the rest. Nothing is staged for that alone: only
 * when nothing has come for a while. The pump comes back to see.
 */
static bool ksc_rx_stuck(struct sock *sk, struct ksc_stream *s)
{
	u32 next = READ_ONCE(tcp_sk(sk)->rcv_nxt);
	struct ksc_rx *rx = &s->rx;

	if (ksc_rxq_avail(sk, &rx->queue) <= 0)
		return false;
	if (!READ_ONCE(rx->stuck_since) || READ_ONCE(rx->stuck_at) != next) {
		WRITE_ONCE(rx->stuck_at, next);
		WRITE_ONCE(rx->stuck_since, jiffies ?: 1);
	} else if (time_after_eq(jiffies, READ_ONCE(rx->stuck_since) + KSC_STUCK_DELAY)) {
		return true;
	}
	s->ops->again(s, KSC_STUCK_DELAY);
	return false;
}

/**
 * ksc_rx_stalled() - will the record at the head never come as a whole?
 * @sk: socket, locked
 * @s: its stream
 *
 * Context: the socket's lock, owned or in softirq; without it the answer may be old.
 */
bool ksc_rx_stalled(struct sock *sk, struct ksc_stream *s)
{
	if (ksc_rx_shut_window(sk))
		return true;
	return unlikely(tcp_under_memory_pressure(sk)) && ksc_rx_stuck(sk, s);
}

/**
 * ksc_rx_unstage() - what is staged is not needed any more
 * @sk: socket, locked, or nobody else uses it
 * @rx: its receiving half
 *
 * Context: any.
 */
void ksc_rx_unstage(struct sock *sk, struct ksc_rx *rx)
{
	kfree(rx->stage);
	rx->stage = NULL;
	WRITE_ONCE(rx->stage_len, 0);
	if (rx->stage_size)
		ksc_uncharge(sk, rx->stage_size);
	rx->stage_size = 0;
}

/* Room for @want bytes of a record with @all; what is there does as long as it does */
static int ksc_rx_stage_grow(struct sock *sk, struct ksc_rx *rx, u32 want, u32 all)
{
	u8 *stage;

	if (want <= rx->stage_size)
		return 0;
	/* not each time */
	want = kmalloc_size_roundup(clamp(2 * rx->stage_size, want, all));
	stage = krealloc(rx->stage, want, GFP_KERNEL);
	if (!stage)
		return -ENOMEM;
	rx->stage = stage;
	ksc_charge(sk, want - rx->stage_size);
	rx->stage_size = want;
	return 0;
}

/**
 * ksc_rx_stage_some() - move a record's bytes from TCP's queue to our own memory
 * @sk: socket, locked and owned
 * @s: its stream
 *
 * As many of the missing ones as have come; of the header, as long as it is not known
 * how many there are. Few as these are, they may lie in a packet that fills the
 * receive buffer by itself.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_rx_stage_some(struct sock *sk, struct ksc_stream *s)
{
	struct ksc_rx *rx = &s->rx;
	u32 size = rx->rec_len ?: KSC_HEADER_LEN;
	u32 n;
	int err;

	/* whole, and perhaps not the only one: ksc_set_attach() */
	if (rx->stage_len >= size)
		return 0;
	n = min_t(u32, ksc_rxq_avail(sk, &rx->queue), size - rx->stage_len);
	err = ksc_rx_stage_grow(sk, rx, rx->stage_len + n, size);
	if (!err)
		err = ksc_rxq_copy(sk, &rx->queue, 0, rx->stage + rx->stage_len, n);
	if (err)
		return err;
	ksc_rxq_take(sk, &rx->queue, n);
	rx->stage_len += n;
	ksc_count_in(s->counters, KSC_CNT_RX_STAGED, n);
	return 0;
}
