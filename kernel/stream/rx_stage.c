// SPDX-License-Identifier: GPL-2.0-only
/*
 * Staging of records that TCP can't queue completely, as the receive buffer is too small or memory
 * is short: the part that has arrived is moved to separate memory, which grows with it and is
 * charged to the socket.
 */
#include <linux/slab.h>
#include <net/tcp.h>

#include "net.h"
#include "record/frame.h"
#include "stream/charge.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/* Will TCP's next acknowledgment open the window? As __tcp_select_window() computes it. */
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
 * ksc_rx_shut_window() - check whether the socket's own receive buffer is full
 * @sk: socket, locked
 *
 * Context: the socket's lock; without it the result may be stale.
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
 * TCP is short of memory and may drop the rest. Stage only if nothing has arrived for a while; the
 * work item checks again later.
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
 * ksc_rx_stalled() - will the record at the head never be complete in TCP's queue?
 * @sk: socket, locked
 * @s: its stream
 *
 * Context: the socket's lock, owned or in softirq; without it the result may be stale.
 */
bool ksc_rx_stalled(struct sock *sk, struct ksc_stream *s)
{
	if (ksc_rx_shut_window(sk))
		return true;
	return unlikely(tcp_under_memory_pressure(sk)) && ksc_rx_stuck(sk, s);
}

/**
 * ksc_rx_unstage() - free the staged bytes
 * @sk: socket, locked or without other users
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

/* Make room for @want bytes of a record of @all bytes; does not shrink */
static int ksc_rx_stage_grow(struct sock *sk, struct ksc_rx *rx, u32 want, u32 all)
{
	u8 *stage;

	if (want <= rx->stage_size)
		return 0;
	/* double it, to reallocate less often */
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
 * ksc_rx_stage_some() - move a record's bytes from TCP's queue to the stage
 * @sk: socket, locked and owned
 * @s: its stream
 *
 * Moves what has arrived of the record; of its header, as long as the record's length is not
 * known. Even these few bytes may be in a packet that fills the receive buffer alone.
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_rx_stage_some(struct sock *sk, struct ksc_stream *s)
{
	struct ksc_rx *rx = &s->rx;
	u32 size = rx->rec_len ?: KSC_HEADER_LEN;
	u32 n;
	int err;

	/* complete, and maybe more than one record: ksc_set_attach() */
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
