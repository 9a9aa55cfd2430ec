// SPDX-License-Identifier: GPL-2.0-only
/*
 * Access to TCP's receive queue without dequeueing. Results are valid as long as the caller holds
 * the socket's lock.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "stream/rx_queue.h"
#include "stream/stream.h"

/*
 * The next skb, and the offset in it where the stream continues: retransmitted segments with other
 * boundaries overlap, and TCP queues them as received.
 */
static struct sk_buff *ksc_rxq_next(struct sock *sk, struct sk_buff *skb, u32 *offset)
{
	u32 end = TCP_SKB_CB(skb)->seq + skb->len;

	/* Fast Open; the SYN has a sequence number of its own */
	if (unlikely(TCP_SKB_CB(skb)->tcp_flags & TCPHDR_SYN))
		end++;
	do {
		if (skb_queue_is_last(&sk->sk_receive_queue, skb))
			return NULL;
		skb = skb_queue_next(&sk->sk_receive_queue, skb);
		*offset = end - TCP_SKB_CB(skb)->seq;
	} while (*offset >= skb->len);
	return skb;
}

/* Seek the piece with @at->off; finds none in a frag list within a frag list, which is rare */
static void ksc_rxq_seek(struct ksc_rxq *at)
{
	for (;;) {
		const struct skb_shared_info *shinfo = skb_shinfo(at->part);
		struct sk_buff *next;

		while (at->off >= at->end && at->frag < shinfo->nr_frags)
			at->end += skb_frag_size(&shinfo->frags[at->frag++]);
		if (likely(at->off < at->end))
			return;
		if (at->part == at->skb)
			next = shinfo->frag_list;
		else
			next = shinfo->frag_list ? NULL : at->part->next;
		if (!next)
			return;
		at->part = next;
		at->end += skb_headlen(next);
		at->frag = 0;
	}
}

/* Enter an skb, to which @at->off is relative */
static void ksc_rxq_enter(struct ksc_rxq *at, struct sk_buff *skb)
{
	at->skb = skb;
	at->part = skb;
	if (!skb)
		return;
	at->end = skb_headlen(skb);
	at->frag = 0;
	ksc_rxq_seek(at);
}

/* The position of the first unread byte, possibly in @tmp. A FIN carries no data */
static const struct ksc_rxq *ksc_rxq_begin(struct sock *sk, const struct ksc_rxq *q,
					   struct ksc_rxq *tmp)
{
	if (likely(q->done))
		return q;
	tmp->off = 0;
	ksc_rxq_enter(tmp, tcp_recv_skb(sk, tcp_sk(sk)->copied_seq, &tmp->off));
	return tmp;
}

/* Advance by @len bytes, and past empty pieces */
static void ksc_rxq_advance(struct sock *sk, struct ksc_rxq *at, u32 len)
{
	if (!at->skb)
		return;
	at->off += len;
	if (likely(at->off < at->end))
		return;
	while (at->off >= at->skb->len) {
		struct sk_buff *skb;
		u32 more = at->off - at->skb->len;

		skb = ksc_rxq_next(sk, at->skb, &at->off);
		at->off += more;
		ksc_rxq_enter(at, skb);
		if (!skb)
			return;
	}
	ksc_rxq_seek(at);
}

/* Advance past the piece at @at */
static void ksc_rxq_step(struct sock *sk, struct ksc_rxq *at)
{
	const struct skb_shared_info *shinfo = skb_shinfo(at->part);

	if (unlikely(at->frag == shinfo->nr_frags)) {
		ksc_rxq_advance(sk, at, at->end - at->off);
		return;
	}
	at->off = at->end;
	at->end += skb_frag_size(&shinfo->frags[at->frag++]);
}

/* Number of contiguous bytes at @at, 0 if they need skb_copy_bits() */
static __always_inline u32 ksc_rxq_piece(const struct ksc_rxq *at, struct page **page, u32 *offset)
{
	u32 n = at->end - at->off;

	if (unlikely(at->off >= at->end))
		return 0;
	if (likely(at->frag)) {
		const skb_frag_t *frag = &skb_shinfo(at->part)->frags[at->frag - 1];

		/* no pages: skb_copy_bits() fails */
		if (unlikely(!ksc_compat_readable(at->part)))
			return 0;
		*page = skb_frag_page(frag);
		*offset = skb_frag_off(frag) + skb_frag_size(frag) - n;
	} else {
		const u8 *p = skb_tail_pointer(at->part) - n;

		*page = virt_to_page(p);
		*offset = offset_in_page(p);
	}
	return n;
}

/**
 * ksc_rxq_len() - count the bytes in TCP's queue
 * @sk: socket, locked
 *
 * Like tcp_inq(), but that stops before an urgent byte. TLS has no urgent data: the byte is part
 * of the stream, as in RFC 6093.
 *
 * Context: the socket's lock; without it the result may be stale.
 */
u32 ksc_rxq_len(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 n;

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	n = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);
	/* the FIN has a sequence number of its own */
	if (n && sock_flag(sk, SOCK_DONE))
		n--;
	return n;
}

