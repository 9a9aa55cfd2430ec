/* SPDX-License-Identifier: ((GPL-2.0-only WITH Linux-syscall-note) OR BSD-3-Clause) */
/*
 * kschannel: TLS as a service of the kernel's sockets.
 *
 * Socket options, at level SOL_KSCHANNEL, of a TCP socket that was created
 * with IPPROTO_KSCHANNEL or given the ULP "kschannel"; and ioctls of keys that
 * are for such a socket. The enums that these share with the netlink family
 * (roles, statuses, phases, verification) come from uapi/kschannel.yaml.
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
 * The ULP of raw mode: as in-tree kTLS, the application runs the handshake and sets
 * keys with linux/tls.h at level SOL_TLS; nothing at level SOL_KSCHANNEL.
 */
#define KSC_RAW_ULP_NAME	"kschannel-ktls"

#define SOL_KSCHANNEL		0x4b53

/*
 * Options. Those marked (rw) are set before the handshake starts, EBUSY after;
 * a listener's are taken by the connections it accepts from then on. An empty
 * name or list takes the option back.
 *
 * Errors of setsockopt(): EBUSY as said; EINVAL for a value out of range, a
 * malformed list, or a name with control characters or blanks; ENAMETOOLONG;
 * ENOPROTOOPT for an unknown option. Of getsockopt(): ERANGE if a name or list
 * does not fit; of a structure, as much as fits is given.
 */
/* (rw) int, enum ksc_role. Needed only on a socket that was connected before. */
#define KSC_ROLE		1
/*
 * (rw) string without NUL, up to KSC_MAX_NAME bytes: SNI and name check. Of several names
 * with commas between, SNI has the first, and the certificate must be for all of them.
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
 * set: int, ignored. Runs the handshake now and waits for its end;
 * EINPROGRESS on a non-blocking socket, EDESTADDRREQ without a role, ENOTCONN
 * before connect(), else why the handshake failed. Any send, receive or poll on
 * a connected socket starts it too.
 */
#define KSC_HANDSHAKE		7
/* get: struct ksc_info. ENOTCONN before the handshake is done. */
#define KSC_INFO		8
/*
 * get: struct ksc_error; status KSC_STATUS_OK when nothing has failed. A warning
 * alert, which ends nothing, is told of with KSC_STATUS_OK and its number.
 */
#define KSC_ERROR		9

/*
 * Records. These may be set at any time and hold from the next record on; a
 * listener's are taken by the connections it accepts from then on.
 */
/*
 * set: int. Goes on to new sending keys with a KeyUpdate (RFC 8446 4.6.3), behind
 * all data written before; 1 asks the peer to do the same, 0 does not. ENOTCONN
 * before the handshake is done, EPIPE after close_notify, EOPNOTSUPP with TLS 1.2,
 * EAGAIN while the send buffer is full on a non-blocking socket.
 */
#define KSC_REKEY		10
/*
 * (any time) unsigned int, records that one key may protect; 0, the default, and
 * anything above it is the AEAD's own limit (RFC 8446 5.5). TLS 1.3 updates its
 * keys then, TLS 1.2 fails with EKEYEXPIRED.
 */
#define KSC_REKEY_AFTER		11
/*
 * (any time) unsigned int, bytes, 0 to 16384: TLS 1.3 records are padded to a multiple
 * of it (RFC 8446 5.4). 0, the default, and 1 pad nothing. TLS 1.2 can't.
 */
#define KSC_PADDING		12
/*
 * (any time) unsigned int, bytes, 64 to 16384, the default: most application data in
 * one record. The peer's RFC 8449 limit holds besides.
 */
#define KSC_TX_MAX_PAYLOAD	13
/* (any time) int, enum ksc_record_sizing. */
#define KSC_RECORD_SIZING	14

/*
 * set: struct ksc_attach. The keys of a handshake that the application carried itself, over
 * the daemon's context socket, go to this socket, which is then as after a handshake of its
 * own; the descriptor is good for nothing else any more. To be set on a connected socket right
 * after the ULP. EBADF for no descriptor, EBADFD for one of no keys; ESTALE for keys that a
 * socket has got, EBUSY when one is getting them or this one has begun a handshake; EXDEV for
 * a socket of another network namespace than they are for; EPERM when that one has a daemon
 * of its own, not the keys', and by its policy the connection has to be protected; ENOTCONN
 * before connect(); EMSGSIZE for more than KSC_MAX_TOKEN bytes; EINVAL for less than the
 * structure, or @pad; ENOENT where the kernel lacks the cipher; EFAULT; ENOMEM. After an error
 * both are as they were. KSC_SERVER_NAME and KSC_ALPN are then empty: KSC_INFO has the session's.
 */
