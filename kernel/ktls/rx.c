// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw mode: receiving. The application gets records of all types, non-data ones only with a
 * control message that has the type, and only records of one type per call. The peer's KeyUpdate
 * stops reading until the new keys are set.
 */
#include <linux/sched/signal.h>
#include <linux/splice.h>
#include <net/inet_common.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "ktls/rx.h"
#include "ktls/state.h"
#include "net.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "socket/callbacks.h"
#include "socket/recv.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/noio.h"
#include "stream/rx.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/rx_stage.h"
#include "stream/stream.h"

/* A record can't be read: stop reading permanently */
static void ksc_ktls_stop(struct sock *sk, struct ksc_ktls *kt, int err)
{
	WRITE_ONCE(kt->stopped, true);
	/* unreadable device memory is not the peer's fault */
	if (err != -EFAULT)
		ksc_count(kt->ks.kn, KSC_CNT_RX_BAD_RECORDS);
	ksc_ktls_abort(sk, err);
}

/* Validate a header: 0 or an errno */
static int ksc_ktls_header_check(const struct ksc_header *h, const struct ksc_sock *ks)
{
	const struct ksc_suite *suite = ks->s.rx.cipher.suite;
	u32 overhead = suite->explicit_len + KSC_TAG_LEN;
	bool v13 = ks->s.version == KSC_VERSION_1_3;

	if (h->len > KSC_MAX_PAYLOAD + overhead + v13)
		return -EMSGSIZE;
	if (h->len < overhead)
		return -EBADMSG;
	/* legacy_record_version of TLS 1.3 */
	if (h->version != KSC_VERSION_1_2)
		return -EINVAL;
	return 0;
}

/**
 * ksc_ktls_ready() - check whether a complete record has arrived
 * @sk: socket, locked
 * @kt: its state, with receiving keys
 *
 * An invalid header stops reading permanently; the socket's error reports it once.
 *
 * Context: the socket's lock, owned or in softirq.
 */
bool ksc_ktls_ready(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_rx *rx = &kt->ks.s.rx;
	u8 buf[KSC_HEADER_LEN];
	struct ksc_header h;
	const u8 *p;
	int avail, err;

	if (unlikely(kt->stopped))
		return false;
	avail = ksc_rxq_avail(sk, &rx->queue) + rx->stage_len;
	if (rx->rec_len)
		return avail >= rx->rec_len;
	p = ksc_rx_header(sk, rx, buf);
	if (!p) {
		/* it is complete, but in device memory that can't be read */
		if (unlikely(avail >= KSC_HEADER_LEN))
			ksc_ktls_stop(sk, kt, -EFAULT);
		return false;
	}
	ksc_header_parse(p, &h);
	err = ksc_ktls_header_check(&h, &kt->ks);
	if (unlikely(err)) {
		ksc_ktls_stop(sk, kt, err);
		return false;
	}
	rx->type = h.type;
	WRITE_ONCE(rx->rec_len, KSC_HEADER_LEN + h.len);
	return avail >= rx->rec_len;
}

/**
 * ksc_ktls_stage() - stage the part of a stalled record that has arrived
 * @sk: socket, locked and owned
 * @kt: its state
 *
 * Not before the plaintext was read.
 *
 * Context: process.
 */
void ksc_ktls_stage(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_sock *ks = &kt->ks;
	int err;

	if (!kt->rx_on || ksc_ktls_ready(sk, kt) || kt->stopped || !ksc_rx_stalled(sk, &ks->s))
		return;
	if (ksc_rx_has_plain(&ks->s.rx)) {
		/* no more arrives before it is read: wake the reader */
		ks->data_ready(sk);
		return;
	}
	err = ksc_rx_stage_some(sk, &ks->s);
	if (unlikely(err == -EFAULT))
		ksc_ktls_stop(sk, kt, err);
	else if (err)
		ksc_pump_kick(ks, HZ / 10);
	ksc_rxq_flush(sk, &ks->s.rx.queue);
}

/**
 * ksc_ktls_settle() - wake pollers if there is something to read
 * @sk: socket, locked and owned
 * @kt: its state, with receiving keys
 *
 * Once: from then on poll() finds it without help, a record if its header was parsed.
 *
 * Context: process.
 */
