// SPDX-License-Identifier: GPL-2.0-only
/* 6.19 gave connect() an address type without a size */
#include "probe.h"
#include <net/sock.h>

PROBE_TYPE(struct proto, connect, int (*)(struct sock *, struct sockaddr_unsized *, int));
