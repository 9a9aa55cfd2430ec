// SPDX-License-Identifier: GPL-2.0
/* Until 6.5, sendpage is a socket's operation */
#include <net/sock.h>

static __maybe_unused void probe(struct proto *p)
{
	p->sendpage = NULL;
}
