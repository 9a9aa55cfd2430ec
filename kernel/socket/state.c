// SPDX-License-Identifier: GPL-2.0-only
/*
 * struct ksc_sock: allocation, references, phase, and its work item, the pump.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/sockios.h>
#include <net/protocol.h>
#include <net/tcp.h>
#include <net/transp_v6.h>
#include <asm/ioctls.h>

#include "compat/rps.h"
#include "failpoint.h"
#include "handshake/context.h"
#include "handshake/options.h"
#include "handshake/queue.h"
#include "handshake/status.h"
#include "memcg.h"
#include "net.h"
#include "socket/phase.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/noio.h"

/* ---- phases ---- */

/**
 * ksc_move() - change the phase according to an event
 * @sk: socket, locked and owned
 * @ks: its state
 * @event: the event
 *
 * The only writer of the phase.
 *
 * Context: any. Return: 0, or an errno if the table has no such transition, with the phase
 * unchanged.
 */
int ksc_move(struct sock *sk, struct ksc_sock *ks, enum ksc_event event)
{
	int to = ksc_phase_next(ks->phase, event);

	sock_owned_by_me(sk);
	if (to < 0)
		return to;
	/* pairs with readers of session, version, failure or sk_err that check the phase */
	smp_store_release(&ks->phase, to);
	return 0;
}

/**
 * ksc_error() - get the errno of a failed socket
 * @ks: its state
 *
 * Return: negative errno.
 */
int ksc_error(const struct ksc_sock *ks)
{
	return -ksc_status_errno(ks->status);
}

/**
 * ksc_usable() - check whether the handshake is done and the connection has not failed
 * @ks: its state, or NULL
 *
 * Context: the socket's lock. Return: 0 or an errno.
 */
int ksc_usable(const struct ksc_sock *ks)
{
	if (!ks)
		return -ENOMEM;
	if (ks->phase == KSC_PHASE_FAILED)
		return ksc_error(ks);
	return ks->phase == KSC_PHASE_ESTABLISHED ? 0 : -ENOTCONN;
}

/**
 * ksc_take_rcvlowat() - take over SO_RCVLOWAT from TCP
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * 0, which children of MPTCP have, means one byte. TCP's own stays at one byte.
 *
 * Context: process.
 */
void ksc_take_rcvlowat(struct sock *sk, struct ksc_sock *ks)
{
	ks->rcvlowat = sk->sk_rcvlowat ?: 1;
	WRITE_ONCE(sk->sk_rcvlowat, 1);
}

static void ksc_sock_free(struct ksc_sock *ks)
{
	mem_cgroup_put(ks->memcg);
	if (ks->kind->wipe)
		ks->kind->wipe(ks);
	kmem_cache_free(ks->kind->cache, ks);
}

static void ksc_sock_free_rcu(struct rcu_head *rcu)
{
	struct ksc_sock *ks = container_of(rcu, struct ksc_sock, rcu);

	ksc_options_free(&ks->opt);
	kfree(ks->session);
	kfree_sensitive(ks->exporter);
	kfree(ks->failure);
	ksc_sock_free(ks);
}

static void ksc_sock_release(struct kref *ref)
{
	struct ksc_sock *ks = container_of(ref, struct ksc_sock, ref);

	/* readers under RCU may still access it */
	call_rcu(&ks->rcu, ksc_sock_free_rcu);
}

/**
 * ksc_sock_get() - take a reference
 * @ks: state on which a reference is held
 */
void ksc_sock_get(struct ksc_sock *ks)
{
	kref_get(&ks->ref);
}

/**
 * ksc_sock_put() - drop a reference
 * @ks: state
 *
 * Context: any.
 */
void ksc_sock_put(struct ksc_sock *ks)
{
	kref_put(&ks->ref, ksc_sock_release);
}

/**
 * ksc_sock_hold() - get the socket of a state that may be being released
 * @ks: state, referenced
 *
 * Context: any. Return: the socket, referenced, or NULL if it is gone.
 */
