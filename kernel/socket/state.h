/* SPDX-License-Identifier: GPL-2.0-only */
/* The state of protected sockets. */
#ifndef _KSC_SOCKET_STATE_H
#define _KSC_SOCKET_STATE_H

#include <linux/kref.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/list.h>
#include <linux/ratelimit.h>
#include <linux/rcupdate.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/inet_connection_sock.h>

#include "handshake/options.h"
#include "handshake/owner.h"
#include "policy/flow.h"
#include "policy/policy.h"
#include "socket/phase.h"
#include "stream/stream.h"

struct kmem_cache;
struct ksc_context;
struct ksc_exporter;
struct ksc_net;
struct ksc_session;
struct ksc_sock;
struct ksc_tickets;
struct mem_cgroup;
struct sk_buff;

/**
 * struct ksc_socks - a network namespace's sockets
 * @kn: the namespace
 * @all: struct ksc_sock by id
 * @next: hint for the next socket's id
 * @nr: entries of @all
 * @idle: scans for idle connections while any has a transform, see idle.c
 * @idle_at: id that @idle continues with, 0 between scans
 * @in_use: a transform was allocated or found since the scan began
 * @reports: rate limit of reports to the daemon, see ksc_netlink_failed()
 */
struct ksc_socks {
	struct ksc_net *kn;
	struct xarray all;
	u32 next;
	atomic_t nr;
	struct delayed_work idle;
	unsigned long idle_at;
	bool in_use;
	struct ratelimit_state reports;
};

/**
 * struct ksc_failure - why a handshake or a connection failed
 * @status: enum ksc_status
 * @alert: the alert's number, unless @direction is none
 * @direction: enum ksc_direction
 * @text: one line
 *
 * Immutable once visible; freed with its owner after a grace period.
 */
