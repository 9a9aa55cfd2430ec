// SPDX-License-Identifier: GPL-2.0
/* sendpage(), until 6.5: sendfile() and splice() come by it, past sendmsg(). */
#include <net/tcp.h>

#include "compat.h"
#include "../ksc.h"
#include "../policy.h"

#ifdef KSC_HAVE_SENDPAGE
/* As ksc_plain_sendmsg(). Context: process. */
static ssize_t ksc_plain_sendpage(struct socket *sock, struct page *page, int offset,
				  size_t size, int flags)
{
	struct sock *sk = sock->sk;
	ssize_t n;

	lock_sock(sk);
	if (likely(ksc_is_plain(sk)))
		n = tcp_sendpage_locked(sk, page, offset, size, flags);
	else
		n = sk_stream_error(sk, flags, -EPIPE);
	release_sock(sk);
	return n;
}
#endif

/**
 * ksc_compat_no_sendpage() - have pages come by sendmsg()
 * @p: a table that is being made
 *
 * Context: module init.
 */
void ksc_compat_no_sendpage(struct proto *p)
{
#ifdef KSC_HAVE_SENDPAGE
	p->sendpage = NULL;
#endif
}

/**
 * ksc_compat_plain_sendpage() - have pages go out only while the socket is plain
 * @p: a table that is being made, of sockets that were left plain
 * @o: likewise
 *
 * Context: module init.
 */
void ksc_compat_plain_sendpage(struct proto *p, struct proto_ops *o)
{
#ifdef KSC_HAVE_SENDPAGE
	p->sendpage = NULL;
	o->sendpage = ksc_plain_sendpage;
#endif
}
