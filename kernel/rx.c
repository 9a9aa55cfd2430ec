// SPDX-License-Identifier: GPL-2.0
/*
 * Receiving: records from TCP's queue, application data to the application.
 *
 * A record is decrypted from where it lies in TCP's queue into a buffer of our
 * own, under the socket's lock, and consumed then. The buffer is taken from a
 * slot of the CPU and goes back as soon as it is read, so that an idle
 * connection holds none. Control records are dealt with below read() and
 * poll(); an application never sees one.
 */
#include <linux/slab.h>
#include <linux/sched/signal.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "ksc.h"

/*
 * Room for a page's worth of phase, the additional data, a full content and
 * TLS 1.3's type and padding.
 */
#define KSC_REC_AREA	ALIGN(PAGE_SIZE + 16 + KSC_MAX_PAYLOAD + \
			      KSC_MAX_EXPANSION_13 + 1, PAGE_SIZE)

/**
 * struct ksc_rec - a decrypted record, or the room for one
 * @list: in ksc_rx.plain
 * @area: KSC_REC_AREA bytes, contiguous
 * @data: the content, somewhere in @area
 * @off: what was read already
 * @len: bytes of content
 * @dst: in @area, the additional data and what is decrypted
 * @src: the record in TCP's queue
 */
struct ksc_rec {
	struct list_head list;
	u8 *area;
	u8 *data;
	u32 off;
	u32 len;
	struct scatterlist dst;
	struct scatterlist src[KSC_RX_FRAGS + 1];
};

/* How much is used up before TCP is told, so that it can open the window */
#define KSC_RX_BATCH	65536

/* Records that peeking may have decrypted ahead, each in memory of its own */
#define KSC_RX_PEEK	8
/* Records without application data that are dealt with at once */
#define KSC_RX_BUDGET	64

static DEFINE_PER_CPU(struct ksc_rec *, ksc_rec_slot);

static void ksc_rec_free(struct ksc_rec *rec)
{
	if (!rec)
		return;
	free_pages_exact(rec->area, KSC_REC_AREA);
	kfree(rec);
}

static struct ksc_rec *ksc_rec_get(void)
{
	struct ksc_rec *rec = this_cpu_xchg(ksc_rec_slot, NULL);

	if (!rec) {
		rec = kmalloc(sizeof(*rec), GFP_KERNEL);
		if (!rec)
			return NULL;
		rec->area = alloc_pages_exact(KSC_REC_AREA, GFP_KERNEL);
		if (!rec->area) {
			kfree(rec);
			return NULL;
		}
	}
	rec->off = 0;
	rec->len = 0;
	return rec;
}

static void ksc_rec_put(struct ksc_rec *rec)
{
	if (this_cpu_cmpxchg(ksc_rec_slot, NULL, rec))
		ksc_rec_free(rec);
}

/**
 * ksc_rx_has_plain() - is there decrypted data that was not read?
 * @rx: receiving half
 *
 * Context: any; without the socket's lock the answer may be old.
 */
bool ksc_rx_has_plain(const struct ksc_rx *rx)
{
	return !list_empty(&rx->plain);
}

/**
 * ksc_rx_plain_len() - bytes that are decrypted and were not read
 * @rx: receiving half
 *
 * Context: the socket's lock.
 */
int ksc_rx_plain_len(const struct ksc_rx *rx)
{
	const struct ksc_rec *rec;
	int n = 0;

	list_for_each_entry(rec, &rx->plain, list)
		n += rec->len - rec->off;
	return n;
}

/**
 * ksc_rx_free() - give up keys and whatever was not read
 * @rx: receiving half
 *
 * Context: process, the socket's lock.
 */
void ksc_rx_free(struct ksc_rx *rx)
{
	struct ksc_rec *rec, *next;

	list_for_each_entry_safe(rec, next, &rx->plain, list) {
		list_del(&rec->list);
		ksc_rec_put(rec);
	}
	rx->nplain = 0;
	kfree(rx->stage);
	rx->stage = NULL;
	rx->stage_len = 0;
	ksc_cipher_free(&rx->cipher);
}

