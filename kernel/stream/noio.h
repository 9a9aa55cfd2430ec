/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What idle connections and CPUs give up, and take again (idle.c).
 */
#ifndef _KSC_STREAM_NOIO_H
#define _KSC_STREAM_NOIO_H

#include <linux/sched/mm.h>
#include <linux/types.h>
#include <net/sock.h>

/**
 * ksc_noio() - is it a socket that memory may be written out by?
 * @sk: socket
 *
 * Context: any. Return: true if so, and what is done for it must not wait for that.
 */
static inline bool ksc_noio(const struct sock *sk)
{
	return ~sk->sk_allocation & GFP_KERNEL;
}

/**
 * ksc_noio_begin() - what is allocated from here on is for a socket
 * @sk: socket
 *
 * Who allocates, as the crypto API, does not ask the socket's sk_allocation.
 *
 * Context: process. Return: for ksc_noio_end().
 */
static inline unsigned int ksc_noio_begin(const struct sock *sk)
{
	if (unlikely(ksc_noio(sk)))
		return memalloc_noio_save();
	return current->flags & PF_MEMALLOC_NOIO;
}

/**
 * ksc_noio_end() - undo ksc_noio_begin()
 * @flags: what that has returned
 *
 * Context: process.
 */
static inline void ksc_noio_end(unsigned int flags)
{
	memalloc_noio_restore(flags);
}

/**
 * ksc_lock_noio() - lock_sock() and ksc_noio_begin()
 * @sk: socket
 *
 * Context: process. Return: for ksc_release_noio().
 */
static inline unsigned int ksc_lock_noio(struct sock *sk)
{
	lock_sock(sk);
	return ksc_noio_begin(sk);
}

/**
 * ksc_release_noio() - ksc_noio_end() and release_sock()
 * @sk: socket
 * @flags: what ksc_lock_noio() has returned
 *
 * Context: process.
 */
static inline void ksc_release_noio(struct sock *sk, unsigned int flags)
{
	ksc_noio_end(flags);
	release_sock(sk);
}

#endif /* _KSC_STREAM_NOIO_H */
