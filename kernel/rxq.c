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
static struct sk_buff *ksc_rxq_first(struct sock *sk, u32 *offset)
{
	return tcp_recv_skb(sk, tcp_sk(sk)->copied_seq, offset);
}

static struct sk_buff *ksc_rxq_next(struct sock *sk, struct sk_buff *skb)
{
	return skb_queue_is_last(&sk->sk_receive_queue, skb) ? NULL :
	       skb_queue_next(&sk->sk_receive_queue, skb);
}

/**
 * ksc_rxq_copy() - copy unread bytes without consuming them
 * @sk: socket, locked
 * @offset: how many unread bytes to skip
 * @to: where to
 * @len: how many; there must be @offset + @len
 *
 * Context: the socket's lock, owned or in softirq.
 * Return: 0 or -EFAULT if there are fewer.
 */
int ksc_rxq_copy(struct sock *sk, u32 offset, void *to, u32 len)
{
	struct sk_buff *skb;
	u32 off;

	for (skb = ksc_rxq_first(sk, &off); skb && len;
	     skb = ksc_rxq_next(sk, skb), off = 0) {
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
 * ksc_rxq_sg() - map unread bytes to a scatterlist
 * @sk: socket, locked
 * @offset: how many unread bytes to skip
 * @len: how many; there must be @offset + @len
 * @sg: initialised table
 * @max: its entries
 *
 * Context: the socket's lock; the table is void when it is released.
 * Return: entries used with the last one marked, or -EMSGSIZE if there are
 * too few.
 */
int ksc_rxq_sg(struct sock *sk, u32 offset, u32 len, struct scatterlist *sg,
	       int max)
{
	struct sk_buff *skb;
	int used = 0;
	u32 off;

	for (skb = ksc_rxq_first(sk, &off); skb && len;
	     skb = ksc_rxq_next(sk, skb), off = 0) {
		u32 n = skb->len - off;
		int nsg;

		if (offset >= n) {
			offset -= n;
			continue;
		}
		off += offset;
		n = min(n - offset, len);
		offset = 0;
		/* skb_to_sgvec() trusts the table to be long enough */
		if (skb_shinfo(skb)->frag_list ||
		    used + skb_shinfo(skb)->nr_frags + 1 > max)
			return -EMSGSIZE;
		nsg = skb_to_sgvec_nomark(skb, sg + used, off, n);
		if (nsg < 0)
			return nsg;
		used += nsg;
		len -= n;
	}
	if (len)
		return -EMSGSIZE;
	sg_mark_end(&sg[used - 1]);
	return used;
}
