// SPDX-License-Identifier: GPL-2.0
/*
 * Looking at a socket's receive queue without taking anything from it. The
 * queue is TCP's; what is found here is valid for as long as the caller holds
 * the socket's lock.
 */
#include <linux/skbuff.h>
#include <net/tcp.h>

#include "ksc.h"

/* First skb with unread data and the offset of that; FIN carries none */
static struct sk_buff *ksc_rxq_first(struct sock *sk, const struct ksc_rxq *q,
				     u32 *offset)
{
	if (q->done) {
		*offset = q->off;
		return q->skb;
	}
	return tcp_recv_skb(sk, tcp_sk(sk)->copied_seq, offset);
}

/*
 * The next skb and where in it the stream goes on: segments that were cut anew when
 * they were sent again overlap, and TCP queues them as they come.
 */
static struct sk_buff *ksc_rxq_next(struct sock *sk, struct sk_buff *skb, u32 *offset)
{
	u32 end = TCP_SKB_CB(skb)->seq + skb->len;

	/* Fast Open; the SYN has a number of its own */
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

/**
 * ksc_rxq_len() - how many bytes there are in TCP's queue
 * @sk: socket, locked
 *
 * Like tcp_inq(), but that stops before a byte that is urgent. TLS knows of no
 * such thing: as RFC 6093 has it, it is a byte like others.
 *
 * Context: the socket's lock; without it the answer may be old.
 */
u32 ksc_rxq_len(const struct sock *sk)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	u32 n;

	if ((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV))
		return 0;
	n = READ_ONCE(tp->rcv_nxt) - READ_ONCE(tp->copied_seq);
	/* the FIN has a number of its own */
	if (n && sock_flag(sk, SOCK_DONE))
		n--;
	return n;
}

/**
 * ksc_rxq_avail() - how many bytes are unread
 * @sk: socket, locked
 * @q: place in its queue
 *
 * Context: the socket's lock; without it the answer may be old.
 */
int ksc_rxq_avail(struct sock *sk, const struct ksc_rxq *q)
{
	return ksc_rxq_len(sk) - READ_ONCE(q->done);
}

/**
 * ksc_rxq_take() - bytes are used up
 * @sk: socket, locked and owned
 * @q: place in its queue
 * @len: how many; there must be that many
 *
 * Context: process; ksc_rxq_flush() before the lock is released.
 */
void ksc_rxq_take(struct sock *sk, struct ksc_rxq *q, u32 len)
{
	struct sk_buff *skb;
	u32 off;

	skb = ksc_rxq_first(sk, q, &off);
	q->done += len;
	while (skb && len >= skb->len - off) {
		len -= skb->len - off;
		skb = ksc_rxq_next(sk, skb, &off);
	}
	off += len;
	q->skb = skb;
	q->off = off;
}

/**
 * ksc_rxq_flush() - tell TCP what was used up
 * @sk: socket, locked and owned
 * @q: place in its queue
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
}

/**
 * ksc_rxq_copy() - copy unread bytes without consuming them
 * @sk: socket, locked
 * @q: place in its queue
 * @offset: how many unread bytes to skip
 * @to: where to
 * @len: how many; there must be @offset + @len
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: 0 or -EFAULT if there are fewer.
 */
int ksc_rxq_copy(struct sock *sk, const struct ksc_rxq *q, u32 offset, void *to,
		 u32 len)
{
	struct sk_buff *skb;
	u32 off;

	for (skb = ksc_rxq_first(sk, q, &off); skb && len;
	     skb = ksc_rxq_next(sk, skb, &off)) {
		u32 n = skb->len - off;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		off += offset;
		n = min(n - offset, len);
		offset = 0;
		if (skb_copy_bits(skb, off, to, n))
			return -EFAULT;
		to += n;
		len -= n;
	}
	return len ? -EFAULT : 0;
}

