/* SPDX-License-Identifier: GPL-2.0-only */
/* hidden.c: files that the daemon's own unit does not see. */
#ifndef KSC_HIDDEN_H
#define KSC_HIDDEN_H

void ksc_hidden_warn(const char *path);

#endif
