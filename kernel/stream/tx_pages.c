// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records that are encrypted directly from spliced pages, of the page cache for example, without
 * copying them first.
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

/* Maximum number of pieces for that; a record in more pieces is copied */
#define KSC_TX_SPLICE	8

/**
 * ksc_tx_splice() - build and seal a record from pages that may be written to meanwhile
 * @sk: socket, locked and owned
 * @s: its stream; no record is open or pending
 * @msg: with MSG_SPLICE_PAGES
 * @len: bytes of content, all of them in @msg
 *
 * Encrypts from the pages to separate memory. If they change meanwhile, old and new content may
 * mix, but the record is authentic: the AEAD's tag is over the ciphertext. Where it is not
 * (suite->rereads) the pages have to be copied.
 *
 * Context: process. Return: 0, and the record is pending; -EAGAIN if it is not possible and
 * nothing was done; or another errno and the connection has to fail.
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

	/* right after the previous record's tail, to share a fragment with it */
	n = ksc_tx_header_len(tx);
	if (ksc_frag_take(tx->frag, &tx->nfrags, n, 0, 1, n, sk->sk_allocation, &p) < n)
		goto drop;
	/* both cross page boundaries together: the AEAD walks each page once */
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
