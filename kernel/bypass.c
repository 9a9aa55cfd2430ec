// SPDX-License-Identifier: GPL-2.0
/*
 * Leaving sockets to TCP: what the policy says is plain has TCP's own operations, and
 * costs what TCP costs.
 *
 * The ULP itself goes where nobody else can be in one of its operations. Where somebody
 * might, it stays on the socket and does nothing, but for looking at the next connect()
 * or listen(), should this connection come to nothing: that one may be for elsewhere.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/module.h>
#include <linux/net.h>
#include <linux/rcupdate.h>
#include <net/tcp.h>

#include "ksc.h"
#include "policy.h"

/* sockets whose reference on the module is to go */
static atomic_t ksc_bypassed;

static void ksc_bypass_work(struct work_struct *work)
{
	int n = atomic_xchg(&ksc_bypassed, 0);

	/* whoever removed an ULP is on the way out of our code */
	synchronize_rcu_tasks();
	while (n--)
		module_put(THIS_MODULE);
}

static DECLARE_WORK(ksc_bypass_puts, ksc_bypass_work);

/*
 * Is the caller the only one to use the socket? A program with one thread borrows its
 * table's reference on the file; every other user has one of its own, but for epoll,
 * which asks without.
 */
static bool ksc_alone(const struct sock *sk)
{
	const struct file *file = sk->sk_socket ? sk->sk_socket->file : NULL;

	if (!file || current->flags & PF_KTHREAD || !current->files ||
	    atomic_read(&current->files->count) != 1 || file_count((struct file *)file) != 1)
		return false;
#ifdef CONFIG_EPOLL
	if (READ_ONCE(file->f_ep))
		return false;
#endif
	return true;
}

/**
 * ksc_bypass() - leave a socket to TCP
 * @sk: socket, locked and owned, of which nothing was read or written
 * @ks: its state, without a context; gone if the answer is true
 * @remove: remove the ULP if that is possible; the caller is in no other operation
 *
 * Context: process.
 * Return: true if the ULP is removed; ksc_bypass_done() has to be called when the lock was
 * released, and nothing else after it.
 */
bool ksc_bypass(struct sock *sk, struct ksc_sock *ks, bool remove)
{
	/* one that comes to nothing may connect again */
	bool removed = remove && sk->sk_state != TCP_SYN_SENT && ksc_alone(sk);

	ksc_retire(sk, ks);
	WRITE_ONCE(sk->sk_rcvlowat, ks->rcvlowat);
	/* an ULP takes that away */
	if (sk->sk_socket)
		set_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	ksc_give_back(sk, !removed);
	if (!removed)
		return false;
	ksc_ulp_release(sk);
	/* as a reader of inet_diag finds it */
	WRITE_ONCE(inet_csk(sk)->icsk_ulp_ops, NULL);
	return true;
}

/**
 * ksc_bypass_done() - a socket with the ULP removed was unlocked
 *
 * Context: process. The caller returns at once.
 */
void ksc_bypass_done(void)
{
	atomic_inc(&ksc_bypassed);
	queue_work(system_unbound_wq, &ksc_bypass_puts);
}

/**
 * ksc_revive() - a socket that was left to TCP, and is not connected, is ours again
 * @sk: socket, locked and owned, in state TCP_CLOSE
 * @ks: its state
 *
 * Context: process.
 */
void ksc_revive(struct sock *sk, struct ksc_sock *ks)
{
	ks->rcvlowat = sk->sk_rcvlowat;
	WRITE_ONCE(sk->sk_rcvlowat, 1);
	clear_bit(SOCK_SUPPORT_ZC, &sk->sk_socket->flags);
	ks->ruling.made = false;
	ks->role = KSC_ROLE_UNSPEC;
	WRITE_ONCE(ks->phase, KSC_PHASE_INIT);
	ksc_take_over(sk);
}

/**
 * ksc_bypass_exit() - wait for what is left to do
 *
 * Context: module exit, no socket has the ULP.
 */
void ksc_bypass_exit(void)
{
	flush_work(&ksc_bypass_puts);
}
