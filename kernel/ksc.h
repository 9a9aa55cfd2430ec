/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kschannel: what the module's files share. Functions are listed by the file
 * that owns them.
 *
 * Locking, outermost first:
 *   lock_sock(sk)	everything in struct ksc_sock that says nothing else;
 *			softirq callbacks of TCP run under the socket's
 *			spinlock with nobody owning it, which is the same lock
 *   ksc_sock.lock	options and ksc_sock.sk, for accept() and dump; what netlink
 *			asks of a socket
 *   ksc_context.lock	the state of the one step in flight
 *   ksc_net.lock	which daemon is registered
 *   ksc_admit_lock	what handshakes and keys count for, in admit.c; not taken with a
 *			context's lock held, nor that with it; owners are kicked under it
 *   ksc_queue.lock	the order in which contexts go to the daemon; owners are
 *			kicked under it, which only queues their work
 * A key's lock (key_file.c) is taken with none of them held, and none within it.
 */
#ifndef _KSC_H
#define _KSC_H

#include <linux/kref.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/bvec.h>
#include <linux/percpu.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/u64_stats_sync.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/sock.h>
#include <net/inet_connection_sock.h>

#include <linux/kschannel.h>

#include "cipher.h"
#include "compat/compat.h"
#include "context.h"
#include "counters.h"
#include "noio.h"
#include "options.h"
#include "phase.h"
#include "policy.h"
#include "frame.h"

struct genl_info;
struct ksc_question;
struct ksc_exporter;
struct ksc_policy_load;
struct ksc_tickets;

/* Content of a handshake that a peer may make us carry, in bytes */
#define KSC_MAX_HANDSHAKE	65536
/* Fragments that one outgoing record may be made of */
#define KSC_TX_FRAGS		8
/* Pieces of a received record that are decrypted where they lie */
#define KSC_RX_FRAGS		40

/**
 * struct ksc_net - what belongs to a network namespace
 * @net: the namespace; it outlives every socket in it, and every key of its daemon
 * @lock: @daemon, @registration, @had_daemon
 * @daemon: netlink socket of the registered daemon, referenced, or NULL
 * @registration: number of its registration, 0 for none
 * @last_registration: the last one's; none is used twice
 * @had_daemon: there has been one: a handshake without one waits for the next
 * @queue: contexts that wait for the daemon
 * @limits: what handshakes and keys may take; changed under the lock of admit.c
 * @shares: handshakes of servers, and all; under the lock of admit.c
 * @nr_keys: keys that no socket has got yet; likewise
 * @contexts: struct ksc_context by id
 * @next_context: the last context's id; none is used twice
 * @socks: struct ksc_sock by id
 * @next_sock: hint for the next socket's id
 * @nr_socks: entries of @socks
 * @nr_contexts: entries of @contexts
 * @idle: looks for idle connections while there are any in use, see idle.c
 * @idle_at: id that @idle goes on with, 0 between rounds
 * @in_use: a record was protected, or is thought to be soon, since the round began
 * @policy: NULL until a daemon has loaded one; RCU, replaced under @load_lock
 * @policy_seq: counts the policies
 * @load_lock: @load, and who replaces @policy
 * @load: the policy that the daemon is loading, or NULL
 * @reports: how often the daemon is told of what it has nothing to do with
 * @counters: see ksc_count()
 */
struct ksc_net {
	struct net *net;
	spinlock_t lock;	/* daemon, registration, had_daemon */
	struct sock *daemon;
	u32 registration;
	u32 last_registration;
	bool had_daemon;
	struct ksc_queue queue;
	struct ksc_limits limits;
	struct ksc_bucket shares[2];
	u32 nr_keys;
	struct xarray contexts;
	atomic64_t next_context;
	struct xarray socks;
	u32 next_sock;
	atomic_t nr_socks;
	atomic_t nr_contexts;
	struct delayed_work idle;
	unsigned long idle_at;
	bool in_use;
	struct ksc_policy __rcu *policy;
	u32 policy_seq;
	struct mutex load_lock;	/* load, replacing policy */
	struct ksc_policy_load *load;
	struct ratelimit_state reports;
	struct ksc_counters __percpu *counters;
};

