/* SPDX-License-Identifier: GPL-2.0-only */
/* extack.c: the kernel's text about an error. */
#ifndef KSC_EXTACK_H
#define KSC_EXTACK_H

#include <stddef.h>
#include <linux/netlink.h>

/* Size of the text; the kernel's texts are shorter. */
#define KSC_MAX_EXTACK	256

void ksc_extack_text(const struct nlmsgerr *err, char text[KSC_MAX_EXTACK]);

#endif
