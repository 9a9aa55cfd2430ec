/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Protected sockets, for the parts that need more than struct ksb_transport.
 */
#ifndef KSB_KSCHANNEL_H
#define KSB_KSCHANNEL_H

#include "bench.h"

int ksb_ksc_protect(int fd);
int ksb_ksc_listen(enum ksb_suite suite);
int ksb_ksc_socket(bool resume);
int ksb_ksc_pair(struct ksb_pair *p, int listener, bool resume);
int ksb_ksc_finish(int fd);
void ksb_ksc_explain(int fd, const char *what);

#endif /* KSB_KSCHANNEL_H */
