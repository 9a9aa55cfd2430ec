// SPDX-License-Identifier: GPL-2.0
/* 6.19 gives connect() an address without a size of its own */
#include "probe.h"
#include <net/sock.h>

PROBE_TYPE(struct proto, connect, int (*)(struct sock *, struct sockaddr_unsized *, int));
