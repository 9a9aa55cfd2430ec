// SPDX-License-Identifier: GPL-2.0
/* The same of what reads the error queue */
#include "probe.h"
#include <net/inet_common.h>
#include <net/sock.h>

PROBE_FUNCTION(inet_recv_error, int (*)(struct sock *, struct msghdr *, int, int *));
