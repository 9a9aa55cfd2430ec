/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * kschannel: TLS as a service of the kernel's sockets.
 *
 * Socket options at level SOL_KSCHANNEL, for TCP sockets created with IPPROTO_KSCHANNEL or with
 * the ULP "kschannel", and ioctls of key files for such sockets. The enums shared with the netlink
 * family (roles, statuses, phases, verification) are generated from uapi/kschannel.yaml.
 */
#ifndef _UAPI_LINUX_KSCHANNEL_H
#define _UAPI_LINUX_KSCHANNEL_H

#include <linux/ioctl.h>
#include <linux/types.h>
#include <linux/kschannel_netlink.h>

/* socket(AF_INET or AF_INET6, SOCK_STREAM, IPPROTO_KSCHANNEL) */
#define IPPROTO_KSCHANNEL	260
/* the same, with KSC_POLICY set */
#define IPPROTO_KSCHANNEL_POLICY	261

/* setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, sizeof(KSC_ULP_NAME)) */
#define KSC_ULP_NAME		"kschannel"

/*
 * The ULP of raw mode: as with in-tree kTLS, the application runs the handshake and sets keys with
 * linux/tls.h at level SOL_TLS; there are no options at level SOL_KSCHANNEL.
 */
#define KSC_RAW_ULP_NAME	"kschannel-ktls"

#define SOL_KSCHANNEL		0x4b53

/*
 * Options. Those marked (rw) must be set before the handshake starts, EBUSY after; a listener's
 * apply to connections that it accepts from then on. An empty name or list clears the option.
 *
 * Errors of setsockopt(): EBUSY as above; EINVAL for a value out of range, a malformed list, or a
 * name with control characters or blanks; ENAMETOOLONG; ENOPROTOOPT for an unknown option. Of
 * getsockopt(): ERANGE if a name or list does not fit; structures are truncated.
 */
/* (rw) int, enum ksc_role. Only needed on a socket that was connected before. */
#define KSC_ROLE		1
/*
 * (rw) string without NUL, up to KSC_MAX_NAME bytes: SNI and name check. Of several names
 * separated by commas, SNI has the first, and the certificate must be valid for all of them.
 */
#define KSC_SERVER_NAME		2
/* (rw) ProtocolNameList of RFC 7301 without its outer length, up to KSC_MAX_ALPN bytes. */
#define KSC_ALPN		3
/* (rw) string without NUL, up to KSC_MAX_NAME bytes. */
#define KSC_CREDENTIAL		4
/* (rw) int, enum ksc_verify. */
#define KSC_VERIFY		5
/* (rw) unsigned int, milliseconds, 1 to 600000; default 30000. */
#define KSC_HANDSHAKE_TIMEOUT	6
/*
 * set: int, ignored. Runs the handshake now and waits for its end; EINPROGRESS on a non-blocking
 * socket, EDESTADDRREQ without a role, ENOTCONN before connect(), else the handshake's error. Any
 * send, receive or poll on a connected socket starts it, too.
 */
#define KSC_HANDSHAKE		7
/* get: struct ksc_info. ENOTCONN before the handshake is done. */
#define KSC_INFO		8
/*
 * get: struct ksc_error; status KSC_STATUS_OK if nothing has failed. A warning alert, which does
 * not end the connection, is reported with KSC_STATUS_OK and its number.
 */
#define KSC_ERROR		9

/*
 * Records. These may be set at any time and apply from the next record on; a listener's apply to
 * connections that it accepts from then on.
 */
/*
 * set: int. Switches to new sending keys with a KeyUpdate (RFC 8446 4.6.3), after all data written
 * before; 1 requests the peer to do the same, 0 does not. ENOTCONN before the handshake is done,
 * EPIPE after close_notify, EOPNOTSUPP with TLS 1.2, EAGAIN while the send buffer is full on a
 * non-blocking socket.
 */