void ksc_ktls_settle(struct sock *sk, struct ksc_ktls *kt)
{
	struct ksc_rx *rx = &kt->ks.s.rx;
	bool ready = !kt->rekey_pending && ksc_ktls_ready(sk, kt);

	if (!ready && !ksc_rx_has_plain(rx))
		return;
	/* pairs with ksc_poll_tell() */
	smp_mb();
	if (!READ_ONCE(rx->tell) && !rx->readers)
		return;
	WRITE_ONCE(rx->tell, false);
	kt->ks.data_ready(sk);
}

/*
 * Decrypt the record at the head and append it to the plaintext. Returns 0, 1 if it was an empty
 * data record, or an errno.
 */
static int ksc_ktls_open(struct sock *sk, struct ksc_ktls *kt, unsigned int *budget)
{
	struct ksc_sock *ks = &kt->ks;
	struct ksc_rx *rx = &ks->s.rx;
	struct ksc_rec *rec;
	int type, err;

	rec = ksc_rec_get();
	if (!rec)
		return -ENOMEM;
	type = ksc_rx_open(sk, &ks->s, rec);
	--*budget;
	if (type <= 0) {
		ksc_rec_put(rec);
		if (type == -ENOMEM)
			return type;
		err = type == -EFAULT ? type : -EBADMSG;
		if (err == -EBADMSG)
			ksc_count(ks->kn, KSC_CNT_RX_BAD_RECORDS);
		ksc_ktls_abort(sk, err);
		return err;
	}
	rec->type = type;
	if (type == KSC_CT_APPLICATION_DATA && !rec->len) {
		ksc_rec_put(rec);
		return 1;
	}
	if (type == KSC_CT_APPLICATION_DATA) {
		rx->bytes += rec->len;
		ksc_count_add(ks->kn, KSC_CNT_RX_BYTES, rec->len);
	} else if (type == KSC_CT_HANDSHAKE && ks->s.version == KSC_VERSION_1_3 &&
		   rec->len && rec->data[0] == KSC_HT_KEY_UPDATE) {
		WRITE_ONCE(kt->rekey_pending, true);
		rx->updates++;
		ksc_count(ks->kn, KSC_CNT_KEY_UPDATES_RECEIVED);
	}
	list_add_tail(&rec->list, &rx->plain);
	rx->nplain++;
	return 0;
}

/*
 * Wait for a complete record; releases the lock meanwhile. Returns 1 if there is one, or if
 * another reader has decrypted one (not with @peek, which may have seen it); 0 at the end; or an
 * errno, which stays in sk_err if some data was @copied.
 */
static int ksc_ktls_rx_wait(struct sock *sk, struct ksc_ktls *kt,
			    struct ksc_rx_call *call, bool peek, bool copied)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct ksc_rx *rx = &kt->ks.s.rx;
	int ret;

	if (kt->rekey_pending)
		return -EKEYEXPIRED;
	while (!ksc_ktls_ready(sk, kt)) {
		if (sk->sk_err)
			return copied ? -sk->sk_err : sock_error(sk);
		if (sk->sk_shutdown & RCV_SHUTDOWN || sock_flag(sk, SOCK_DONE))
			return 0;
		/* no more arrives before the peeked data is read */
		if (peek && copied && ksc_rx_stalled(sk, &kt->ks.s))
			return 0;
		if (!call->timeo)
			return -EAGAIN;
		if (signal_pending(current))
			return sock_intr_errno(call->timeo);
		ksc_rxq_flush(sk, &rx->queue);
		ksc_rec_settle(sk, rx);
		ksc_ktls_stage(sk, kt);
		rx->readers++;
		add_wait_queue(sk_sleep(sk), &wait);
		sk_set_bit(SOCKWQ_ASYNC_WAITDATA, sk);
		/* first checked without the lock: safe thanks to woken_wake */
		ret = sk_wait_event(sk, &call->timeo, READ_ONCE(sk->sk_err) ||
				    READ_ONCE(sk->sk_shutdown) & RCV_SHUTDOWN ||
				    READ_ONCE(kt->rekey_pending) ||
				    (!peek && ksc_rx_has_plain(rx)) ||
				    (!READ_ONCE(kt->stopped) &&
				     ksc_rxq_avail(sk, &rx->queue) +
				     READ_ONCE(rx->stage_len) >=
				     (READ_ONCE(rx->rec_len) ?: KSC_HEADER_LEN)), &wait);
		sk_clear_bit(SOCKWQ_ASYNC_WAITDATA, sk);
		remove_wait_queue(sk_sleep(sk), &wait);
		rx->readers--;
		call->since = jiffies;
		if (ret < 0)
			return ret;
		if (!peek && ksc_rx_has_plain(rx))
			return 1;
		if (kt->rekey_pending)
			return -EKEYEXPIRED;
	}
	return 1;
}

