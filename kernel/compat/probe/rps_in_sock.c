// SPDX-License-Identifier: GPL-2.0-only
/* 6.9 moved sock_rps_record_flow() to net/rps.h */
#include "probe.h"
#include <net/sock.h>

PROBE_FUNCTION(sock_rps_record_flow, void (*)(const struct sock *));
