// SPDX-License-Identifier: GPL-2.0-only
/* Until 7.0 or so, inet_recv_error() returns an address's length through a pointer */
#include "probe.h"
#include <net/inet_common.h>
#include <net/sock.h>

PROBE_FUNCTION(inet_recv_error, int (*)(struct sock *, struct msghdr *, int, int *));
