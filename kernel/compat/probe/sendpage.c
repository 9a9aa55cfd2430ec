// SPDX-License-Identifier: GPL-2.0-only
/* 6.5 removed the sendpage operation */
#include <net/sock.h>

static __maybe_unused void probe(struct proto *p)
{
	p->sendpage = NULL;
}