/**
 * ksc_rx_ready() - is there a whole record, or one that must be refused?
 * @sk: socket, locked
 * @ks: its state, with keys
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_rx_ready(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->rx;
	int avail = ksc_rxq_avail(sk, &rx->queue) + rx->stage_len;

	if (!rx->rec_len) {
		const struct ksc_suite *suite = rx->cipher.suite;
		u8 buf[KSC_HEADER_LEN];
		struct ksc_header h;
		const u8 *p;

		if (avail < KSC_HEADER_LEN)
			return false;
		p = ksc_rxq_peek(sk, &rx->queue, sizeof(buf), buf);
		if (!p)
			return false;
		ksc_header_parse(p, &h);
		rx->type = h.type;
		rx->bad = ksc_header_check_protected(&h, ks->version,
						     suite->explicit_len +
						     KSC_TAG_LEN);
		rx->rec_len = KSC_HEADER_LEN + h.len;
	}
	return rx->bad || avail >= rx->rec_len;
}

/**
 * ksc_rx_stalled() - will the record at the head never fit the window?
 * @sk: socket, locked
 * @ks: its state
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_rx_stalled(struct sock *sk, struct ksc_sock *ks)
{
	return tcp_epollin_ready(sk, INT_MAX);
}

/**
 * ksc_rx_shut_window() - is the socket's own receive buffer full?
 * @sk: socket, locked
 *
 * Unlike ksc_rx_stalled() this is not true for want of memory elsewhere.
 *
 * Context: the socket's lock.
 */
bool ksc_rx_shut_window(const struct sock *sk)
{
	return tcp_inq((struct sock *)sk) > 0 &&
	       (atomic_read(&sk->sk_rmem_alloc) > sk->sk_rcvbuf - (sk->sk_rcvbuf >> 3) ||
		tcp_receive_window(tcp_sk(sk)) <= inet_csk(sk)->icsk_ack.rcv_mss);
}

/* Move up to a record's missing bytes from TCP's queue to our own memory */
static int ksc_rx_stage_some(struct sock *sk, struct ksc_sock *ks, u32 max)
{
	struct ksc_rx *rx = &ks->rx;
	u32 n = min_t(u32, ksc_rxq_avail(sk, &rx->queue), max - rx->stage_len);
	int err;

	if (!rx->stage) {
		rx->stage = kmalloc(rx->rec_len, GFP_KERNEL);
		if (!rx->stage)
			return -ENOMEM;
	}
	err = ksc_rxq_copy(sk, &rx->queue, 0, rx->stage + rx->stage_len, n);
	if (err)
		return err;
	ksc_rxq_take(sk, &rx->queue, n);
	rx->stage_len += n;
	return 0;
}

/**
 * ksc_rx_stage() - take what has come of a record that can't come as a whole
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * At most one record's bytes are held beyond the socket's receive buffer.
 *
 * Context: process.
 */
void ksc_rx_stage(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->rx;

	if (ks->phase != KSC_PHASE_ESTABLISHED || rx->closed ||
	    ksc_rx_ready(sk, ks) || !rx->rec_len || !ksc_rx_stalled(sk, ks))
		return;
	if (ksc_rx_stage_some(sk, ks, rx->rec_len))
		ksc_pump_kick(ks, HZ / 10);
	ksc_rxq_flush(sk, &rx->queue);
}

/* Source of the AEAD: the record where it lies, or staged */
static int ksc_rx_source(struct sock *sk, struct ksc_sock *ks,
			 struct ksc_rec *rec, u32 skip)
{
	bool v13 = ks->version == KSC_VERSION_1_3;
	struct ksc_rx *rx = &ks->rx;
	/* TLS 1.3: the header is the additional data and lies before the rest */
	u32 from = v13 ? 0 : skip;
	int n;