struct ksc_failure {
	u32 status;
	u8 alert;
	u8 direction;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_kind - differences between managed sockets and those of raw mode
 * @cache: slab cache of their states
 * @stream: their streams' calls
 * @managed: the daemon runs the handshake: SO_RCVLOWAT counts content, and KeyUpdates can be
 *	requested
 * @run: the pump. Context: process, the socket's lock owned
 * @wipe: zeroise keys outside of struct ksc_sock when a state is freed; or NULL. Context: any
 * @put_session: put the session's attributes of KSC_CMD_SOCK_GET; NULL if struct ksc_session has
 *	them. Context: process. Return: 0 or -EMSGSIZE
 *
 * Constant once sockets can have it.
 */
struct ksc_kind {
	struct kmem_cache *cache;
	const struct ksc_stream_ops *stream;
	bool managed;
	void (*run)(struct sock *sk, struct ksc_sock *ks);
	void (*wipe)(struct ksc_sock *ks);
	int (*put_session)(struct sk_buff *msg, const struct ksc_sock *ks);
};

/**
 * struct ksc_sock - a protected socket
 * @sk: the socket, NULL once released; under @lock
 * @lock: protects options, @sk and others; taken with bottom halves off
 * @ref: references of the socket, the pump, the context, each dump
 * @rcu: dumps look it up without a reference
 * @id: key in ksc_socks.all
 * @kn: namespace
 * @kind: managed, or of raw mode
 * @opt: options; changed under lock_sock and @lock both
 * @phase: enum ksc_phase; written by ksc_move() alone, under lock_sock, read anywhere
 * @role: enum ksc_role
 * @connect_told: connect() has returned its result
 * @connect_tcp: connect() ends when TCP is connected, not with the handshake; set when that begins
 * @write_waits: a writer got -EAGAIN since, to wait for the handshake's end
 * @read_shut: the application shut down its reading side
 * @write_shut: likewise its writing side, before the handshake was done
 * @armed: our callbacks are installed
 * @urginline: SOCK_URGINLINE was set before @armed
 * @pump_missed: the pump found the socket owned; under @sk's spinlock
 * @begin: poll() requests the handshake; under @lock
 * @begin_gid: group of poll()'s caller; under @lock
 * @ruling: the policy's
 * @asking: struct ksc_asking, connect() calls in progress
 * @asked: address of the call that began the connection, if redirected
 * @rekey: enum ksc_update that netlink requests; under @lock
 * @calls: connect() and listen() calls in progress, in TCP without the lock held
 * @suite: negotiated suite
 * @rcvlowat: SO_RCVLOWAT, bytes of application data
 * @uid: owner
 * @gid: owner's group
 * @listener: ksc_admit_listener() of the listener that accepted it, or 0
 * @context: the handshake in progress
 * @owner: @context's handle on this
 * @session: set once
 * @exporter: set once, may be missing
 * @status: enum ksc_status, in phase failed
 * @failure: set once, may be missing
 * @tickets: a client's, if the daemon wants them
 * @data_ready: TCP's callback
 * @write_space: TCP's callback
 * @state_change: TCP's callback
 * @pump: work that needs process context
 * @memcg: memory cgroup of the creator, charged for @pump's allocations; referenced, or NULL
 * @s: record layer
 *
 * Owned by the socket: allocated in ULP init or accept(), dropped in ULP release, freed after a
 * grace period.
 */
struct ksc_sock {
	struct sock *sk;
	spinlock_t lock;	/* sk, opt, begin, begin_gid, rekey */
	struct kref ref;
	struct rcu_head rcu;
	u32 id;
	struct ksc_net *kn;
	const struct ksc_kind *kind;
	struct ksc_options opt;
	u8 phase;
	u8 role;
	bool connect_told;
	bool connect_tcp;
	bool write_waits;
	bool read_shut;
	bool write_shut;
	bool armed;
	bool urginline;
	bool pump_missed;
	bool begin;
	u8 rekey;
	unsigned int calls;
	struct ksc_ruling ruling;
	struct hlist_head asking;
	struct ksc_asked asked;
	u16 suite;
	u32 status;
	int rcvlowat;
	kuid_t uid;
	kgid_t gid;
	kgid_t begin_gid;
	u64 listener;
	struct ksc_context *context;
	struct ksc_owner owner;
	struct ksc_session *session;
	struct ksc_exporter *exporter;
	struct ksc_failure *failure;
	struct ksc_tickets *tickets;
	void (*data_ready)(struct sock *sk);
	void (*write_space)(struct sock *sk);
	void (*state_change)(struct sock *sk);
	struct delayed_work pump;
	struct mem_cgroup *memcg;
	struct ksc_stream s;
};

int ksc_move(struct sock *sk, struct ksc_sock *ks, enum ksc_event event);
void ksc_take_rcvlowat(struct sock *sk, struct ksc_sock *ks);
int ksc_error(const struct ksc_sock *ks);
int ksc_usable(const struct ksc_sock *ks);
void ksc_ulp_release(struct sock *sk);
struct sock *ksc_sock_hold(struct ksc_sock *ks);
void ksc_sock_get(struct ksc_sock *ks);
void ksc_sock_put(struct ksc_sock *ks);
void ksc_pump_init(struct ksc_sock *ks);
void ksc_release_cb(struct sock *sk);
int ksc_socks_init(struct ksc_net *kn);
void ksc_socks_exit(struct ksc_net *kn);
void ksc_pump_kick(struct ksc_sock *ks, unsigned long delay);
void ksc_pump_again(struct ksc_stream *s, unsigned long delay);
struct ksc_sock *ksc_sock_new(struct sock *sk, const struct ksc_kind *kind, gfp_t gfp);

/**
 * ksc_sk() - a socket's state
 * @sk: socket with our ULP
 *
 * Stable under the socket's lock or in RCU. NULL for an unaccepted or plaintext child, and after
 * release: protected operations fail then.
 */
static inline struct ksc_sock *ksc_sk(const struct sock *sk)
{
	return (__force struct ksc_sock *)inet_csk(sk)->icsk_ulp_data;
}

static inline bool ksc_handshaking(const struct ksc_sock *ks)
{
	u8 phase = READ_ONCE(ks->phase);

	return phase == KSC_PHASE_CONNECTING || phase == KSC_PHASE_HANDSHAKE ||
	       phase == KSC_PHASE_VERIFY;
}

/* connect() looks up the rule, ksc_policy_connecting(): nothing begins before that */
static inline bool ksc_awaits_ruling(const struct ksc_sock *ks)
{
	return ks->phase == KSC_PHASE_CONNECTING && ks->ruling.by_policy && !ks->ruling.made;
}

#endif /* _KSC_SOCKET_STATE_H */
