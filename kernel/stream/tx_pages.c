// SPDX-License-Identifier: GPL-2.0
/*
 * Records that are encrypted from pages of the page cache, or whoever else gave them,
 * without copying them first.
 */
#include <net/tcp.h>

#include "compat/compat.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "record/pages.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx_build.h"
#include "stream/tx_pages.h"

/* Pages that one record may be encrypted from; in more pieces, it is copied */
#define KSC_TX_SPLICE	8

/**
 * ksc_tx_splice() - build and seal a record of pages that others may write to
 * @sk: socket, locked and owned
 * @s: its stream; no record is open or pending
 * @msg: with MSG_SPLICE_PAGES
 * @len: the content; there is that much
 *
 * They are encrypted where they are, to memory of our own. If they change meanwhile
 * one does not know which content it is, but the record is authentic: the AEAD's tag is
 * over the ciphertext. Where it is not (suite->rereads) they have to be copied.
 *
 * Context: process. Return: 0, and the record is pending; -EAGAIN if it is not
 * possible and nothing was done; or another errno, and the connection can't go on.
 */
int ksc_tx_splice(struct sock *sk, struct ksc_stream *s, struct msghdr *msg, u32 len)
{
	struct scatterlist sg[KSC_TX_SPLICE + 2] __uninitialized;
	bool v13 = s->version == KSC_VERSION_1_3;
	struct ksc_tx *tx = &s->tx;
	u32 inner = ksc_tx_inner(s, len), at, done;
	struct iov_iter rest = msg->msg_iter;
	int n, nsg;
	u8 *p;

	if (tx->cipher.suite->rereads || inner > len + v13 ||
	    ksc_awake(s, &tx->cipher))
		return -EAGAIN;
	ksc_sg_init(sg, ARRAY_SIZE(sg));
	nsg = ksc_compat_splice_sg(&rest, len, sg + 1, KSC_TX_SPLICE);
	if (nsg < 0)
		return -EAGAIN;

	/* right behind the tail of the record before it, for one fragment with that */
	n = ksc_tx_header_len(tx);
	if (ksc_frag_take(tx->frag, &tx->nfrags, n, 0, 1, n, sk->sk_allocation, &p) < n)
		goto drop;
	/* pages end at the same places as those it comes from: the AEAD walks each once */
	at = sg[1].offset;
	for (done = 0; done < len; done += n) {
		n = ksc_frag_take(tx->frag, &tx->nfrags, len - done, at + done, PAGE_SIZE, 1,
				  sk->sk_allocation, &p);
		if (n < 0)
			goto drop;
	}
	if (ksc_tx_tail(sk, s, KSC_CT_APPLICATION_DATA, 0, &p))
		goto drop;
	if (v13)
		sg_set_buf(&sg[1 + nsg++], p, 1);
	sg_mark_end(&sg[nsg]);
	msg->msg_iter = rest;
	return ksc_tx_encrypt(s, sg, KSC_CT_APPLICATION_DATA, len, inner);
drop:
	ksc_tx_drop(sk, tx);
	return -EAGAIN;
}