	if (!v13) {
		ksc_sg_init(rec->src, 1);
		sg_set_buf(rec->src, rx->cipher.aad, 13);
	}
	if (!rx->stage_len) {
		n = ksc_rxq_sg(sk, &rx->queue, from, rx->rec_len - from, rec->src, !v13,
			       ARRAY_SIZE(rec->src));
		if (n > 0)
			return 0;
		if (n != -EMSGSIZE)
			return n;
	}
	/* in too many pieces, or too long for the window: make it one */
	n = ksc_rx_stage_some(sk, ks, rx->rec_len);
	if (n)
		return n;
	ksc_sg_init(rec->src, 1 + !v13);
	if (!v13)
		sg_set_buf(rec->src, rx->cipher.aad, 13);
	sg_set_buf(&rec->src[!v13], rx->stage + from, rx->rec_len - from);
	return 0;
}

/*
 * Where the content goes: to the same place in a page as where it comes from,
 * so that source and destination cross pages together and the AEAD walks each
 * once.
 */
static void ksc_rx_dest(struct ksc_rec *rec, bool v13, unsigned int assoclen,
			unsigned int len)
{
	u32 at = offset_in_page(rec->src[!v13].offset);

	if (v13)
		at += KSC_HEADER_LEN;
	if (at < assoclen)
		at += PAGE_SIZE;
	rec->data = rec->area + at;
	ksc_sg_init(&rec->dst, 1);
	sg_set_buf(&rec->dst, rec->data - assoclen, assoclen + len);
}

/* The nonce that a TLS 1.2 record carries, part of which may be staged */
static int ksc_rx_explicit(struct sock *sk, const struct ksc_rx *rx, u8 nonce[8])
{
	u8 buf[KSC_HEADER_LEN + 8];
	u32 staged = min_t(u32, rx->stage_len, sizeof(buf));

	if (staged)
		memcpy(buf, rx->stage, staged);
	if (ksc_rxq_copy(sk, &rx->queue, 0, buf + staged, sizeof(buf) - staged))
		return -EFAULT;
	memcpy(nonce, buf + KSC_HEADER_LEN, 8);
	return 0;
}

/* The record is used up */
static void ksc_rx_consume(struct sock *sk, struct ksc_rx *rx)
{
	u32 len = rx->rec_len;

	/* first: who looks without the lock must not miss the next record */
	WRITE_ONCE(rx->rec_len, 0);
	if (rx->stage_len) {
		kfree(rx->stage);
		rx->stage = NULL;
		rx->stage_len = 0;
	} else {
		ksc_rxq_take(sk, &rx->queue, len);
		/* one long read must not keep the sender waiting */
		if (rx->queue.done >= KSC_RX_BATCH)
			ksc_rxq_flush(sk, &rx->queue);
	}
}

/*
 * Decrypt the record at the head and consume it. The frame is RFC 8446 5.2, or
 * RFC 5246 6.2.3.3 with RFC 5288 3 and RFC 7905 2.
 *
 * Return: content type, or an errno; -EBADMSG if it doesn't authenticate.
 */
static int ksc_rx_open(struct sock *sk, struct ksc_sock *ks, struct ksc_rec *rec)
{
	struct ksc_rx *rx = &ks->rx;
	struct ksc_cipher *c = &rx->cipher;
	unsigned int explicit = c->suite->explicit_len;
	unsigned int skip = KSC_HEADER_LEN + explicit;
	bool v13 = ks->version == KSC_VERSION_1_3;
	unsigned int assoclen, len;
	int type, err;

	len = rx->rec_len - skip - KSC_TAG_LEN;
	type = rx->type;
	if (v13)
		assoclen = KSC_HEADER_LEN;
	else
		assoclen = ksc_aad_12(c->aad, c->seq, type, len);
	if (explicit) {
		err = ksc_rx_explicit(sk, rx, c->nonce + 4);
		if (err)
			return err;
		memcpy(c->nonce, c->iv, 4);
	} else {
		ksc_nonce_xor(c->nonce, c->iv, c->seq);
	}

	err = ksc_rx_source(sk, ks, rec, skip);
	if (err)
		return err;
	ksc_rx_dest(rec, v13, assoclen, len);
	err = ksc_cipher_open(c, rec->src, &rec->dst, assoclen, len + KSC_TAG_LEN);
	if (err)
		return err;
	c->seq++;
	c->records++;
	rx->records++;
	ksc_count(ks->kn, KSC_CNT_RX_RECORDS);
	ksc_rx_consume(sk, rx);

	if (v13) {
		/* RFC 8446 5.4: the type is the last byte that is not zero */
		do {
			if (!len)
				return 0;
			type = rec->data[--len];
		} while (!type);
	}
	rec->len = len;
	return type;
}