#define KSC_REKEY		10
/*
 * (any time) unsigned int, records that one key may protect; the AEAD's own limit (RFC 8446 5.5)
 * is the default (0) and the maximum. At the limit TLS 1.3 updates its keys, TLS 1.2 fails with
 * EKEYEXPIRED.
 */
#define KSC_REKEY_AFTER		11
/*
 * (any time) unsigned int, bytes, 0 to 16384: TLS 1.3 records are padded to a multiple of it (RFC
 * 8446 5.4). 0, the default, and 1 mean no padding. Ignored with TLS 1.2.
 */
#define KSC_PADDING		12
/*
 * (any time) unsigned int, bytes, 64 to 16384, the default: maximum application data in one
 * record. The peer's RFC 8449 limit applies, too.
 */
#define KSC_TX_MAX_PAYLOAD	13
/* (any time) int, enum ksc_record_sizing. */
#define KSC_RECORD_SIZING	14

/*
 * set: struct ksc_attach. Attaches the keys of a handshake whose messages the application
 * transported itself, over the daemon's context socket. The socket is then as after a handshake of
 * its own; the keys can't be attached again. To be set on a connected socket right after the ULP.
 * EBADF for an invalid descriptor, EBADFD for one that has no keys; ESTALE for keys that are
 * already attached, EBUSY while they are being attached, or if this socket has begun a handshake;
 * EXDEV if the keys are for another network namespace; EPERM if the keys' daemon is not the one of
 * the socket's namespace, whose policy requires that the connection is protected; ENOTCONN before
 * connect(); EMSGSIZE for more than KSC_MAX_TOKEN bytes; EINVAL for less than the structure, or
 * nonzero @pad; ENOENT if the kernel lacks the cipher; EFAULT; ENOMEM. After an error socket and
 * keys are unchanged. KSC_SERVER_NAME and KSC_ALPN are empty afterwards: KSC_INFO has the
 * session's.
 */
#define KSC_ATTACH		15
/*
 * set: int, ignored. Sends close_notify, after all data written before, and no FIN: the other
 * direction stays open, and KSC_DETACH may follow. ENOTCONN before the handshake is done; EAGAIN
 * or ENOMEM if out of memory, then it may be repeated.
 */
#define KSC_CLOSE_NOTIFY	16
/*
 * get: bytes, usually none. After close_notify was sent and received, and all data read, the
 * socket continues as a plain TCP socket. Returns bytes passed with KSC_ATTACH that follow the
 * peer's close_notify. ENOTCONN before the handshake is done, EBUSY before close_notify both ways,
 * EAGAIN while our close_notify waits for space in the send buffer, ERANGE if the bytes do not
 * fit.
 */
#define KSC_DETACH		17

/*
 * Verification of the peer's certificate by the application: KSC_VERIFY is KSC_VERIFY_MANUAL. When
 * the certificate is received, poll() reports POLLPRI, and the handshake waits until KSC_VERDICT
 * is set or it times out. Until then no application data is sent or received. All three options
 * fail with ENODATA when no verdict is awaited, or with the connection's error if it has failed.
 */
/* get: struct ksc_verification. */
#define KSC_VERIFICATION	18
/*
 * get: bytes, up to KSC_MAX_CHAIN: the peer's certificates in DER, its own first, each preceded by
 * its length in three bytes, big-endian. ERANGE if they do not fit.
 */
#define KSC_PEER_CHAIN		19
/*
 * set: int, KSC_VERDICT_ACCEPT, KSC_VERDICT_REJECT or KSC_REJECT_WITH(alert). Does not
 * wait: KSC_HANDSHAKE does, or poll() for POLLOUT.
 */
#define KSC_VERDICT		20
/* with an alert's number, 1 to 255; the default is bad_certificate */
#define KSC_REJECT_WITH(alert)	(KSC_VERDICT_REJECT | (alert) << 8)

