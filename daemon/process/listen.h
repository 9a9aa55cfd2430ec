/* SPDX-License-Identifier: GPL-2.0-only */
/* listen.c: the socket that applications connect to. */
#ifndef KSC_LISTEN_H
#define KSC_LISTEN_H

/* Its name in LISTEN_FDNAMES */
#define KSC_LISTEN_NAME	"context"

int ksc_listen_given(void);
int ksc_listen_make(const char *path);

#endif