static void ksc_rx_refuse(struct sock *sk, struct ksc_sock *ks, u32 status,
			  u8 alert, const char *text)
{
	ksc_count(ks->kn, KSC_CNT_RX_BAD_RECORDS);
	/* sending may process the backlog, and that may move TCP's queue */
	ksc_rxq_flush(sk, &ks->rx.queue);
	ksc_fail_alert(sk, ks, status, alert, text);
}

static int ksc_rx_alert(struct sock *sk, struct ksc_sock *ks,
			const struct ksc_rec *rec)
{
	const u8 *p = rec->data;

	if (rec->len != 2) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      KSC_ALERT_DECODE_ERROR, "malformed alert");
		return ksc_error(ks);
	}
	if (p[1] == KSC_ALERT_CLOSE_NOTIFY) {
		WRITE_ONCE(ks->rx.closed, true);
		return 0;
	}
	/* RFC 8446 6: in 1.3 the level says nothing, all others are fatal */
	if (p[1] == KSC_ALERT_USER_CANCELED ||
	    (ks->version != KSC_VERSION_1_3 && p[0] == 1))
		return 0;
	ksc_count(ks->kn, KSC_CNT_ALERTS_RECEIVED);
	ksc_fail(sk, ks, KSC_STATUS_ALERT_RECEIVED, p[1],
		 KSC_DIRECTION_RECEIVED, NULL);
	return ksc_error(ks);
}

/* RFC 8446 4.6.3; the message must be the record's last (5.1) */
static int ksc_rx_key_update(struct sock *sk, struct ksc_sock *ks, u8 request,
			     bool last)
{
	struct ksc_tx *tx = &ks->tx;

	if (!last || request > 1) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      last ? 47 : KSC_ALERT_UNEXPECTED_MESSAGE,
			      "malformed KeyUpdate");
		return ksc_error(ks);
	}
	if (ksc_cipher_update(&ks->rx.cipher)) {
		ksc_fail_alert(sk, ks, KSC_STATUS_INTERNAL_ERROR,
			       KSC_ALERT_INTERNAL_ERROR, "KeyUpdate failed");
		return ksc_error(ks);
	}
	ksc_count(ks->kn, KSC_CNT_KEY_UPDATES_RECEIVED);
	if (!request || tx->closed)
		return 0;
	/*
	 * Owed before the next application data. At once if there is room; a
	 * peer that floods us and does not read gets one answer for all.
	 */
	tx->update_due = true;
	ksc_rxq_flush(sk, &ks->rx.queue);
	if (!tx->pending && sk_stream_memory_free(sk) &&
	    ksc_tx_key_update(sk, ks, false)) {
		ksc_fail(sk, ks, KSC_STATUS_INTERNAL_ERROR, 0, KSC_DIRECTION_NONE,
			 "KeyUpdate failed");
		return ksc_error(ks);
	}
	return 0;
}