/**
 * struct ksc_verification - the certificate to verify (KSC_VERIFICATION)
 * @faults: enum ksc_fault, 0 for none
 * @chain_len: bytes that KSC_PEER_CHAIN returns
 * @text: description of the faults, NUL-terminated
 */
struct ksc_verification {
	__u32	faults;
	__u32	chain_len;
	char	text[KSC_MAX_TEXT + 1];
};

/*
 * get: struct ksc_export, overwritten by the result: keying material of RFC 5705 and RFC 8446 7.5,
 * which only both sides of the connection can derive. EINVAL for lengths out of range, a label
 * with bytes other than printable ASCII, or a label that TLS itself uses; ERANGE if the result
 * does not fit; ENOTCONN before the handshake is done; ENODATA with TLS 1.2 without extended
 * master secret (RFC 7627 5.4).
 */
#define KSC_EXPORT		24

/*
 * (rw) int, 1: the policy of the network namespace decides whether a connection is protected, not
 * just how. For sockets of programs that do not request TLS themselves; can't be unset. The rule
 * is looked up when connect() has both addresses, or when the peer has connected; a plaintext
 * connection uses TCP's own operations. On a connected socket KSC_ROLE has to be set before,
 * EDESTADDRREQ without; then the rule is looked up at once, EHOSTDOWN if no policy is loaded.
 * EBUSY if a handshake has begun. If a rule requires that a connection is protected, KSC_DETACH
 * fails with EPERM.
 */
#define KSC_POLICY		25

/*
 * set: int, 1 to 255. Sends an alert with that number, after all data written before.
 * user_canceled and, in TLS 1.2, no_renegotiation are warnings: the connection continues. All
 * others are fatal: the connection fails locally, too, with KSC_STATUS_CANCELLED. For close_notify
 * there is KSC_CLOSE_NOTIFY. ENOTCONN before the handshake is done, EPIPE after close_notify,
 * EAGAIN while the send buffer is full on a non-blocking socket.
 */
#define KSC_ALERT		26

/*
 * (rw) int, enum ksc_connect: what connect() waits for. With KSC_CONNECT_TCP it is done when TCP
 * is connected, which poll() reports by POLLOUT and SO_ERROR by 0: for servers that accept late,
 * as their part of the handshake begins with accept(). The first send or receive waits for the
 * handshake's end, or fails with EAGAIN or the handshake's error. After connect() has returned 0,
 * or send() EAGAIN, or KSC_HANDSHAKE EINPROGRESS, POLLOUT means that data can be written. Nothing
 * is sent in plaintext.
 */
#define KSC_CONNECT		27

/* Maximum number of bytes of label (TLS 1.3's own limit) and result */
#define KSC_MAX_EXPORT_LABEL	249
#define KSC_MAX_EXPORT		1024

#define KSC_EXPORT_F_CONTEXT	(1U << 0)	/* with a context, maybe empty */

/**
 * struct ksc_export - parameters of KSC_EXPORT
 * @label_len: bytes of label, 1 to KSC_MAX_EXPORT_LABEL
 * @context_len: bytes of context, 0 to 65535
 * @out_len: bytes to derive, 1 to KSC_MAX_EXPORT
 * @flags: KSC_EXPORT_F_*. TLS 1.2 distinguishes an empty context from none, TLS 1.3 does not
 * @data: label, then context; not NUL-terminated
 */
struct ksc_export {
	__u16	label_len;
	__u16	context_len;
	__u16	out_len;
	__u16	flags;
	__u8	data[];
};

/**
 * struct ksc_attach - keys for a socket (KSC_ATTACH)
 * @fd: the keys' descriptor
 * @pad: zero
 * @extra: bytes from the peer that the application has read and no step has consumed: they precede
 *	those that are still in the socket
 */
struct ksc_attach {
	__s32	fd;
	__u32	pad;
	__u8	extra[];
};