#define KSC_ATTACH		15
/*
 * set: int, ignored. Sends close_notify, behind all data written before, and no FIN:
 * the other direction goes on, and KSC_DETACH may follow. ENOTCONN before the
 * handshake is done; EAGAIN and ENOMEM when there was no memory, and it may be tried
 * again.
 */
#define KSC_CLOSE_NOTIFY	16
/*
 * get: bytes, mostly none. After close_notify was sent and received, and all data
 * read, the socket goes on as a plain TCP socket. What the peer sent behind its
 * close_notify, and came with KSC_ATTACH, is handed out. ENOTCONN before the
 * handshake is done, EBUSY before all that, EAGAIN while our close_notify waits for
 * room in the send buffer, ERANGE when the bytes do not fit.
 */
#define KSC_DETACH		17

/*
 * Judging the peer's certificate by hand: KSC_VERIFY is KSC_VERIFY_MANUAL. When the
 * certificate has come, poll() says POLLPRI, and the handshake stands still until
 * KSC_VERDICT is set or its time is over. Until then no application byte moves, and
 * what the peer sends waits. All three: ENODATA when no verdict is awaited, but for a
 * connection that has failed, where it is that error.
 */
/* get: struct ksc_verification. */
#define KSC_VERIFICATION	18
/*
 * get: bytes, up to KSC_MAX_CHAIN: the peer's certificates in DER, its own first, each
 * after its length in three bytes, the highest first. ERANGE when they do not fit.
 */
#define KSC_PEER_CHAIN		19
/*
 * set: int, KSC_VERDICT_ACCEPT, KSC_VERDICT_REJECT or KSC_REJECT_WITH(alert). Does not
 * wait: KSC_HANDSHAKE does, or poll() for POLLOUT.
 */
#define KSC_VERDICT		20
/* with an alert's number, 1 to 255; else it is bad_certificate */
#define KSC_REJECT_WITH(alert)	(KSC_VERDICT_REJECT | (alert) << 8)

/**
 * struct ksc_verification - what there is to judge (KSC_VERIFICATION)
 * @faults: enum ksc_fault, 0 for none
 * @chain_len: bytes that KSC_PEER_CHAIN will give
 * @text: the faults in words, NUL-terminated
 */
struct ksc_verification {
	__u32	faults;
	__u32	chain_len;
	char	text[KSC_MAX_TEXT + 1];
};

/*
 * get: struct ksc_export, over which the result is written: keying material of RFC 5705
 * and RFC 8446 7.5, that both sides can derive and nobody else. EINVAL for lengths
 * out of range, bytes in the label that are not printable ASCII, or a label that TLS
 * uses itself; ERANGE when the result does not fit; ENOTCONN before the handshake is
 * done; ENODATA with TLS 1.2 without extended master secret (RFC 7627 5.4).
 */
#define KSC_EXPORT		24

/*
 * (rw) int, 1: whether a connection is protected is up to the policy of its network
 * namespace, and not just how. For whoever gives us the socket of a program that knows
 * nothing of it; can't be taken back. The rule is found when connect() has both
 * addresses, or when the peer connects; a connection that is to be plain is a TCP
 * connection as any other, mostly without the ULP. On a connected socket KSC_ROLE has to
 * be set before, EDESTADDRREQ without; then the rule is found at once, and EHOSTDOWN says
 * that there is no policy. EBUSY when a handshake has begun. Where a rule requires that a
 * connection is protected, KSC_DETACH fails with EPERM.
 */
#define KSC_POLICY		25

/*
 * set: int, 1 to 255. Sends an alert with that number, behind all data written before.
 * user_canceled and, in TLS 1.2, no_renegotiation are warnings: the connection goes on.
 * Any other is fatal: it has failed, here too, with KSC_STATUS_CANCELLED. For close_notify
 * there is KSC_CLOSE_NOTIFY. ENOTCONN before the handshake is done, EPIPE when
 * close_notify was sent, EAGAIN while there is no room in the send buffer and the socket
 * does not wait.
 */
