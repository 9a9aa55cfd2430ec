// SPDX-License-Identifier: GPL-2.0-only
/*
 * Idle connections: a transform takes a kilobyte or more per direction, and most connections of a
 * busy server are idle. So it is allocated for a direction's first record, freed when there was
 * none for a while, and allocated again for the next.
 *
 * A work item scans the namespace's sockets as long as there are transforms, and compares sequence
 * numbers with those of its last scan: the data path is not involved. It never waits for a
 * socket's lock: a socket that is locked is in use.
 */
#include <linux/kschannel_netlink.h>
#include <linux/module.h>

#include "net.h"
#include "record/cipher.h"
#include "record/spare.h"
#include "socket/idle.h"
#include "socket/state.h"
#include "stream/noio.h"

/* Sockets that are visited per run of the work item */
#define KSC_IDLE_STEP	64

/* Schedule the next scan, unless it is */
static void ksc_idle_again(struct ksc_net *kn)
{
	queue_delayed_work(ksc_wq, &kn->socks->idle, ksc_idle_delay());
}

/**
 * ksc_idle_made() - ksc_stream_ops.made: there is a transform that may become idle
 * @s: a socket's stream
 *
 * Context: process, the socket's lock owned.
 */
void ksc_idle_made(struct ksc_stream *s)
{
	struct ksc_net *kn = container_of(s, struct ksc_sock, s)->kn;

	ksc_count(kn, KSC_CNT_CIPHERS_MADE);
	/* before the work is queued: the work clears it before its scan, and checks it after */
	WRITE_ONCE(kn->socks->in_use, true);
	ksc_idle_again(kn);
}

/* Does a direction have a transform? Sets @idle if it was not used since the last scan */
static bool ksc_idle_look(struct ksc_cipher *c, bool *idle)
{
	u32 seq = (u32)READ_ONCE(c->seq);

	if (!READ_ONCE(c->aead))
		return false;
	if (c->seen == seq)
		*idle = true;
	else
		c->seen = seq;
	return true;
}

/* Take an idle direction's transform; the socket's lock is held */
static struct ksc_aead *ksc_idle_take(struct ksc_sock *ks, struct ksc_cipher *c)
{
	struct ksc_aead *aead = c->aead;

	if (!aead || c->seen != (u32)c->seq)
		return NULL;
	WRITE_ONCE(c->aead, NULL);
	ksc_count(ks->kn, KSC_CNT_CIPHERS_PARKED);
	return aead;
}

/* Move a socket's idle transforms to @spent. Returns whether another scan is needed */
static bool ksc_idle_visit(struct ksc_sock *ks, struct ksc_aead *spent[2])
{
	bool idle = false, used;
	struct sock *sk;

	if (READ_ONCE(ks->phase) != KSC_PHASE_ESTABLISHED)
		return false;
	used = ksc_idle_look(&ks->s.tx.cipher, &idle);
	used |= ksc_idle_look(&ks->s.rx.cipher, &idle);
	if (!idle)
		return used;
	sk = ksc_sock_hold(ks);
	if (!sk)
		return false;
	if (ksc_noio(sk)) {
		used = false;
		goto out;
	}
	spin_lock_bh(&sk->sk_lock.slock);
	if (!sock_owned_by_user(sk) && ksc_sk(sk) == ks &&
	    ks->phase == KSC_PHASE_ESTABLISHED) {
		/* sealing an open record must not need memory */
		spent[0] = ks->s.tx.len ? NULL : ksc_idle_take(ks, &ks->s.tx.cipher);
		spent[1] = ksc_idle_take(ks, &ks->s.rx.cipher);
		used = ks->s.tx.cipher.aead || ks->s.rx.cipher.aead;
	}
	spin_unlock_bh(&sk->sk_lock.slock);
out:
	sock_put(sk);
	return used;
}

/* Visit the first socket from @at on; returns whether there is one */
static bool ksc_idle_next(struct ksc_net *kn, unsigned long *at)
{
	struct ksc_aead *spent[2] = {};
	struct ksc_sock *ks;

	/* RCU keeps it, see ksc_sock_release() */
	rcu_read_lock();
	ks = xa_find(&kn->socks->all, at, ULONG_MAX, XA_PRESENT);
	if (ks && ksc_idle_visit(ks, spent))
		WRITE_ONCE(kn->socks->in_use, true);
	rcu_read_unlock();
	ksc_aead_free(spent[0]);
	ksc_aead_free(spent[1]);
	return ks;
}

static void ksc_idle_work(struct work_struct *work)
{
	struct ksc_net *kn = container_of(to_delayed_work(work), struct ksc_socks, idle)->kn;
	unsigned int i;

	if (!kn->socks->idle_at && !ksc_idle_frees()) {
		if (!xa_empty(&kn->socks->all))
			ksc_idle_again(kn);
		return;
	}
	if (!kn->socks->idle_at)
		WRITE_ONCE(kn->socks->in_use, false);
	for (i = 0; i < KSC_IDLE_STEP; i++, kn->socks->idle_at++) {
		if (ksc_idle_next(kn, &kn->socks->idle_at))
			continue;
		kn->socks->idle_at = 0;
		if (READ_ONCE(kn->socks->in_use))
			ksc_idle_again(kn);
		return;
	}
	mod_delayed_work(ksc_wq, &kn->socks->idle, 0);
}

/**
 * ksc_idle_init() - set up the scan for idle connections
 * @kn: new namespace
 */
void ksc_idle_init(struct ksc_net *kn)
{
	INIT_DELAYED_WORK(&kn->socks->idle, ksc_idle_work);
}

/**
 * ksc_idle_exit() - undo ksc_idle_init()
 * @kn: namespace without sockets
 *
 * Context: process.
 */
void ksc_idle_exit(struct ksc_net *kn)
{
	cancel_delayed_work_sync(&kn->socks->idle);
}