/**
 * struct ksc_ktls_told - what a call reports about its records
 * @type: their type, 0 before the first
 * @empty: an empty data record was skipped
 */
struct ksc_ktls_told {
	u8 type;
	bool empty;
};

static bool ksc_ktls_put_type(struct msghdr *msg, u8 type)
{
	return !put_cmsg(msg, SOL_TLS, TLS_GET_RECORD_TYPE, sizeof(type), &type) &&
	       !(msg->msg_flags & MSG_CTRUNC);
}

/*
 * A call returns records of one type, and reports it in a control message, which is mandatory for
 * anything but data. Returns 1 if the record goes with those before it, 0 if not, or -EIO.
 *
 * As in-tree, a call returns 0 bytes if a record of another type follows an empty data record; but
 * not without room for the type, as that would look like the end. The type is written here, not
 * when the empty record is skipped: a call that then returns -EAGAIN may be repeated with the same
 * message.
 */
static int ksc_ktls_tell_type(struct msghdr *msg, const struct ksc_rec *rec,
			      struct ksc_ktls_told *told)
{
	if (told->type)
		return told->type == rec->type;
	if (told->empty && rec->type != KSC_CT_APPLICATION_DATA &&
	    ksc_ktls_put_type(msg, KSC_CT_APPLICATION_DATA)) {
		told->type = KSC_CT_APPLICATION_DATA;
		msg->msg_flags |= MSG_EOR;
		return 0;
	}
	told->type = rec->type;
	if (!ksc_ktls_put_type(msg, rec->type) && rec->type != KSC_CT_APPLICATION_DATA)
		return -EIO;
	return 1;
}

/*
 * An empty data record, and nothing after it: as in-tree, its type is written even if the call
 * returns -EAGAIN. But then the message is restored, for the case that the call is repeated.
 */
static void ksc_ktls_tell_empty(struct msghdr *msg, int err)
{
	size_t controllen = msg->msg_controllen;
	void *control = msg->msg_control;
	unsigned int flags = msg->msg_flags;

	if (controllen && ksc_ktls_put_type(msg, KSC_CT_APPLICATION_DATA) && !err) {
		msg->msg_flags |= MSG_EOR;
		return;
	}
	msg->msg_control = control;
	msg->msg_controllen = controllen;
	msg->msg_flags = flags;
}

/* Find the decrypted record that has the unread byte number @skip, and the offset in it */
static struct ksc_rec *ksc_ktls_find(struct ksc_rx *rx, size_t skip, u32 *off)
{
	struct ksc_rec *rec;

	list_for_each_entry(rec, &rx->plain, list) {
		u32 n = rec->len - rec->off;

		*off = rec->off + skip;
		if (skip < n || (!skip && !n))
			return rec;
		skip -= n;
	}
	return NULL;
}

/* Read decrypted records. Returns 1 to continue with encrypted ones, 0 to end, or an errno */
static int ksc_ktls_rx_plain(struct sock *sk, struct ksc_rx *rx, struct msghdr *msg,
			     size_t len, size_t *copied, struct ksc_ktls_told *told,
			     bool peek)
{
	struct ksc_rec *rec;
	u32 off, n;
	int ret;

	while ((rec = ksc_ktls_find(rx, peek ? *copied : 0, &off))) {
		ret = ksc_ktls_tell_type(msg, rec, told);
		if (ret <= 0)
			return ret;
		n = min_t(size_t, rec->len - off, len - *copied);
		if (n) {
			n = copy_to_iter(rec->data + off, n, &msg->msg_iter);
			if (!n)
				return -EFAULT;
		}
		*copied += n;
		off += n;
		if (!peek)
			rec->off = off;
		if (off == rec->len)
			msg->msg_flags |= MSG_EOR;
		ret = *copied < len && rec->type == KSC_CT_APPLICATION_DATA;
		if (!peek && off == rec->len)
			ksc_rec_done(sk, rx, rec);
		if (!ret)
			return 0;
	}
	return 1;
}

