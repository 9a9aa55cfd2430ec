/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Scopes for allocations on behalf of sockets that memory reclaim depends on: they must not start
 * I/O.
 */
#ifndef _KSC_STREAM_NOIO_H
#define _KSC_STREAM_NOIO_H

#include <linux/sched/mm.h>
#include <linux/types.h>
#include <net/sock.h>

/**
 * ksc_noio() - check whether memory reclaim may depend on the socket
 * @sk: socket
 *
 * Context: any. Return: true if allocations for it must not wait for I/O.
 */
static inline bool ksc_noio(const struct sock *sk)
{
	return ~sk->sk_allocation & GFP_KERNEL;
}

/**
 * ksc_noio_begin() - begin allocations on behalf of a socket
 * @sk: socket
 *
 * Callees like the crypto API do not know the socket's sk_allocation.
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
 * @flags: its return value
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
 * @flags: return value of ksc_lock_noio()
 *
 * Context: process.
 */
static inline void ksc_release_noio(struct sock *sk, unsigned int flags)
{
	ksc_noio_end(flags);
	release_sock(sk);
}

#endif /* _KSC_STREAM_NOIO_H */