/**
 * enum ksc_record_sizing - size of records of bulk data
 * @KSC_SIZING_DYNAMIC: the default. Records fit a TCP segment until TCP's initial window was sent
 *	since the connection began or was idle for a second, so that the peer can use data as soon
 *	as it arrives; then full size
 * @KSC_SIZING_FULL: always full size
 */
enum ksc_record_sizing {
	KSC_SIZING_DYNAMIC,
	KSC_SIZING_FULL,
};

#define KSC_DEFAULT_HANDSHAKE_TIMEOUT	30000
#define KSC_MAX_HANDSHAKE_TIMEOUT	600000

#define KSC_INFO_F_RESUMED	(1U << 0)
#define KSC_INFO_F_PEER_CERT	(1U << 1)	/* subject and fingerprint are valid */
#define KSC_INFO_F_READ_CLOSED	(1U << 2)	/* close_notify received */
#define KSC_INFO_F_WRITE_CLOSED	(1U << 3)	/* close_notify sent */

/**
 * struct ksc_info - the negotiated session (KSC_INFO)
 * @version: as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3
 * @cipher_suite: IANA number
 * @role: enum ksc_role
 * @phase: enum ksc_phase
 * @flags: KSC_INFO_F_*
 * @peer_fingerprint: SHA-256 of the peer's certificate
 * @alpn: chosen protocol, NUL-terminated, empty if none
 * @server_name: name that the client asked for, NUL-terminated
 * @peer_subject: RFC 4514 form, NUL-terminated; if that is empty, the first subjectAltName as
 *	"dns:NAME", "uri:URI", "email:ADDRESS" or "ip:ADDRESS"
 *
 * Later versions may grow at the end; getsockopt() truncates it to the buffer and returns the
 * length.
 */
struct ksc_info {
	__u16	version;
	__u16	cipher_suite;
	__u32	role;
	__u32	phase;
	__u32	flags;
	__u8	peer_fingerprint[32];
	char	alpn[KSC_MAX_NAME + 1];
	char	server_name[KSC_MAX_NAME + 1];
	char	peer_subject[KSC_MAX_NAME + 1];
};

/**
 * struct ksc_error - reason why a handshake or a connection failed (KSC_ERROR)
 * @status: enum ksc_status; KSC_STATUS_OK if nothing has failed
 * @error: the errno that calls return for it, positive
 * @alert: number of the TLS alert, unless @direction is none
 * @direction: enum ksc_direction
 * @pad: zero
 * @text: one line of explanation, NUL-terminated
 */
struct ksc_error {
	__u32	status;
	__s32	error;
	__u8	alert;
	__u8	direction;
	__u8	pad[2];
	char	text[KSC_MAX_TEXT + 1];
};

/*
 * The keys of a handshake whose messages an application transported itself: a descriptor, received
 * with the handshake's result over the daemon's context socket. Any holder can attach the keys to
 * a socket (KSC_ATTACH) once, or pass the descriptor on (SCM_RIGHTS). The keys are dropped when
 * its last copy is closed. No ioctl returns a key. Both ioctls fail with ESTALE if the keys are
 * attached, EBUSY while they are being attached, EPERM if they are from a daemon of a user
 * namespace that the caller is not in, and EFAULT.
 */
/*
 * struct ksc_info, as KSC_INFO returns it after attaching the keys. If the caller's structure is
 * longer than the kernel's, the rest is zeroed; if it is shorter, the result is truncated.
 */
#define KSC_KEY_INFO	_IOR(0xc3, 1, struct ksc_info)
/*
 * struct ksc_export, overwritten by the result, as with KSC_EXPORT. The buffer must fit both.
 * Errors as KSC_EXPORT's, except for ERANGE.
 */
#define KSC_KEY_EXPORT	_IOWR(0xc3, 2, struct ksc_export)

#endif /* _UAPI_LINUX_KSCHANNEL_H */