/* The budget is used up with too little content: continue, or on error wake others for the rest */
static int ksc_ktls_rx_yield(struct sock *sk, struct ksc_ktls *kt, struct ksc_rx_call *call)
{
	int err;

	ksc_rxq_flush(sk, &kt->ks.s.rx.queue);
	err = ksc_rx_yield(sk, call);
	/* edge-triggered pollers would miss the rest */
	if (err)
		ksc_rx_go_on(&kt->ks);
	return err;
}

static int ksc_ktls_rx_locked(struct sock *sk, struct ksc_ktls *kt, struct msghdr *msg,
			      size_t len, int flags)
{
	size_t target = sock_rcvlowat(sk, flags & MSG_WAITALL, len), copied = 0;
	struct ksc_rx *rx = &kt->ks.s.rx;
	bool peek = flags & MSG_PEEK;
	struct ksc_rx_call call;
	struct ksc_ktls_told told = {};
	int err = 0;

	ksc_rx_call_begin(&call, sk, flags & MSG_DONTWAIT);
	while (len) {
		err = ksc_ktls_rx_plain(sk, rx, msg, len, &copied, &told, peek);
		if (err <= 0)
			break;
		if (copied && peek && !ksc_rec_may_add(sk, rx))
			break;
		if (unlikely(!call.budget)) {
			if (copied >= target) {
				/* edge-triggered pollers would miss the rest of it */
				WRITE_ONCE(rx->tell, true);
				break;
			}
			err = ksc_ktls_rx_yield(sk, kt, &call);
			if (err)
				break;
		}
		if (copied >= target && !ksc_ktls_ready(sk, kt))
			break;
		err = ksc_ktls_rx_wait(sk, kt, &call, peek, copied);
		if (err <= 0)
			break;
		/* another reader may have been faster */
		if (!ksc_ktls_ready(sk, kt) || (!peek && ksc_rx_has_plain(rx)))
			continue;
		err = ksc_ktls_open(sk, kt, &call.budget);
		if (err < 0)
			break;
		/* a peek does not report records that it skips */
		if (err && !peek)
			told.empty = true;
	}
	if (!copied && (!err || err == -EAGAIN) && told.empty && !told.type)
		ksc_ktls_tell_empty(msg, err);
	/* as when the budget is used up */
	if (unlikely(err == -ENOMEM) && copied)
		WRITE_ONCE(rx->tell, true);
	ksc_rxq_flush(sk, &rx->queue);
	ksc_rec_settle(sk, rx);
	ksc_ktls_settle(sk, kt);
	return copied ?: min(err, 0);
}

/**
 * ksc_ktls_recvmsg() - proto.recvmsg
 * @sk: socket
 * @msg: message
 * @len: room in it
 * @flags: MSG_*
 * @addr_len: for MSG_ERRQUEUE, on kernels that have it
 *
 * Context: process. Return: bytes read, 0 at the end, or an errno.
 */
int ksc_ktls_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		     int *addr_len)
{
	struct ksc_sock *ks = ksc_sk(sk);
	unsigned int noio;
	int n;

	/* pairs with ksc_ktls_set_keys() */
	if (!ks || !smp_load_acquire(&ksc_ktls(ks)->rx_on))
		return ksc_compat_recvmsg(ksc_base_proto(sk), sk, msg, len, flags, addr_len);
	if (unlikely(flags & MSG_ERRQUEUE))
		return ksc_compat_recv_error(sk, msg, len, addr_len);

	noio = ksc_lock_noio(sk);
	n = ksc_ktls_rx_locked(sk, ksc_ktls(ks), msg, len, flags);
	ksc_release_noio(sk, noio);
	return n;
}

/* ---- splice ---- */

/* A record may start and end within a page */
#define KSC_SPLICE_PAGES	(DIV_ROUND_UP(KSC_MAX_PAYLOAD, PAGE_SIZE) + 1)