static int ksc_rx_handshake(struct sock *sk, struct ksc_sock *ks,
			    const struct ksc_rec *rec)
{
	bool v13 = ks->version == KSC_VERSION_1_3;
	const u8 *p = rec->data;
	u32 left = rec->len, body;
	int err;
	u8 type;

	/* RFC 8446 5.1: no empty handshake records */
	if (!left)
		goto unexpected;
	while (left) {
		size_t n = ksc_hs_parse(&ks->rx.hs, p, left, &type, &body);

		p += n;
		left -= n;
		if (body == U32_MAX)
			continue;
		if (v13 && type == KSC_HT_NEW_SESSION_TICKET &&
		    ks->role == KSC_ROLE_CLIENT) {
			ksc_count(ks->kn, KSC_CNT_TICKETS);
		} else if (v13 && type == KSC_HT_KEY_UPDATE && body == 1 && left) {
			err = ksc_rx_key_update(sk, ks, *p, left == 1);
			if (err)
				return err;
		} else if (!v13 &&
			   ((type == KSC_HT_HELLO_REQUEST &&
			     ks->role == KSC_ROLE_CLIENT) ||
			    (type == KSC_HT_CLIENT_HELLO &&
			     ks->role == KSC_ROLE_SERVER))) {
			/* RFC 5246 7.2.2: refused, and the session goes on */
			ksc_rxq_flush(sk, &ks->rx.queue);
			if (!ks->tx.closed && !ks->tx.pending &&
			    sk_stream_memory_free(sk) &&
			    ksc_tx_alert(sk, ks, 1, KSC_ALERT_NO_RENEGOTIATION)) {
				ksc_fail(sk, ks, KSC_STATUS_INTERNAL_ERROR, 0,
					 KSC_DIRECTION_NONE, "an alert could not be sent");
				return ksc_error(ks);
			}
		} else {
			goto unexpected;
		}
	}
	return 0;

unexpected:
	ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
		      KSC_ALERT_UNEXPECTED_MESSAGE,
		      "handshake message that may not come now");
	return ksc_error(ks);
}

/* Open one record and act on it; 1 if it had application data, 0 if not */
static int ksc_rx_one(struct sock *sk, struct ksc_sock *ks)
{
	struct ksc_rx *rx = &ks->rx;
	struct ksc_rec *rec;
	int type, err = 0;

	if (rx->bad) {
		ksc_rx_refuse(sk, ks, rx->bad == KSC_ALERT_RECORD_OVERFLOW ?
			      KSC_STATUS_RECORD_OVERFLOW :
			      rx->bad == KSC_ALERT_BAD_RECORD_MAC ?
			      KSC_STATUS_BAD_RECORD : KSC_STATUS_PROTOCOL_ERROR,
			      rx->bad, "the peer sent a record that may not come now");
		return ksc_error(ks);
	}
	rec = ksc_rec_get();
	if (!rec)
		return -ENOMEM;

	type = ksc_rx_open(sk, ks, rec);
	if (type == KSC_CT_APPLICATION_DATA && rec->len <= KSC_MAX_PAYLOAD) {
		rx->bytes += rec->len;
		ksc_count_add(ks->kn, KSC_CNT_RX_BYTES, rec->len);
		/* an application record inside a handshake message: RFC 8446 5.1 */
		if (rx->hs.have || rx->hs.left) {
			type = 0;
		} else {
			if (!rec->len)
				goto out;
			list_add_tail(&rec->list, &rx->plain);
			rx->nplain++;
			return 1;
		}
	}

	if (type == -EBADMSG) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_BAD_RECORD,
			      KSC_ALERT_BAD_RECORD_MAC, NULL);
		err = ksc_error(ks);
	} else if (type < 0) {
		err = type;
		if (err != -ENOMEM) {
			ksc_rxq_flush(sk, &rx->queue);
			ksc_fail_alert(sk, ks, KSC_STATUS_INTERNAL_ERROR,
				       KSC_ALERT_INTERNAL_ERROR,
				       "decryption failed");
			err = ksc_error(ks);
		}
	} else if (rec->len > KSC_MAX_PAYLOAD) {
		ksc_rx_refuse(sk, ks, KSC_STATUS_RECORD_OVERFLOW,
			      KSC_ALERT_RECORD_OVERFLOW, NULL);
		err = ksc_error(ks);
	} else if (type == KSC_CT_ALERT) {
		err = ksc_rx_alert(sk, ks, rec);
	} else if (type == KSC_CT_HANDSHAKE) {
		err = ksc_rx_handshake(sk, ks, rec);
	} else {
		ksc_rx_refuse(sk, ks, KSC_STATUS_PROTOCOL_ERROR,
			      KSC_ALERT_UNEXPECTED_MESSAGE,
			      "record of a type that may not come now");
		err = ksc_error(ks);
	}
out:
	ksc_rec_put(rec);
	return err;
}

