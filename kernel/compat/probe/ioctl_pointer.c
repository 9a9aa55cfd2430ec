// SPDX-License-Identifier: GPL-2.0-only
/* 6.5 made the core copy an ioctl's int */
#include "probe.h"
#include <net/sock.h>

PROBE_TYPE(struct proto, ioctl, int (*)(struct sock *, int, int *));