#define KSC_ALERT		26

/*
 * (rw) int, enum ksc_connect: what connect() waits for. With KSC_CONNECT_TCP it is done when
 * TCP is connected, which poll() tells by POLLOUT and SO_ERROR by 0: the server may have yet
 * to accept, with which its part of the handshake begins. What sends or receives first waits
 * for the handshake's end, or fails with EAGAIN, or as the handshake does. When connect()
 * has returned 0, send() failed with EAGAIN or KSC_HANDSHAKE with EINPROGRESS, POLLOUT is
 * about data. Nothing goes out in plaintext.
 */
#define KSC_CONNECT		27

/* Most bytes of label, TLS 1.3's own limit; and of result */
#define KSC_MAX_EXPORT_LABEL	249
#define KSC_MAX_EXPORT		1024

#define KSC_EXPORT_F_CONTEXT	(1U << 0)	/* with a context, perhaps an empty one */

/**
 * struct ksc_export - what is to be derived (KSC_EXPORT)
 * @label_len: bytes of label, 1 to KSC_MAX_EXPORT_LABEL
 * @context_len: bytes of context, 0 to 65535
 * @out_len: bytes that are wanted, 1 to KSC_MAX_EXPORT
 * @flags: KSC_EXPORT_F_*. TLS 1.2 tells no context from an empty one, TLS 1.3 does not
 * @data: label, then context; no NUL anywhere
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
 * @fd: the keys
 * @pad: zero
 * @extra: bytes from the peer that the application has read and no step has used
 *	up: they come before those that are still in the socket
 */
struct ksc_attach {
	__s32	fd;
	__u32	pad;
	__u8	extra[];
};

/**
 * enum ksc_record_sizing - how large records are that carry much data
 * @KSC_SIZING_DYNAMIC: the default. A record fits a TCP segment as long as no more
 *	than TCP's initial window was sent since the connection began or was idle
 *	for a second, so that the peer can use what arrives first; then full size
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
 * struct ksc_info - what was negotiated (KSC_INFO)
 * @version: as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3
 * @cipher_suite: IANA number
 * @role: enum ksc_role
 * @phase: enum ksc_phase
 * @flags: KSC_INFO_F_*
 * @peer_fingerprint: SHA-256 of the peer's certificate
 * @alpn: protocol chosen, NUL-terminated, empty if none
 * @server_name: name the client asked for, NUL-terminated
 * @peer_subject: RFC 4514 form, NUL-terminated; where that is empty, the first
 *	subjectAltName as "dns:NAME", "uri:URI", "email:ADDRESS" or "ip:ADDRESS"
 *
 * Later versions may grow at the end; getsockopt() gives as much as fits and
 * the length tells how much that is.
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
 * struct ksc_error - why a handshake or a connection failed (KSC_ERROR)
 * @status: enum ksc_status; KSC_STATUS_OK when nothing has failed
 * @error: the errno that calls return for it, positive
 * @alert: number of the TLS alert, if @direction says there was one
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
 * The keys of a handshake that an application carried itself: a descriptor, which comes with
 * the handshake's end over the daemon's context socket. Whoever has it can give them to a
 * socket (KSC_ATTACH) once, or pass it on (SCM_RIGHTS). They are forgotten when it is closed
 * everywhere. No ioctl tells a key. Both fail with ESTALE when a socket has got the keys, EBUSY
 * while one is getting them, EPERM where they are from a daemon of a user namespace that the
 * caller is not in, and EFAULT.
 */
/*
 * struct ksc_info, as KSC_INFO has it of the socket that will get the keys. A longer one than
 * the kernel knows is filled up with zeros, of a shorter one as much is given as fits.
 */
#define KSC_KEY_INFO	_IOR(0xc3, 1, struct ksc_info)
/*
 * struct ksc_export, over which the result is written: what KSC_EXPORT derives. There have to
 * be as many bytes as the longer of both needs. Errors as KSC_EXPORT's, but for ERANGE.
 */
#define KSC_KEY_EXPORT	_IOWR(0xc3, 2, struct ksc_export)

#endif /* _UAPI_LINUX_KSCHANNEL_H */
