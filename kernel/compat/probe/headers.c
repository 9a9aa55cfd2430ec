// SPDX-License-Identifier: GPL-2.0
/* Fails only if nothing would compile */
#include <net/tcp.h>

static __maybe_unused bool probe(struct sock *sk)
{
	return sk->sk_prot == &tcp_prot;
}
