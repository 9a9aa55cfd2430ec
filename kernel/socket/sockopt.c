// SPDX-License-Identifier: GPL-2.0-only
/*
 * Socket options at level SOL_KSCHANNEL, see uapi/linux/kschannel.h. User memory is accessed
 * without locks, so that a page fault can't stall the pump.
 */
#include <crypto/hash.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/sockptr.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <net/tcp.h>

#include "handshake/keys.h"
#include "handshake/options.h"
#include "handshake/status.h"
#include "record/exporter.h"
#include "record/frame.h"
#include "socket/attach.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/flush.h"
#include "socket/rekey.h"
#include "socket/ruling.h"
#include "socket/send.h"
#include "socket/sockopt.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "socket/verdict.h"
#include "socket/wait.h"
#include "stream/noio.h"
#include "stream/stream.h"
#include "stream/tx_control.h"

/* Context: the socket's lock. A listener's new options apply to children accepted from then on */
static bool ksc_settable(const struct ksc_sock *ks)
{
	return ks->phase == KSC_PHASE_INIT || ks->phase == KSC_PHASE_LISTEN;
}

static int ksc_set_blob(struct sock *sk, int optname, sockptr_t optval,
			unsigned int optlen)
{
	struct ksc_blob *b, **slot;
	struct ksc_sock *ks;
	int err = 0;

	/* an empty value clears the option */
	b = ksc_blob_make(optname == KSC_ALPN, optval, optlen);
	if (IS_ERR(b))
		return PTR_ERR(b);

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (!ks) {
		err = -ENOMEM;
	} else if (!ksc_settable(ks)) {
		err = -EBUSY;
	} else {
		slot = optname == KSC_ALPN ? &ks->opt.alpn :
		       optname == KSC_CREDENTIAL ? &ks->opt.credential :
						   &ks->opt.server_name;
		spin_lock_bh(&ks->lock);
		swap(*slot, b);
		spin_unlock_bh(&ks->lock);
	}
	release_sock(sk);
	ksc_blob_put(b);
	return err;
}

/* Is the application's file non-blocking? */
static bool ksc_nonblock(const struct sock *sk)
{
	const struct file *file = sk->sk_socket->file;

	return file && file->f_flags & O_NONBLOCK;
}

static int ksc_set_handshake(struct sock *sk)
{
	long timeo;
	int err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, ksc_nonblock(sk));
	err = ksc_ready_to_write(sk, ksc_sk(sk), &timeo);
	release_sock(sk);
	return err == -EAGAIN ? -EINPROGRESS : err;
}

static int ksc_set_rekey(struct sock *sk, bool request)
{
	struct ksc_sock *ks;
	long timeo;
	int err;

	lock_sock(sk);
	timeo = sock_sndtimeo(sk, ksc_nonblock(sk));
	ks = ksc_sk(sk);
	err = ksc_usable(ks);
	if (!err && ks->s.version != KSC_VERSION_1_3)
		err = -EOPNOTSUPP;
	if (!err)
		err = ksc_tx_wait(sk, ks, &timeo);
	if (!err)
		err = ksc_rekey_soon(sk, ks, request ? KSC_UPDATE_BOTH : KSC_UPDATE_OWN);
	release_sock(sk);
	return err;
}

static int ksc_set_alert(struct sock *sk, u8 alert)
{
	struct ksc_sock *ks;
	bool warning;
	long timeo;
	int err;

	lock_sock(sk);
	ks = ksc_sk(sk);
	timeo = sock_sndtimeo(sk, ksc_nonblock(sk));
	err = ksc_usable(ks);
	if (!err && ks->s.tx.closed)
		err = -EPIPE;
	if (!err)
		err = ksc_tx_wait(sk, ks, &timeo);
	if (err)
		goto unlock;
	/* RFC 8446 6.1; RFC 5246 7.2.2 */
	warning = alert == KSC_ALERT_USER_CANCELED ||
		  (alert == KSC_ALERT_NO_RENEGOTIATION && ks->s.version != KSC_VERSION_1_3);
	if (warning) {
		err = ksc_tx_alert(sk, &ks->s, KSC_ALERT_WARNING, alert);
		if (err == -EIO)
			err = ksc_tx_broken(sk, ks);
	} else {
		ksc_fail_alert(sk, ks, KSC_STATUS_CANCELLED, alert,
			       "application sent a fatal alert");
	}
unlock:
	release_sock(sk);
	return err;
}

