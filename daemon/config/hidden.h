/* SPDX-License-Identifier: GPL-2.0-only */
/* hidden.c: files that are not visible in the daemon's unit. */
#ifndef KSC_HIDDEN_H
#define KSC_HIDDEN_H

void ksc_hidden_warn(const char *path);

#endif
