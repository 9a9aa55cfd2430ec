// SPDX-License-Identifier: GPL-2.0-only
/* Fails only if nothing compiles */
#include "probe.h"
#include <net/tcp.h>

PROBE_TYPE(struct proto, close, void (*)(struct sock *, long));