/* Open records until one has application data; 1 if so */
static int ksc_rx_next(struct sock *sk, struct ksc_sock *ks)
{
	int err = 0, budget = KSC_RX_BUDGET;

	while (!err && budget--) {
		if (ks->phase != KSC_PHASE_ESTABLISHED || ks->rx.closed ||
		    !ksc_rx_ready(sk, ks))
			return 0;
		err = ksc_rx_one(sk, ks);
	}
	return err;
}

/**
 * ksc_rx_advance() - deal with control records until there is data to read
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Bounded by what TCP's queue holds, as nothing is added to it meanwhile.
 *
 * Context: process.
 * Return: 1 if there is decrypted data, 0 if not, or an errno.
 */
int ksc_rx_advance(struct sock *sk, struct ksc_sock *ks)
{
	int ret;

	if (ksc_rx_has_plain(&ks->rx))
		return 1;
	ret = ksc_rx_next(sk, ks);
	ksc_rxq_flush(sk, &ks->rx.queue);
	return ret;
}

/* Copy to the application and, but for MSG_PEEK, drop what was read */
static int ksc_rx_read(struct ksc_rx *rx, struct msghdr *msg, size_t len,
		       int flags)
{
	struct ksc_rec *rec = list_first_entry(&rx->plain, struct ksc_rec, list);
	u32 n = min_t(size_t, rec->len - rec->off, len);

	if (!(flags & MSG_TRUNC)) {
		n = copy_to_iter(rec->data + rec->off, n, &msg->msg_iter);
		if (!n)
			return -EFAULT;
	}
	rec->off += n;
	if (rec->off == rec->len) {
		list_del(&rec->list);
		rx->nplain--;
		ksc_rec_put(rec);
	}
	return n;
}

/* MSG_PEEK sees over record borders as far as whole records have come */
static int ksc_rx_peek(struct sock *sk, struct ksc_sock *ks, struct msghdr *msg,
		       size_t len, size_t skip)
{
	struct ksc_rec *rec;

	for (;;) {
		size_t seen = 0;

		list_for_each_entry(rec, &ks->rx.plain, list) {
			u32 n = rec->len - rec->off;

			seen += n;
			if (seen <= skip)
				continue;
			n = min_t(size_t, seen - skip, len);
			n = copy_to_iter(rec->data + rec->len - (seen - skip), n,
					 &msg->msg_iter);
			return n ?: -EFAULT;
		}
		/* all that is decrypted was seen */
		if (ks->rx.nplain >= KSC_RX_PEEK || ksc_rx_next(sk, ks) <= 0)
			return 0;
	}
}

/* Nothing to read: is that so for good? 1 for EOF, 0 to wait, or an errno */
static int ksc_rx_end(struct sock *sk, struct ksc_sock *ks)
{
	if (ks->phase == KSC_PHASE_FAILED) {
		sock_error(sk);
		return ksc_error(ks);
	}
	if (ks->rx.closed || ks->read_shut)
		return 1;
	if (sk->sk_err == ECONNRESET) {
		ksc_count(ks->kn, KSC_CNT_RX_TRUNCATED);
		ksc_fail(sk, ks, KSC_STATUS_TRUNCATED, 0, KSC_DIRECTION_NONE,
			 "the connection was reset");
		return sock_error(sk);
	}
	if (sk->sk_err)
		return sock_error(sk);
	if (sk->sk_shutdown & RCV_SHUTDOWN || sk->sk_state == TCP_CLOSE) {
		/* RFC 8446 6.1: without close_notify it may be an attack */
		ksc_count(ks->kn, KSC_CNT_RX_TRUNCATED);
		ksc_fail(sk, ks, KSC_STATUS_TRUNCATED, 0, KSC_DIRECTION_NONE, NULL);
		sock_error(sk);
		return ksc_error(ks);
	}
	return 0;
}

/* Will nothing more come? */
static bool ksc_rx_over(struct sock *sk, struct ksc_sock *ks)
{
	return ks->phase != KSC_PHASE_ESTABLISHED || ks->rx.closed || READ_ONCE(sk->sk_err) ||
	       READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN ||
	       sk->sk_state == TCP_CLOSE;
}