struct sock *ksc_sock_hold(struct ksc_sock *ks)
{
	struct sock *sk;

	spin_lock_bh(&ks->lock);
	sk = ks->sk;
	if (sk && !refcount_inc_not_zero(&sk->sk_refcnt))
		sk = NULL;
	spin_unlock_bh(&ks->lock);
	return sk;
}

/**
 * ksc_pump_kick() - schedule the pump of a socket
 * @ks: its state
 * @delay: jiffies; expedites a pump that is scheduled for later
 *
 * Context: any.
 */
void ksc_pump_kick(struct ksc_sock *ks, unsigned long delay)
{
	bool queued;

	/* under RCU, the socket may be being released */
	if (!kref_get_unless_zero(&ks->ref))
		return;
	if (delay && (!timer_pending(&ks->pump.timer) ||
		      !time_before(jiffies + delay, READ_ONCE(ks->pump.timer.expires))))
		queued = queue_delayed_work(ksc_wq, &ks->pump, delay);
	else
		queued = !mod_delayed_work(ksc_wq, &ks->pump, delay);
	if (!queued)
		ksc_sock_put(ks);
}

/* A context that can't make its offer now passes its turn to the next */
static void ksc_pump_yield(struct ksc_sock *ks)
{
	struct ksc_context *ctx;

	rcu_read_lock();
	ctx = READ_ONCE(ks->context);
	if (ctx)
		ksc_queue_yield(ctx);
	rcu_read_unlock();
}

/*
 * Trylock: the owner may sleep in a userfault for an unbounded time, and must not stall other
 * sockets. If it fails, ksc_release_cb() schedules the pump again.
 */
static bool ksc_pump_lock(struct sock *sk, struct ksc_sock *ks)
{
	bool ours;

	spin_lock_bh(&sk->sk_lock.slock);
	ours = !sock_owned_by_user_nocheck(sk);
	if (ours)
		sk->sk_lock.owned = 1;
	else
		ks->pump_missed = true;
	spin_unlock_bh(&sk->sk_lock.slock);
	/* as lock_sock() tells lockdep */
	if (ours)
		mutex_acquire(&sk->sk_lock.dep_map, 0, 1, _RET_IP_);
	return ours;
}

/**
 * ksc_release_cb() - proto.release_cb: the socket's lock is being released
 * @sk: socket
 *
 * Context: the socket's spinlock, bottom halves off, still owned.
 */
void ksc_release_cb(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	tcp_prot.release_cb(sk);
	if (likely(!ks || !ks->pump_missed))
		return;
	ks->pump_missed = false;
	ksc_pump_kick(ks, 0);
}

static void ksc_pump_work(struct work_struct *work)
{
	struct ksc_sock *ks = container_of(to_delayed_work(work),
					   struct ksc_sock, pump);
	struct mem_cgroup *memcg;
	unsigned int noio;
	struct sock *sk;

	ksc_failpoint(KSC_FAILPOINT_PUMP);
	sk = ksc_sock_hold(ks);
	/* the socket was released: nothing to do */
	if (!sk)
		goto out;
	if (ksc_pump_lock(sk, ks)) {
		noio = ksc_noio_begin(sk);
		memcg = set_active_memcg(ks->memcg);
		ks->kind->run(sk, ks);
		set_active_memcg(memcg);
		ksc_noio_end(noio);
		release_sock(sk);
	} else {
		ksc_pump_yield(ks);
	}
	sock_put(sk);
out:
	ksc_sock_put(ks);
}

/**
 * ksc_pump_again() - ksc_stream_ops.again: schedule the pump
 * @s: its stream
 * @delay: jiffies
 *
 * Context: any.
 */
void ksc_pump_again(struct ksc_stream *s, unsigned long delay)
{
	ksc_pump_kick(container_of(s, struct ksc_sock, s), delay);
}