/**
 * ksc_rxq_avail() - count unread bytes
 * @sk: socket, locked
 * @q: position in its queue
 *
 * Context: the socket's lock; without it the result may be stale.
 */
int ksc_rxq_avail(struct sock *sk, const struct ksc_rxq *q)
{
	return ksc_rxq_len(sk) - READ_ONCE(q->done);
}

/**
 * ksc_rxq_take() - consume bytes
 * @sk: socket, locked and owned
 * @q: position in its queue
 * @len: bytes; at least as many are unread
 *
 * Context: process; ksc_rxq_flush() before the lock is released.
 */
void ksc_rxq_take(struct sock *sk, struct ksc_rxq *q, u32 len)
{
	ksc_rxq_begin(sk, q, q);
	q->done += len;
	ksc_rxq_advance(sk, q, len);
}

/* An urgent byte was read: re-enable TCP's fast path, as tcp_recvmsg() does */
static void ksc_rxq_urgent(struct sock *sk)
{
	struct tcp_sock *tp = tcp_sk(sk);

	if (likely(!tp->urg_data) || !after(tp->copied_seq, tp->urg_seq))
		return;
	WRITE_ONCE(tp->urg_data, 0);
	tcp_fast_path_check(sk);
}

/**
 * ksc_rxq_flush() - report consumed bytes to TCP
 * @sk: socket, locked and owned
 * @q: position in its queue
 *
 * Context: process.
 */
void ksc_rxq_flush(struct sock *sk, struct ksc_rxq *q)
{
	u32 done = q->done;

	if (!done)
		return;
	q->done = 0;
	q->skb = NULL;
	tcp_read_done(sk, done);
	ksc_rxq_urgent(sk);
}

/**
 * ksc_rxq_copy() - copy unread bytes without consuming them
 * @sk: socket, locked
 * @q: position in its queue
 * @offset: unread bytes to skip
 * @to: destination
 * @len: bytes; at least @offset + @len are unread
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: 0, or -EFAULT if they can't be read.
 */
int ksc_rxq_copy(struct sock *sk, const struct ksc_rxq *q, u32 offset, void *to,
		 u32 len)
{
	struct ksc_rxq at;

	at = *ksc_rxq_begin(sk, q, &at);
	for (ksc_rxq_advance(sk, &at, offset); at.skb && len;) {
		u32 n = min(at.skb->len - at.off, len);

		if (skb_copy_bits(at.skb, at.off, to, n))
			return -EFAULT;
		to += n;
		len -= n;
		ksc_rxq_advance(sk, &at, n);
	}
	return len ? -EFAULT : 0;
}

/**
 * ksc_rxq_peek() - peek at the first unread bytes
 * @sk: socket, locked
 * @q: position in its queue
 * @len: bytes
 * @buf: room for them
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: the bytes in place if they are contiguous, else a copy in @buf; NULL if there are fewer,
 * or if they are in device memory.
 */
const u8 *ksc_rxq_peek(struct sock *sk, const struct ksc_rxq *q, u32 len, u8 *buf)
{
	const struct ksc_rxq *at;
	struct ksc_rxq tmp;
	struct page *page;
	u32 offset;

	at = ksc_rxq_begin(sk, q, &tmp);
	if (!at->skb)
		return NULL;
	if (likely(ksc_rxq_piece(at, &page, &offset) >= len && !PageHighMem(page)))
		return (u8 *)page_address(page) + offset;
	return ksc_rxq_copy(sk, q, 0, buf, len) ? NULL : buf;
}

static void ksc_sg_add(struct scatterlist *sg, int *used, struct page *page,
		       u32 len, u32 offset)
{
	/* one by one: the table is long, and most entries stay unused */
	ksc_sg_init(&sg[*used], 1);
	sg_set_page(&sg[*used], page, len, offset);
	if (*used)
		sg_unmark_end(&sg[*used - 1]);
	(*used)++;
}

/**
 * ksc_rxq_sg() - map unread bytes to a scatterlist
 * @sk: socket, locked
 * @q: position in its queue
 * @offset: unread bytes to skip
 * @len: bytes; at least @offset + @len are unread
 * @sg: table, need not be initialised
 * @used: entries already in use; the last one is marked as the end
 * @max: its entries
 *
 * Context: the socket's lock; the table is invalid once it is released.
 * Return: entries used with the last one marked, or -EMSGSIZE if the bytes need more of them or
 * can't be mapped.
 */
int ksc_rxq_sg(struct sock *sk, const struct ksc_rxq *q, u32 offset, u32 len,
	       struct scatterlist *sg, int used, int max)
{
	struct ksc_rxq at;

	at = *ksc_rxq_begin(sk, q, &at);
	for (ksc_rxq_advance(sk, &at, offset); at.skb;) {
		struct page *page;
		u32 from, n = ksc_rxq_piece(&at, &page, &from);

		if (!n || used == max)
			return -EMSGSIZE;
		ksc_sg_add(sg, &used, page, min(n, len), from);
		if (n >= len)
			return used;
		len -= n;
		ksc_rxq_step(sk, &at);
	}
	return -EMSGSIZE;
}