/* Ranges of int options */
static const struct {
	int optname;
	int min;
	int max;
	bool any_time;
} ksc_ints[] = {
	{ KSC_ROLE, KSC_ROLE_CLIENT, KSC_ROLE_SERVER },
	{ KSC_VERIFY, KSC_VERIFY_DEFAULT, KSC_VERIFY_MANUAL },
	{ KSC_HANDSHAKE_TIMEOUT, 1, KSC_MAX_HANDSHAKE_TIMEOUT },
	{ KSC_REKEY_AFTER, INT_MIN, INT_MAX, true },
	{ KSC_PADDING, 0, KSC_MAX_PAYLOAD, true },
	{ KSC_TX_MAX_PAYLOAD, KSC_MIN_PAYLOAD, KSC_MAX_PAYLOAD, true },
	{ KSC_RECORD_SIZING, KSC_SIZING_DYNAMIC, KSC_SIZING_FULL, true },
	{ KSC_POLICY, 1, 1 },
	{ KSC_CONNECT, KSC_CONNECT_DEFAULT, KSC_CONNECT_TCP },
	/* commands */
	{ KSC_HANDSHAKE, INT_MIN, INT_MAX, true },
	{ KSC_REKEY, 0, 1, true },
	{ KSC_CLOSE_NOTIFY, INT_MIN, INT_MAX, true },
	{ KSC_VERDICT, KSC_VERDICT_ACCEPT, KSC_REJECT_WITH(U8_MAX), true },
	{ KSC_ALERT, 1, U8_MAX, true },
};

/* Context: the socket's lock and ksc_sock.lock */
static void ksc_put_int(struct ksc_sock *ks, int optname, int v)
{
	switch (optname) {
	case KSC_ROLE:
		ks->role = v;
		break;
	case KSC_VERIFY:
		ks->opt.verify = v;
		break;
	case KSC_HANDSHAKE_TIMEOUT:
		ks->opt.timeout = v;
		break;
	case KSC_REKEY_AFTER:
		ks->opt.rekey_after = v;
		break;
	case KSC_PADDING:
		ks->opt.padding = v;
		break;
	case KSC_TX_MAX_PAYLOAD:
		ks->opt.max_payload = v;
		break;
	case KSC_RECORD_SIZING:
		ks->opt.sizing = v;
		break;
	case KSC_CONNECT:
		ks->opt.connect = v;
		break;
	}
}

/*
 * Seal an open record before the padding changes: the padding at its start limits the number of
 * its pieces.
 */
static int ksc_padding_ends(struct sock *sk, struct ksc_sock *ks)
{
	int err;

	if (ks->phase != KSC_PHASE_ESTABLISHED || !ks->s.tx.len)
		return 0;
	/* the error is for readers and writers */
	if (sk->sk_err)
		return -EAGAIN;
	err = ksc_tx_finish(sk, ks);
	if (!ks->s.tx.pending)
		return err;
	ksc_await_space(sk, ks);
	return 0;
}

static int ksc_set_int(struct sock *sk, int optname, sockptr_t optval,
		       unsigned int optlen)
{
	struct ksc_sock *ks;
	int v, i = 0, err = 0;

	if (optlen != sizeof(v))
		return -EINVAL;
	if (copy_from_sockptr(&v, optval, sizeof(v)))
		return -EFAULT;
	while (ksc_ints[i].optname != optname)
		i++;
	if (v < ksc_ints[i].min || v > ksc_ints[i].max)
		return -EINVAL;
	if (optname == KSC_HANDSHAKE)
		return ksc_set_handshake(sk);
	if (optname == KSC_REKEY)
		return ksc_set_rekey(sk, v);
	if (optname == KSC_CLOSE_NOTIFY)
		return ksc_set_close_notify(sk);
	if (optname == KSC_VERDICT)
		return ksc_set_verdict(sk, v);
	if (optname == KSC_ALERT)
		return ksc_set_alert(sk, v);
	if (optname == KSC_POLICY)
		return ksc_set_policy(sk);

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (!ks)
		err = -ENOMEM;
	else if (!ksc_settable(ks) && !ksc_ints[i].any_time)
		err = -EBUSY;
	else if (optname == KSC_PADDING)
		err = ksc_padding_ends(sk, ks);
	if (!err) {
		spin_lock_bh(&ks->lock);
		ksc_put_int(ks, optname, v);
		spin_unlock_bh(&ks->lock);
		if (ks->phase == KSC_PHASE_ESTABLISHED)
			ksc_tune(ks);
	}
	release_sock(sk);
	return err;
}

