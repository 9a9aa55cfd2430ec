/* SPDX-License-Identifier: GPL-2.0-only */
/* extack.c: what the kernel says of an error beside its number. */
#ifndef KSC_EXTACK_H
#define KSC_EXTACK_H

#include <stddef.h>
#include <linux/netlink.h>

/* Room for it; the kernel's are shorter. */
#define KSC_MAX_EXTACK	256

void ksc_extack_text(const struct nlmsgerr *err, char text[KSC_MAX_EXTACK]);

#endif