/**
 * struct ksc_session - what is known of an established session
 * @resumed: the handshake resumed an earlier one
 * @has_peer: @peer_subject and @peer_fingerprint are valid
 * @alpn: offset in @text of the protocol chosen
 * @server_name: offset in @text
 * @peer_subject: offset in @text
 * @size: bytes in @text
 * @peer_fingerprint: SHA-256 of the peer's certificate
 * @text: NUL-terminated strings
 *
 * Never changed once visible; freed with its owner after a grace period.
 */
struct ksc_session {
	bool resumed;
	bool has_peer;
	u16 alpn;
	u16 server_name;
	u16 peer_subject;
	u16 size;
	u8 peer_fingerprint[32];
	char text[];
};

/**
 * struct ksc_failure - why a handshake or a connection failed
 * @status: enum ksc_status
 * @alert: the alert's number, if @direction says there was one
 * @direction: enum ksc_direction
 * @text: one line
 *
 * Never changed once visible; freed with its owner after a grace period.
 */
struct ksc_failure {
	u32 status;
	u8 alert;
	u8 direction;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_keys - what a handshake came to
 * @version: negotiated version
 * @suite: negotiated suite
 * @max_record: the peer's RFC 8449 limit, 0 for none
 * @tx: keys for what is sent
 * @rx: and for what is received
 * @session: what is known of it
 * @exporter: NULL if there is none
 *
 * Zeroised and freed by ksc_keys_free().
 */
struct ksc_keys {
	u16 version;
	u16 suite;
	u16 max_record;
	struct ksc_key tx;
	struct ksc_key rx;
	struct ksc_session *session;
	struct ksc_exporter *exporter;
};

/**
 * struct ksc_step - a step's outcome
 * @status: enum ksc_status
 * @consumed: bytes of the offered token that were used up
 * @need: with incomplete-message, how many more are wanted at least
 * @token: bytes for the peer
 * @token_len: bytes in @token
 * @alert: the alert's number
 * @direction: enum ksc_direction
 * @text: explanation, may be empty
 * @tickets: the daemon wants tickets, with ok
 * @keys: with ok
 * @question: with verify-needed; whoever applies the step takes it and clears it here
 *
 * Made by ksc_step_parse(), zeroised and freed by ksc_step_free().
 */
struct ksc_step {
	u32 status;
	u32 consumed;
	u32 need;
	u8 *token;
	u32 token_len;
	u8 alert;
	u8 direction;
	char text[KSC_MAX_TEXT + 1];
	bool tickets;
	struct ksc_keys keys;
	struct ksc_question *question;
};

/* enum ksc_update - a KeyUpdate that is to be sent when there is room for it */
enum ksc_update {
	KSC_UPDATE_NONE,
	KSC_UPDATE_OWN,		/* update_not_requested */
	KSC_UPDATE_BOTH,	/* update_requested: the peer's keys, too */
};

/**
 * struct ksc_tx - the sending half of a protected socket
 * @cipher: keys
 * @frag: the record under construction, or with @pending what is left of one
 * @nfrags: entries of @frag, each of which holds a page reference
 * @pending: @frag is ciphertext that TCP has not taken, or is being given
 * @full: TCP had no room for all of that; read without the lock
 * @more: the sender of @pending, or of what is open, said MSG_MORE or has a cork
 * @held: what is open goes out at @deadline
 * @nagle: what is open goes out when TCP would send it
 * @closed: close_notify was sealed: it is sent or pending
 * @lost: what an application was told is taken can't be sent: the end is a reset, as a FIN
 *	would hide that
 * @pushing: TCP is being given @frag
 * @tailed: @frag has room for the record's type and tag, behind what is in @len; every
 *	open record does
 * @update: enum ksc_update, a KeyUpdate that is owed
 * @len: plaintext bytes in the record under construction
 * @max: most of them, by KSC_TX_MAX_PAYLOAD and the peer's limit
 * @max_record: the peer's RFC 8449 limit
 * @deadline: jiffies
 * @ramp: bytes that are still to go out in records of a TCP segment's size
 * @first: offset in @frag of what TCP gets next
 * @bytes: application bytes sent
 * @records: records sent
 * @updates: KeyUpdates sent
 * @charged: bytes in the socket's account for the record that is open or pending
 */
struct ksc_tx {
	struct ksc_cipher cipher;
	struct bio_vec frag[KSC_TX_FRAGS];
	u8 nfrags;
	u8 first;
	bool pending;
	bool full;
	bool more;
	bool held;
	bool nagle;
	bool closed;
	bool lost;
	bool pushing;
	bool tailed;
	u8 update;
	u16 len;
	u16 max;
	u16 max_record;
	u32 ramp;
	u32 updates;
	u32 charged;
	unsigned long deadline;
	u64 bytes;
	u64 records;
};

/**
 * struct ksc_rxq - a place in TCP's receive queue
 * @done: bytes that are used up and that TCP has not been told of
 * @off: where the next one is in @skb, with @done; the rest likewise
 * @end: where in @skb the piece with @off ends: a head, or a page fragment
 * @frag: number of page fragments of @part before @end, 0 if that is its head's
 * @skb: NULL at the queue's end
 * @part: @skb, or one in its frag list, as GRO makes it, to which the piece belongs
 *
 * TCP is told once for many records (ksc_rxq_flush()), always before the
 * socket's lock is released.
 */
struct ksc_rxq {
	u32 done;
	u32 off;
	u32 end;
	u32 frag;
	struct sk_buff *skb;
	struct sk_buff *part;
};

/**
 * struct ksc_rate - how often something happened
 * @n: times
 * @since: jiffies of the first of them
 */
struct ksc_rate {
	u32 n;
	unsigned long since;
};

/**
 * struct ksc_rx - the receiving half of a protected socket
 * @cipher: keys
 * @queue: where the record under work is
 * @plain: struct ksc_rec, decrypted and not yet read
 * @nplain: how many
 * @charged: how many of them are charged to the socket, see ksc_rec_settle()
 * @rec_len: length with header of the record at the queue's head, 0 unknown
 * @type: that record's outer content type
 * @bad: that record is refused with this alert; internal_error if it can't be read
 * @closed: close_notify was received
 * @hs: follows post-handshake messages
 * @stage: what has come of a record that the receive buffer has no room for; or what
 *	an application had read before it attached keys
 * @stage_len: bytes in @stage
 * @stage_size: bytes at @stage, charged to the socket; 0 for what an application had read
 * @stuck_at: TCP's next sequence number when it was looked at for nothing having come
 * @ahead: what those of @plain behind the first are charged with
 * @stuck_since: jiffies then, 0 never
 * @bytes: application bytes received
 * @records: records received
 * @updates: KeyUpdates received
 * @dataless: records without application data, see flood.c
 * @key_updates: KeyUpdates that nobody asked for; likewise
 * @rekeyed: @bytes when a KeyUpdate last did not count for what was before it
 * @solicited: KeyUpdates that the peer was asked for and has not sent yet
 * @asked: the peer was told to change its keys, which are at their limit
 * @polled: poll() has asked for data: from then on it is opened without a reader
 * @tell: whoever polls was not told yet of what there is; written without the lock, too
 * @enough: as much is decrypted as SO_RCVLOWAT, where that is more than a byte
 * @readers: calls that wait for a record, which they will open by themselves
 * @warned: a warning alert came
 * @warning: its number, of the last one
 */
struct ksc_rx {
	struct ksc_cipher cipher;
	struct ksc_rxq queue;
	struct list_head plain;
	u8 nplain;
	u8 charged;
	u32 rec_len;
	u8 type;
	u8 bad;
	bool closed;
	struct ksc_hs_parser hs;
	u8 *stage;
	u32 stage_len;
	u32 stage_size;
	u32 stuck_at;
	int ahead;
	unsigned long stuck_since;
	u32 updates;
	struct ksc_rate dataless;
	struct ksc_rate key_updates;
	u64 rekeyed;
	u8 solicited;
	bool asked;
	bool polled;
	bool tell;
	bool enough;
	u32 readers;
	bool warned;
	u8 warning;
	u64 bytes;
	u64 records;
};

/**
 * struct ksc_kind - what differs between managed sockets and those of raw mode
 * @cache: their states'
 * @managed: the handshake is ours: SO_RCVLOWAT counts content, and KeyUpdates can be asked for
 * @run: what the pump does. Context: process, the socket's lock owned
 * @wipe: zeroise the keys in a state that is being freed, besides those of struct ksc_sock; or
 *	NULL. Context: any
 * @put_session: attributes of KSC_CMD_SOCK_GET about the session; NULL if struct ksc_session has
 *	them. Context: process. Return: 0 or -EMSGSIZE
 *
 * Constant once sockets can have it.
 */
struct ksc_kind {
	struct kmem_cache *cache;
	bool managed;
	void (*run)(struct sock *sk, struct ksc_sock *ks);
	void (*wipe)(struct ksc_sock *ks);
	int (*put_session)(struct sk_buff *msg, const struct ksc_sock *ks);
};

/**
 * struct ksc_sock - a protected socket
 * @sk: the socket, NULL once released; @lock
 * @lock: options and @sk; taken with bottom halves off
 * @ref: the socket's own, and each dump's
 * @rcu: a dump looks at it without a reference
 * @id: key in ksc_net.socks
 * @kn: namespace
 * @kind: managed, or of raw mode
 * @opt: options; changed under lock_sock and @lock both
 * @phase: enum ksc_phase; written by ksc_move() alone, under lock_sock, read anywhere
 * @role: enum ksc_role
 * @connect_told: connect() has reported its end
 * @connect_tcp: that is TCP's, not the handshake's; set when the handshake begins
 * @write_waits: whoever wrote was told since to wait for the handshake's end
 * @read_shut: the application shut its reading side
 * @write_shut: likewise, before the handshake was done
 * @armed: TCP's callbacks are ours
 * @urginline: SOCK_URGINLINE was set before @armed
 * @pump_missed: the pump found the socket owned; @sk's spinlock
 * @begin: poll() asks for the handshake to begin; @lock
 * @begin_gid: group of who polls; @lock
 * @ruling: the policy's
 * @asking: struct ksc_asking, the calls of connect() under way
 * @asked: by the one whose connection it is
 * @rekey: enum ksc_update that netlink asks for; @lock
 * @calls: connect() and listen() under way, which TCP works on without the lock held
 * @version: negotiated version
 * @suite: negotiated suite
 * @rcvlowat: SO_RCVLOWAT, bytes of application data
 * @uid: owner
 * @gid: owner's group
 * @listener: ksc_admit_listener() of whom it was accepted from, 0 for nobody
 * @context: the handshake in progress
 * @owner: what @context knows of this
 * @session: set once
 * @exporter: set once, may be missing
 * @status: enum ksc_status, in phase failed
 * @failure: set once, may be missing
 * @tickets: a client's, if the daemon is interested
 * @data_ready: TCP's callback
 * @write_space: TCP's callback
 * @state_change: TCP's callback
 * @pump: what needs process context
 * @memcg: who attached it pays for what @pump allocates; referenced, or NULL
 * @tx: sending half
 * @rx: receiving half
 *
 * Owned by the socket: allocated in ULP init or accept(), given up in ULP
 * release, freed after a grace period.
 */
struct ksc_sock {
	struct sock *sk;
	spinlock_t lock;	/* sk, opt */
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
	u16 version;
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
	struct ksc_tx tx;
	struct ksc_rx rx;
};

/**
 * ksc_sk() - a socket's state
 * @sk: socket with our ULP
 *
 * Stable under the socket's lock or in RCU. NULL before a child is accepted, where it is
 * plaintext, and after release: everything that is ours then fails closed.
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

/* connect() will look for the rule, ksc_policy_connecting(): nothing begins before that */
static inline bool ksc_awaits_ruling(const struct ksc_sock *ks)
{
	return ks->phase == KSC_PHASE_CONNECTING && ks->ruling.by_policy && !ks->ruling.made;
}

/* main.c */
extern unsigned int ksc_net_id;
extern struct workqueue_struct *ksc_wq;
struct ksc_net *ksc_net(const struct net *net);

/* proto.c */
int ksc_proto_init(void);
void ksc_proto_exit(void);
int ksc_ulp_attach(struct sock *sk);
bool ksc_pristine(const struct sock *sk);
void ksc_give_back(struct sock *sk);
bool ksc_is_plain(const struct sock *sk);
bool ksc_has_ulp(const struct sock *sk);
void ksc_take_over(struct sock *sk);
void ksc_listener_take(struct sock *sk);
void ksc_child_reset(struct sock *sk);
bool ksc_base_tables(bool v6, struct proto *p, struct proto_ops *o);
struct proto *ksc_base_proto(const struct sock *sk);
const struct proto_ops *ksc_base_ops(const struct sock *sk);

/* connect.c */
int ksc_connect_ops(struct socket *sock, struct ksc_sockaddr *addr, int len, int flags);
int ksc_accepted(struct socket *listener, struct socket *sock);
int ksc_listen_ops(struct socket *sock, int backlog);
int ksc_listener_shutdown(struct socket *sock, int how);
int ksc_listener_sendmsg(struct socket *sock, struct msghdr *msg, size_t size);
int ksc_proto_connect(struct sock *sk, struct ksc_sockaddr *addr, int len);
int ksc_disconnect(struct sock *sk, int flags);
void ksc_settle(struct sock *sk, struct ksc_sock *ks);
void ksc_settle_sock(struct sock *sk);

/* close.c */
int ksc_move(struct sock *sk, struct ksc_sock *ks, enum ksc_event event);
void ksc_fall_back(struct sock *sk, struct ksc_sock *ks, const char *why);
void ksc_take_rcvlowat(struct sock *sk, struct ksc_sock *ks);
int ksc_set_rcvlowat(struct sock *sk, int val);
int ksc_shutdown_ops(struct socket *sock, int how);
void ksc_close(struct sock *sk, long timeout);
void ksc_close_reset(struct sock *sk);
int ksc_ready(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_ready_to_write(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_wait(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_error(const struct ksc_sock *ks);
int ksc_usable(const struct ksc_sock *ks);
void ksc_fail(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
	      u8 direction, const char *text);
void ksc_fail_alert(struct sock *sk, struct ksc_sock *ks, u32 status, u8 alert,
		    const char *text);
void ksc_fin(struct sock *sk);
void ksc_established(struct sock *sk, struct ksc_sock *ks);
void ksc_retire(struct sock *sk, struct ksc_sock *ks);

/* callbacks.c */
void ksc_wake_reader(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_deferred(struct sock *sk, struct ksc_sock *ks);
void ksc_wake_writer(struct sock *sk, struct ksc_sock *ks);
void ksc_remind_reader(struct sock *sk, struct ksc_sock *ks);
bool ksc_hears_of_space(const struct sock *sk);
bool ksc_starved(const struct sock *sk);
void ksc_await_space(struct sock *sk, struct ksc_sock *ks);
void ksc_arm(struct sock *sk, struct ksc_sock *ks);
void ksc_disarm(struct sock *sk, struct ksc_sock *ks);

/* ioctl.c */
int ksc_inq(struct sock *sk);
int ksc_outq(struct sock *sk, bool sent);

/* poll.c */
bool ksc_poll_in(const struct sock *sk, const struct ksc_sock *ks);
void ksc_poll_tell(struct ksc_rx *rx);
__poll_t ksc_poll_full(struct socket *sock, const struct ksc_sock *ks);
void ksc_poll_begin(struct sock *sk, struct ksc_sock *ks);
__poll_t ksc_poll_ops(struct file *file, struct socket *sock,
		      struct poll_table_struct *wait);

/* ulp.c */
int ksc_attach(struct sock *sk, const struct ksc_kind *kind);
struct ksc_sock *ksc_child_new(struct sock *sk, struct ksc_sock *parent,
			       const struct ksc_ruling *ruling);
void ksc_ulp_release(struct sock *sk);
int ksc_ulp_init(void);
void ksc_ulp_exit(void);
void ksc_ulp_free(void);
extern struct tcp_ulp_ops ksc_ulp_ops;
struct sock *ksc_sock_hold(struct ksc_sock *ks);
void ksc_sock_get(struct ksc_sock *ks);
void ksc_sock_put(struct ksc_sock *ks);

/* status.c */
int ksc_status_errno(u32 status);
const char *ksc_status_text(u32 status);

/* handshake.c */
void ksc_pump_handshake(struct sock *sk, struct ksc_sock *ks);
extern struct ksc_kind ksc_managed;
void ksc_pump_init(struct ksc_sock *ks);
void ksc_release_cb(struct sock *sk);
void ksc_pump_kick(struct ksc_sock *ks, unsigned long delay);
void ksc_handshake_start(struct sock *sk, struct ksc_sock *ks);
int ksc_install(struct ksc_sock *ks, struct ksc_keys *keys);

/* netlink.c */
extern struct genl_family ksc_nl_family;
int ksc_netlink_init(void);
void ksc_netlink_exit(void);
void ksc_netlink_net_init(struct ksc_net *kn);
int ksc_netlink_describe(struct sk_buff *msg, const struct ksc_sock *ks);
int ksc_netlink_offer(struct ksc_context *ctx, u32 len);
void ksc_netlink_gone(struct ksc_net *kn, u32 daemon, u64 id);
void ksc_netlink_failed(const struct sock *sk, const struct ksc_sock *ks, u64 id);
void ksc_netlink_ticket(struct ksc_net *kn, u32 daemon, u64 id, const u8 *data,
			u32 len);

/* ticket.c */
void ksc_tickets_new(struct ksc_sock *ks, u64 context, u32 daemon);
void ksc_tickets_free(struct ksc_sock *ks);
void ksc_ticket_begin(struct ksc_sock *ks, u32 body);
void ksc_ticket_add(struct ksc_sock *ks, const u8 *p, u32 len);

/* keys.c */
struct ksc_step *ksc_step_parse(struct genl_info *info);
void ksc_step_wipe(const struct genl_info *info);
int ksc_keys_parse(struct ksc_keys *keys, const struct genl_info *info);
int ksc_keys_copy(struct ksc_keys *to, const struct ksc_keys *from);
void ksc_keys_free(struct ksc_keys *keys);
void ksc_step_free(struct ksc_step *step);

/* pages.c, see tx_build.h too */
void ksc_frag_init(void);
void ksc_frag_exit(void);

/* tx.c, see tx_build.h too */
/* When the pump tries again what TCP had no memory for, though nothing was in flight */
#define KSC_TX_AGAIN	(HZ / 50)
int ksc_tx_flush(struct sock *sk, struct ksc_sock *ks);
int ksc_tx_finish(struct sock *sk, struct ksc_sock *ks);
int ksc_tx_broken(struct sock *sk, struct ksc_sock *ks);
int ksc_tx_raw(struct sock *sk, const void *data, size_t len);
int ksc_tx_alert(struct sock *sk, struct ksc_sock *ks, u8 level, u8 alert);
int ksc_tx_key_update(struct sock *sk, struct ksc_sock *ks, bool request);
int ksc_tx_close(struct sock *sk, struct ksc_sock *ks);
bool ksc_tx_may_resume(const struct sock *sk, struct ksc_sock *ks);
void ksc_tx_resume(struct sock *sk, struct ksc_sock *ks);
void ksc_tx_free(struct sock *sk, struct ksc_tx *tx);

/* tx_small.c, see tx_build.h too */
void ksc_tx_exit(void);

/* rekey.c */
void ksc_tune(struct ksc_sock *ks);
int ksc_rekey_now(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_soon(struct sock *sk, struct ksc_sock *ks, enum ksc_update update);
int ksc_rekey_try(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_before(struct sock *sk, struct ksc_sock *ks);
int ksc_rekey_ask(struct ksc_sock *ks, enum ksc_update update);
void ksc_rekey_asked(struct sock *sk, struct ksc_sock *ks);

/* send.c */
/* Most that a record adds to its content, without padding */
#define KSC_TX_OVERHEAD	(KSC_HEADER_LEN + 8 + 1 + KSC_TAG_LEN)
bool ksc_tx_nagle(const struct sock *sk, const struct ksc_sock *ks, u32 len);
int ksc_tx_wait(struct sock *sk, struct ksc_sock *ks, long *timeo);
int ksc_sendmsg(struct sock *sk, struct msghdr *msg, size_t size);
void ksc_uncork(struct sock *sk);
void ksc_splice_eof(struct socket *sock);

/* recv.c */
int ksc_recvmsg(struct sock *sk, struct msghdr *msg, size_t len, int flags,
		int *addr_len);

int ksc_read_sock(struct sock *sk, read_descriptor_t *desc, sk_read_actor_t recv_actor);
int ksc_peek_len(struct socket *sock);

/* rx.c */
const u8 *ksc_rx_header(struct sock *sk, const struct ksc_rx *rx, u8 *buf);
bool ksc_rx_ready(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_full(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_enough(struct sock *sk, struct ksc_sock *ks);
int ksc_rx_advance(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_go_on(struct ksc_sock *ks);
void ksc_rx_settle(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_pump(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_free(struct sock *sk, struct ksc_rx *rx);

/* rx_stage.c */
/* How long TCP is waited for; its first probe comes sooner */
#define KSC_STUCK_DELAY		msecs_to_jiffies(500)
bool ksc_rx_stalled(struct sock *sk, struct ksc_sock *ks);
int ksc_rx_stage_some(struct sock *sk, struct ksc_sock *ks);
bool ksc_rx_shut_window(const struct sock *sk);
void ksc_rx_stage(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_unstall(struct sock *sk, struct ksc_sock *ks);
void ksc_rx_unstage(struct sock *sk, struct ksc_rx *rx);

/* charge.c */
void ksc_charge(struct sock *sk, u32 size);
void ksc_uncharge(struct sock *sk, u32 size);

/* attach.c */
int ksc_set_attach(struct sock *sk, sockptr_t optval, unsigned int optlen);
int ksc_get_detach(struct sock *sk, char __user *optval, int __user *optlen);
int ksc_set_close_notify(struct sock *sk);

/* rx_plain.c, see rx_plain.h too */
bool ksc_rx_has_plain(const struct ksc_rx *rx);
int ksc_rx_plain_len(const struct ksc_rx *rx);
void ksc_rec_exit(void);

/* rx_queue.c */
/* why a connection ends where ksc_rxq_copy() returns -EFAULT */
#define KSC_UNREADABLE	"what the peer sent is in memory of a device"
u32 ksc_rxq_len(const struct sock *sk);
int ksc_rxq_avail(struct sock *sk, const struct ksc_rxq *q);
void ksc_rxq_take(struct sock *sk, struct ksc_rxq *q, u32 len);
void ksc_rxq_flush(struct sock *sk, struct ksc_rxq *q);
int ksc_rxq_copy(struct sock *sk, const struct ksc_rxq *q, u32 offset, void *to,
		 u32 len);
const u8 *ksc_rxq_peek(struct sock *sk, const struct ksc_rxq *q, u32 len, u8 *buf);
int ksc_rxq_sg(struct sock *sk, const struct ksc_rxq *q, u32 offset, u32 len,
	       struct scatterlist *sg, int used, int max);

/* ktls.c, see ktls_state.h too */
int ksc_ktls_init(void);
void ksc_ktls_exit(void);
void ksc_ktls_free(void);

/* limits.c */
int ksc_limits_put(struct sk_buff *msg, struct ksc_net *kn);

/* describe.c */
int ksc_put_addr(struct sk_buff *msg, int attr, const struct sock *sk, bool peer);

/* state.c */
struct ksc_sock *ksc_sock_new(struct sock *sk, const struct ksc_kind *kind, gfp_t gfp);

/* end.c */
void ksc_context_drop(struct ksc_sock *ks);

/* leave.c */
void ksc_unconnected(struct sock *sk, struct ksc_sock *ks);

/* flow.c */
void ksc_flow_of_sock(struct ksc_flow *f, const struct sock *sk, u8 role, kuid_t uid, kgid_t gid);

/* tx.c */

/* diag.c */
static inline void ksc_count_add(struct ksc_net *kn, enum ksc_counter c,
				 unsigned long n)
{
	this_cpu_add(kn->counters->v[c], n);
}

static inline void ksc_count(struct ksc_net *kn, enum ksc_counter c)
{
	ksc_count_add(kn, c, 1);
}

u64 ksc_counter_sum(const struct ksc_net *kn, enum ksc_counter c);

#endif /* _KSC_H */