/**
 * ksc_pump_init() - set up a socket's pump
 * @ks: new state
 */
void ksc_pump_init(struct ksc_sock *ks)
{
	INIT_DELAYED_WORK(&ks->pump, ksc_pump_work);
}

/**
 * ksc_sock_new() - allocate a socket's state
 * @sk: socket, locked and owned or not yet visible
 * @kind: managed or raw
 * @gfp: allocation flags
 *
 * The caller assigns it to the socket; ksc_ulp_release() drops it.
 *
 * Context: process. Return: the state with one reference, or NULL.
 */
struct ksc_sock *ksc_sock_new(struct sock *sk, const struct ksc_kind *kind, gfp_t gfp)
{
	struct ksc_net *kn = ksc_net(sock_net(sk));
	struct ksc_sock *ks;
	int err;

	ks = kmem_cache_zalloc(kind->cache, gfp);
	if (!ks)
		return NULL;
	ks->kind = kind;
	spin_lock_init(&ks->lock);
	kref_init(&ks->ref);
	INIT_LIST_HEAD(&ks->s.rx.plain);
	ksc_pump_init(ks);
	ks->sk = sk;
	ks->kn = kn;
	ks->s.ops = kind->stream;
	ks->s.counters = kn->counters;
	ks->memcg = ksc_memcg_get();
	ks->opt.timeout = KSC_DEFAULT_HANDSHAKE_TIMEOUT;
	ks->rcvlowat = 1;
	err = xa_alloc_cyclic_bh(&kn->socks->all, &ks->id, ks, xa_limit_31b,
				 &kn->socks->next, gfp);
	if (err < 0) {
		ksc_sock_free(ks);
		return NULL;
	}
	atomic_inc(&kn->socks->nr);
	return ks;
}

/**
 * ksc_ulp_release() - ULP release: the socket is being destroyed
 * @sk: socket without other users
 *
 * Context: any.
 */
void ksc_ulp_release(struct sock *sk)
{
	struct ksc_sock *ks = ksc_sk(sk);

	/*
	 * ksc_close() has not run for an unaccepted child. The core accesses sk_prot until the
	 * last packet charged to the socket is freed, when the module may be unloaded.
	 */
	WRITE_ONCE(sk->sk_prot, ksc_base_proto(sk));
	if (!ks)
		return;
	rcu_assign_pointer(inet_csk(sk)->icsk_ulp_data, NULL);
	/* poll() may have scheduled it just when the socket was left to TCP */
	if (cancel_delayed_work(&ks->pump))
		ksc_sock_put(ks);
	xa_erase_bh(&ks->kn->socks->all, ks->id);
	atomic_dec(&ks->kn->socks->nr);
	spin_lock_bh(&ks->lock);
	ks->sk = NULL;
	spin_unlock_bh(&ks->lock);
	/* keys and context were already freed by close() */
	ksc_sock_put(ks);
}

/**
 * ksc_socks_init() - set up a namespace's sockets
 * @kn: namespace
 *
 * Context: process. Return: 0 or -ENOMEM.
 */
int ksc_socks_init(struct ksc_net *kn)
{
	kn->socks = kzalloc(sizeof(*kn->socks), GFP_KERNEL_ACCOUNT);
	if (!kn->socks)
		return -ENOMEM;
	kn->socks->kn = kn;
	/* sockets may be released in softirq */
	xa_init_flags(&kn->socks->all, XA_FLAGS_ALLOC1 | XA_FLAGS_LOCK_BH | XA_FLAGS_ACCOUNT);
	return 0;
}

/**
 * ksc_socks_exit() - undo ksc_socks_init()
 * @kn: namespace, or one that is not set up
 *
 * Context: process.
 */
void ksc_socks_exit(struct ksc_net *kn)
{
	/* every socket held the namespace */
	WARN_ON_ONCE(kn->socks && !xa_empty(&kn->socks->all));
	kfree(kn->socks);
}
