// SPDX-License-Identifier: GPL-2.0
/* 6.5 has the core copy an ioctl's int */
#include <net/sock.h>

static int ioctl(struct sock *sk, int cmd, int *karg)
{
	return *karg;
}

static __maybe_unused void probe(struct proto *p)
{
	p->ioctl = ioctl;
}
