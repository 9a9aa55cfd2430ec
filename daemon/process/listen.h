/* SPDX-License-Identifier: GPL-2.0-only */
/* listen.c: the socket where applications connect. */
#ifndef KSC_LISTEN_H
#define KSC_LISTEN_H

/* What the service manager calls it, in LISTEN_FDNAMES */
#define KSC_LISTEN_NAME	"context"

int ksc_listen_given(void);
int ksc_listen_make(const char *path);

#endif
