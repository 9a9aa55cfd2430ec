// SPDX-License-Identifier: GPL-2.0-only
/* Until 7.0 or so, recvmsg returns an address's length through a pointer */
#include "probe.h"
#include <net/sock.h>

PROBE_TYPE(struct proto, recvmsg,
	   int (*)(struct sock *, struct msghdr *, size_t, int, int *));
