// SPDX-License-Identifier: GPL-2.0-only
/*
 * Small records: built in one piece of memory, sealed in place and passed to TCP, all in one call.
 */
#include <linux/percpu.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "record/pages.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx.h"
#include "stream/tx_build.h"
#include "stream/tx_small.h"

/*
 * With more content than this, TCP gets the record's page instead of a copy. From 256 bytes on
 * that takes no more instructions, but some of them are atomic.
 */
#define KSC_TX_COPY		512
/* Offset of the payload in the page that a record is built in to be copied */
#define KSC_TX_SMALL_AT		16

/* A page per CPU; taken out while in use, as access to user memory may fault and sleep */
static DEFINE_PER_CPU(u8 *, ksc_tx_small);

static u8 *ksc_tx_small_get(void)
{
	u8 *p = this_cpu_xchg(ksc_tx_small, NULL);

	return p ?: (u8 *)__get_free_page(GFP_KERNEL);
}

static void ksc_tx_small_put(u8 *p)
{
	if (this_cpu_cmpxchg(ksc_tx_small, NULL, p))
		free_page((unsigned long)p);
}

/**
 * ksc_tx_exit() - free the CPUs' pages
 *
 * Context: module exit, no socket left.
 */
void ksc_tx_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		free_page((unsigned long)per_cpu(ksc_tx_small, cpu));
}

/* Keep sealed bytes that TCP had no space for as a pending record */
static int ksc_tx_keep(struct sock *sk, struct ksc_tx *tx, const u8 *from, u32 len)
{
	while (len) {
		u8 *p;
		int n = ksc_tx_grow(sk, tx, len, &p);

		if (n < 0) {
			ksc_tx_drop(sk, tx);
			return n;
		}
		memcpy(p, from, n);
		from += n;
		len -= n;
	}
	tx->pending = true;
	WRITE_ONCE(tx->full, true);
	return 0;
}

/* Let TCP copy a sealed record; what it has no space for becomes pending */
static __always_inline int ksc_tx_copied(struct sock *sk, struct ksc_stream *s, u8 *p, u32 len)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT | MSG_NOSIGNAL };
	struct kvec kv = { .iov_base = p, .iov_len = len };
	int n;

	iov_iter_kvec(&msg.msg_iter, ITER_SOURCE, &kv, 1, len);
	n = tcp_sendmsg_locked(sk, &msg, len);
	if (likely(n == len))
		return 0;
	if (n < 0 && n != -EAGAIN)
		return n;
	/* it had no memory, and no acknowledgment will signal space */
	if (tcp_rtx_and_write_queues_empty(sk))
		s->ops->again(s, KSC_TX_AGAIN);
	return ksc_tx_keep(sk, &s->tx, p + max(n, 0), len - max(n, 0));
}

/*
 * Pass the record's page to TCP? Yes if it makes a packet of its own. Data that waits to be sent
 * is merged, and has to be copied for that: a packet has few fragments.
 */
static bool ksc_tx_alone(const struct sock *sk, u32 len)
{
	const struct tcp_sock *tp = tcp_sk(sk);

	return len > KSC_TX_COPY && tp->write_seq == tp->snd_nxt;
}

/**
 * ksc_tx_whole() - build, seal and push a whole small record
 * @sk: socket, locked and owned
 * @s: its stream; no record is open or pending
 * @type: content type
 * @from: the content
 * @len: length of the content in bytes, at most KSC_TX_SMALL, and with padding KSC_TX_SMALL_INNER
 *
 * Context: process. Return: 0, then what TCP had no space for is pending; -EFAULT, -ENOMEM or
 * -EPIPE with nothing done; or another errno and the connection has to fail.
 */
int ksc_tx_whole(struct sock *sk, struct ksc_stream *s, u8 type,
		 struct iov_iter *from, u32 len)
{
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &s->tx;
	unsigned int assoclen, hl = ksc_tx_header_len(tx);
	u32 inner = ksc_tx_inner(s, len), size = hl + inner + KSC_TAG_LEN;
	struct scatterlist sg[3] __uninitialized;
	u8 *page = NULL, *p;
	int err;

	err = ksc_awake(s, &tx->cipher);
	if (err)
		return err;
	if (ksc_tx_alone(sk, len)) {
		/* in one page, so that the AEAD walks it once, on loopback the peer's, too */
		err = ksc_frag_take(tx->frag, &tx->nfrags, size, -hl, KSC_TX_ALIGN, size,
				    sk->sk_allocation, &p);
		if (err < 0)
			return err;
		p += hl;
	} else {
		page = ksc_tx_small_get();
		if (!page)
			return -ENOMEM;
		p = page + KSC_TX_SMALL_AT;
	}
	err = -EFAULT;
	if (!copy_from_iter_full(p, len, from))
		goto drop;
	if (v13)
		p[len] = type;
	if (unlikely(inner > len + v13))
		memset(p + len + 1, 0, inner - len - 1);

	assoclen = ksc_tx_frame(s, p - hl, inner, type);
	if (v13) {
		ksc_sg_init(sg, 1);
		sg_set_buf(sg, p - hl, size);
		ksc_sg_tag(sg);
	} else {
		ksc_sg_init(sg, 2);
		sg_set_buf(&sg[0], tx->cipher.aead->aad, assoclen);
		sg_set_buf(&sg[1], p, inner + KSC_TAG_LEN);
		ksc_sg_tag(&sg[1]);
	}
	err = ksc_cipher_seal(&tx->cipher, sg, sg, assoclen, inner);
	if (err)
		goto drop;
	ksc_tx_sealed(s, len, type);

	if (page) {
		err = ksc_tx_copied(sk, s, p - hl, size);
		ksc_tx_small_put(page);
	} else {
		tx->pending = true;
		err = ksc_tx_push(sk, tx, 0);
		if (err == -EAGAIN)
			err = 0;
	}
	/* it is sealed: a stream without all of it is broken */
	return err == -ENOMEM || err == -ENOSPC ? -EIO : err;
drop:
	if (page)
		ksc_tx_small_put(page);
	else
		ksc_tx_drop(sk, tx);
	return err;
}
