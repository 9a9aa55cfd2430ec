/* SPDX-License-Identifier: GPL-2.0-only */
/* cut.c: an end of a connection that receives nothing from the other. */
#ifndef KSC_TEST_CUT_H
#define KSC_TEST_CUT_H

#include "net.h"

/* The sysctl of TCP Fast Open */
#define CUT_FAST_OPEN "/proc/sys/net/ipv4/tcp_fastopen"

void cut_off(int fd);
void cut_fast_open_allow(int listener);
int cut_fast_open(const struct t_addr *addr);

#endif /* KSC_TEST_CUT_H */