/**
 * ksc_rxq_peek() - look at the first unread bytes
 * @sk: socket, locked
 * @q: place in its queue
 * @len: how many
 * @buf: room for them
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: the bytes where they lie if they do so in one piece, else @buf with
 * a copy of them; NULL if there are fewer.
 */
const u8 *ksc_rxq_peek(struct sock *sk, const struct ksc_rxq *q, u32 len, u8 *buf)
{
	struct sk_buff *skb;
	u32 off;

	skb = ksc_rxq_first(sk, q, &off);
	if (!skb)
		return NULL;
	if (off + len <= skb_headlen(skb))
		return skb->data + off;
	if (!skb_headlen(skb) && skb_shinfo(skb)->nr_frags) {
		const skb_frag_t *frag = skb_shinfo(skb)->frags;
		int i;

		for (i = 0; i < skb_shinfo(skb)->nr_frags; i++, frag++) {
			u32 size = skb_frag_size(frag);

			if (off >= size) {
				off -= size;
				continue;
			}
			if (off + len > size || PageHighMem(skb_frag_page(frag)))
				break;
			return (u8 *)skb_frag_address(frag) + off;
		}
	}
	return ksc_rxq_copy(sk, q, 0, buf, len) ? NULL : buf;
}

static void ksc_sg_add(struct scatterlist *sg, int *used, struct page *page,
		       u32 len, u32 offset)
{
	/* one by one: the table is long, and few of its entries are used */
	ksc_sg_init(&sg[*used], 1);
	sg_set_page(&sg[*used], page, len, offset);
	if (*used)
		sg_unmark_end(&sg[*used - 1]);
	(*used)++;
}

/* Bytes @off to @off + @len of an skb; the caller knows that they are there */
static int ksc_rxq_sg_skb(const struct sk_buff *skb, u32 off, u32 len,
			  struct scatterlist *sg, int *used, int max)
{
	u32 head = skb_headlen(skb);
	int i;

	if (off < head) {
		const u8 *p = skb->data + off;
		u32 n = min(len, head - off);

		if (*used == max)
			return -EMSGSIZE;
		ksc_sg_add(sg, used, virt_to_page(p), n, offset_in_page(p));
		off += n;
		len -= n;
	}
	off -= head;
	for (i = 0; len && i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];
		u32 size = skb_frag_size(frag), n;

		if (off >= size) {
			off -= size;
			continue;
		}
		if (*used == max)
			return -EMSGSIZE;
		n = min(len, size - off);
		ksc_sg_add(sg, used, skb_frag_page(frag), n,
			   skb_frag_off(frag) + off);
		off = 0;
		len -= n;
	}
	/* TCP's queue has no frag lists but what GRO left: rare */
	return len ? -EMSGSIZE : 0;
}

/**
 * ksc_rxq_sg() - map unread bytes to a scatterlist
 * @sk: socket, locked
 * @q: place in its queue
 * @offset: how many unread bytes to skip
 * @len: how many; there must be @offset + @len
 * @sg: table, need not be initialised
 * @used: entries that are in use already; the last one is marked as the end
 * @max: its entries
 *
 * Context: the socket's lock; the table is void when it is released.
 * Return: entries used with the last one marked, or -EMSGSIZE if there are
 * too few.
 */
int ksc_rxq_sg(struct sock *sk, const struct ksc_rxq *q, u32 offset, u32 len,
	       struct scatterlist *sg, int used, int max)
{
	struct sk_buff *skb;
	u32 off;

	for (skb = ksc_rxq_first(sk, q, &off); skb && len;
	     skb = ksc_rxq_next(sk, skb, &off)) {
		u32 n = skb->len - off;
		int err;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		off += offset;
		n = min(n - offset, len);
		offset = 0;
		err = ksc_rxq_sg_skb(skb, off, n, sg, &used, max);
		if (err)
			return err;
		len -= n;
	}
	return len ? -EMSGSIZE : used;
}