/*
 * Sleep until a record is whole; the lock is released meanwhile. Another reader
 * may have decrypted one for us, unless we @peek and know of it.
 */
static int ksc_rx_wait(struct sock *sk, struct ksc_sock *ks, long *timeo,
		       bool peek)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	int ret;

	ksc_rx_stage(sk, ks);
	/* the budget was used up, not the records */
	if (ks->phase == KSC_PHASE_ESTABLISHED && !ks->rx.closed && !peek &&
	    ksc_rx_ready(sk, ks)) {
		if (signal_pending(current))
			return sock_intr_errno(*timeo);
		release_sock(sk);
		cond_resched();
		lock_sock(sk);
		return 0;
	}
	if (!*timeo)
		return -EAGAIN;
	if (signal_pending(current))
		return sock_intr_errno(*timeo);
	add_wait_queue(sk_sleep(sk), &wait);
	sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	/* the first look is without the lock: woken_wake keeps it safe */
	ret = sk_wait_event(sk, timeo, ksc_rx_over(sk, ks) ||
			    (!peek && ksc_rx_has_plain(&ks->rx)) ||
			    ksc_rxq_avail(sk, &ks->rx.queue) +
			    READ_ONCE(ks->rx.stage_len) >=
			    (READ_ONCE(ks->rx.rec_len) ?: KSC_HEADER_LEN), &wait);
	sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
	remove_wait_queue(sk_sleep(sk), &wait);
	return ret < 0 ? ret : 0;
}

/**
 * ksc_recvmsg() - proto.recvmsg
 * @sk: socket
 * @msg: message
 * @len: room in it
 * @flags: MSG_*
 * @addr_len: for MSG_ERRQUEUE
 *
 * Context: process. Return: bytes read, 0 after close_notify, or an errno.
 */
int ksc_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len)
{
	size_t copied = 0, target;
	struct ksc_sock *ks;
	long timeo;
	int err;

	if (unlikely(flags & MSG_ERRQUEUE))
		return inet_recv_error(sk, msg, len, addr_len);
	if (flags & MSG_OOB)
		return -EINVAL;

	lock_sock(sk);
	timeo = sock_rcvtimeo(sk, flags & MSG_DONTWAIT);
	ks = ksc_sk(sk);
	err = ksc_ready(sk, ks, &timeo);
	/* what was authenticated before a failure is still to be had */
	if (err && !(ks && ksc_rx_has_plain(&ks->rx)))
		goto out;
	err = 0;
	target = flags & MSG_WAITALL ? len : min_t(size_t, len, ks->rcvlowat);

	while (copied < len) {
		if (flags & MSG_PEEK) {
			err = ksc_rx_peek(sk, ks, msg, len - copied, copied);
		} else {
			err = ksc_rx_has_plain(&ks->rx) ? 1 : ksc_rx_next(sk, ks);
			if (err > 0)
				err = ksc_rx_read(&ks->rx, msg, len - copied, flags);
		}
		if (err > 0) {
			copied += err;
			err = 0;
			continue;
		}
		if (err == -EFAULT || err == -ENOMEM || copied >= target)
			break;
		/* an error is for the next call if there is data for this one */
		if (copied && (ksc_rx_over(sk, ks) || ks->read_shut ||
			       ks->rx.nplain >= KSC_RX_PEEK))
			break;
		err = ksc_rx_end(sk, ks);
		if (err) {
			err = min(err, 0);
			break;
		}
		ksc_rxq_flush(sk, &ks->rx.queue);
		err = ksc_rx_wait(sk, ks, &timeo, flags & MSG_PEEK);
		if (err)
			break;
	}
	ksc_rxq_flush(sk, &ks->rx.queue);
out:
	release_sock(sk);
	return copied ?: err;
}

/**
 * ksc_rx_exit() - empty the CPUs' slots
 *
 * Context: module exit, no socket left.
 */
void ksc_rx_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ksc_rec_free(per_cpu(ksc_rec_slot, cpu));
}