static void ksc_ktls_release_page(struct splice_pipe_desc *spd, unsigned int i)
{
	put_page(spd->pages[i]);
}

/*
 * The pipe gets pages of its own, as the buffers for decrypted records are reused. Data that the
 * pipe has no space for stays unread.
 */
static ssize_t ksc_ktls_to_pipe(struct pipe_inode_info *pipe, struct ksc_rec *rec,
				size_t len)
{
	struct partial_page partial[KSC_SPLICE_PAGES];
	struct page *pages[KSC_SPLICE_PAGES];
	struct splice_pipe_desc spd = {
		.pages = pages,
		.partial = partial,
		.nr_pages_max = KSC_SPLICE_PAGES,
		.ops = &nosteal_pipe_buf_ops,
		.spd_release = ksc_ktls_release_page,
	};
	const u8 *from = rec->data + rec->off;

	len = min_t(size_t, len, rec->len - rec->off);
	while (len) {
		struct page *page = alloc_page(GFP_KERNEL);
		u32 n = min_t(size_t, len, PAGE_SIZE);

		if (!page)
			break;
		memcpy(page_address(page), from, n);
		pages[spd.nr_pages] = page;
		partial[spd.nr_pages++] = (struct partial_page){ .len = n };
		from += n;
		len -= n;
	}
	return spd.nr_pages ? splice_to_pipe(pipe, &spd) : -ENOMEM;
}

static ssize_t ksc_ktls_splice_locked(struct sock *sk, struct ksc_ktls *kt,
				      struct pipe_inode_info *pipe, size_t len,
				      bool nonblock)
{
	struct ksc_rx *rx = &kt->ks.s.rx;
	struct ksc_rx_call call;
	struct ksc_rec *rec;
	ssize_t n;

	ksc_rx_call_begin(&call, sk, nonblock);
	while (!ksc_rx_has_plain(rx)) {
		n = call.budget ? 0 : ksc_ktls_rx_yield(sk, kt, &call);
		if (n)
			return n;
		n = ksc_ktls_rx_wait(sk, kt, &call, false, false);
		if (n <= 0)
			return n;
		if (ksc_rx_has_plain(rx))
			break;
		n = ksc_ktls_open(sk, kt, &call.budget);
		if (n < 0)
			return n;
	}
	rec = list_first_entry(&rx->plain, struct ksc_rec, list);
	/* splice can't report a type */
	if (rec->type != KSC_CT_APPLICATION_DATA)
		return -EINVAL;
	n = ksc_ktls_to_pipe(pipe, rec, len);
	if (n > 0) {
		rec->off += n;
		if (rec->off == rec->len)
			ksc_rec_done(sk, rx, rec);
	}
	return n;
}

/**
 * ksc_ktls_splice_read() - proto_ops.splice_read: from one record, as in-tree
 * @sock: socket
 * @ppos: unused
 * @pipe: destination, locked
 * @len: maximum number of bytes
 * @flags: SPLICE_F_*
 *
 * Context: process. Return: bytes, 0 at the end, or an errno.
 */
ssize_t ksc_ktls_splice_read(struct socket *sock, loff_t *ppos,
			     struct pipe_inode_info *pipe, size_t len,
			     unsigned int flags)
{
	struct sock *sk = sock->sk;
	struct ksc_sock *ks = ksc_sk(sk);
	bool nonblock = flags & SPLICE_F_NONBLOCK ||
			(sock->file && sock->file->f_flags & O_NONBLOCK);
	unsigned int noio;
	ssize_t n;

	/* pairs with ksc_ktls_set_keys() */
	if (!ks || !smp_load_acquire(&ksc_ktls(ks)->rx_on))
		return ksc_base_ops(sk)->splice_read(sock, ppos, pipe, len, flags);
	noio = ksc_lock_noio(sk);
	n = ksc_ktls_splice_locked(sk, ksc_ktls(ks), pipe, len, nonblock);
	ksc_rxq_flush(sk, &ks->s.rx.queue);
	ksc_rec_settle(sk, &ks->s.rx);
	ksc_ktls_settle(sk, ksc_ktls(ks));
	ksc_release_noio(sk, noio);
	return n;
}