static int ksc_set(struct sock *sk, int optname, sockptr_t optval, unsigned int optlen)
{
	switch (optname) {
	case KSC_ROLE:
	case KSC_VERIFY:
	case KSC_HANDSHAKE_TIMEOUT:
	case KSC_HANDSHAKE:
	case KSC_REKEY:
	case KSC_REKEY_AFTER:
	case KSC_PADDING:
	case KSC_TX_MAX_PAYLOAD:
	case KSC_RECORD_SIZING:
	case KSC_CLOSE_NOTIFY:
	case KSC_VERDICT:
	case KSC_POLICY:
	case KSC_ALERT:
	case KSC_CONNECT:
		return ksc_set_int(sk, optname, optval, optlen);
	case KSC_ATTACH:
		return ksc_set_attach(sk, optval, optlen);
	case KSC_SERVER_NAME:
	case KSC_ALPN:
	case KSC_CREDENTIAL:
		return ksc_set_blob(sk, optname, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * ksc_setsockopt() - proto.setsockopt
 * @sk: socket
 * @level: SOL_KSCHANNEL or any other
 * @optname: option
 * @optval: value
 * @optlen: its length
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
		   unsigned int optlen)
{
	unsigned int noio;
	int err;

	if (level == SOL_TCP && optname == TCP_FASTOPEN_CONNECT)
		return -EOPNOTSUPP;
	/* repair mode accesses the queues bypassing the record layer */
	if (level == SOL_TCP && optname == TCP_REPAIR)
		return -EOPNOTSUPP;
	if (level != SOL_KSCHANNEL) {
		err = ksc_base_proto(sk)->setsockopt(sk, level, optname, optval, optlen);
		/* these also send an open record */
		if (!err && level == SOL_TCP &&
		    (optname == TCP_CORK || optname == TCP_NODELAY))
			ksc_uncork(sk);
		return err;
	}

	noio = ksc_noio_begin(sk);
	err = ksc_set(sk, optname, optval, optlen);
	ksc_noio_end(noio);
	return err;
}

static int ksc_get_info(const struct ksc_sock *ks, struct ksc_info *info)
{
	if (!ks->session)
		return -ENOTCONN;
	info->version = ks->s.version;
	info->cipher_suite = ks->suite;
	info->role = ks->role;
	info->phase = ks->phase;
	if (ks->s.rx.closed)
		info->flags |= KSC_INFO_F_READ_CLOSED;
	if (ks->s.tx.closed)
		info->flags |= KSC_INFO_F_WRITE_CLOSED;
	ksc_session_info(ks->session, info);
	return 0;
}

static void ksc_get_error(const struct ksc_sock *ks, struct ksc_error *e)
{
	const struct ksc_failure *f = ks->failure;

	if (ks->phase != KSC_PHASE_FAILED && !f) {
		if (ks->s.rx.warned) {
			e->alert = ks->s.rx.warning;
			e->direction = KSC_DIRECTION_RECEIVED;
		}
		return;
	}
	e->status = ks->status;
	e->error = ksc_status_errno(ks->status);
	if (f) {
		e->alert = f->alert;
		e->direction = f->direction;
		strscpy(e->text, f->text, sizeof(e->text));
	}
}

/* Values of getsockopt(), copied out after the lock is released */
union ksc_optval {
	int i;
	struct ksc_info info;
	struct ksc_error error;
	struct ksc_verification verification;
	u8 bytes[KSC_MAX_ALPN];
};

static int ksc_get(struct sock *sk, int optname, union ksc_optval *v)
{
	const struct ksc_sock *ks = ksc_sk(sk);
	const struct ksc_blob *b;

	if (!ks)
		return -ENOMEM;
	switch (optname) {
	case KSC_ROLE:
		v->i = ks->role;
		return sizeof(v->i);
	case KSC_VERIFY:
		v->i = ks->opt.verify;
		return sizeof(v->i);
	case KSC_HANDSHAKE_TIMEOUT:
		v->i = ks->opt.timeout;
		return sizeof(v->i);
	case KSC_REKEY_AFTER:
		v->i = ks->opt.rekey_after;
		return sizeof(v->i);
	case KSC_PADDING:
		v->i = ks->opt.padding;
		return sizeof(v->i);
	case KSC_TX_MAX_PAYLOAD:
		v->i = ks->opt.max_payload ?: KSC_MAX_PAYLOAD;
		return sizeof(v->i);
	case KSC_RECORD_SIZING:
		v->i = ks->opt.sizing;
		return sizeof(v->i);
	case KSC_POLICY:
		v->i = ks->ruling.by_policy;
		return sizeof(v->i);
	case KSC_CONNECT:
		v->i = ks->opt.connect;
		return sizeof(v->i);
	case KSC_SERVER_NAME:
	case KSC_ALPN:
	case KSC_CREDENTIAL:
		b = optname == KSC_ALPN ? ks->opt.alpn :
		    optname == KSC_CREDENTIAL ? ks->opt.credential :
						ks->opt.server_name;
		if (!b)
			return 0;
		memcpy(v->bytes, b->data, b->len);
		return b->len;
	case KSC_INFO:
		return ksc_get_info(ks, &v->info) ?: sizeof(v->info);
	case KSC_ERROR:
		ksc_get_error(ks, &v->error);
		return sizeof(v->error);
	case KSC_VERIFICATION:
		return ksc_get_verification(ks, &v->verification) ?:
		       sizeof(v->verification);
	default:
		return -ENOPROTOOPT;
	}
}

static int ksc_export_sock(void *owner, const struct ksc_export_job *job)
{
	struct sock *sk = owner;
	const struct ksc_sock *ks;
	int err;

	lock_sock(sk);
	ks = ksc_sk(sk);
	err = ksc_usable(ks);
	if (!err)
		err = ksc_export(ks->exporter, job);
	release_sock(sk);
	return err;
}

/**
 * ksc_get_export() - getsockopt(KSC_EXPORT)
 * @sk: socket
 * @optval: struct ksc_export; receives the result
 * @optlen: its length; set to the result's
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_get_export(struct sock *sk, char __user *optval, int __user *optlen)
{
	int room, len;

	if (get_user(room, optlen))
		return -EFAULT;
	len = ksc_export_user(optval, max(room, 0), ksc_export_sock, sk);
	if (len > 0 && put_user(len, optlen))
		return -EFAULT;
	return min(len, 0);
}

static int ksc_get_option(struct sock *sk, int optname, char __user *optval,
			  int __user *optlen)
{
	union ksc_optval *v;
	int room, len;

	if (optname == KSC_EXPORT)
		return ksc_get_export(sk, optval, optlen);
	if (optname == KSC_DETACH)
		return ksc_get_detach(sk, optval, optlen);
	if (optname == KSC_PEER_CHAIN)
		return ksc_get_chain(sk, optval, optlen);

	if (get_user(room, optlen))
		return -EFAULT;
	if (room < 0)
		return -EINVAL;
	v = kzalloc(sizeof(*v), GFP_KERNEL);
	if (!v)
		return -ENOMEM;
	lock_sock(sk);
	len = ksc_get(sk, optname, v);
	release_sock(sk);
	if (len >= 0) {
		/* names are never truncated, structures are */
		if (optname == KSC_INFO || optname == KSC_ERROR ||
		    optname == KSC_VERIFICATION)
			len = min(len, room);
		if (len > room)
			len = -ERANGE;
		else if (copy_to_user(optval, v, len) || put_user(len, optlen))
			len = -EFAULT;
	}
	kfree(v);
	return min(len, 0);
}

/**
 * ksc_getsockopt() - proto.getsockopt
 * @sk: socket
 * @level: SOL_KSCHANNEL or any other
 * @optname: option
 * @optval: destination
 * @optlen: its size; set to the bytes written
 *
 * Context: process. Return: 0 or an errno. No option returns a key.
 */
int ksc_getsockopt(struct sock *sk, int level, int optname,
		   char __user *optval, int __user *optlen)
{
	unsigned int noio;
	int err;

	/* would map TCP's queue, which is ciphertext, to the application */
	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE)
		return -EOPNOTSUPP;
	if (level != SOL_KSCHANNEL)
		return ksc_base_proto(sk)->getsockopt(sk, level, optname, optval, optlen);

	noio = ksc_noio_begin(sk);
	err = ksc_get_option(sk, optname, optval, optlen);
	ksc_noio_end(noio);
	return err;
}
