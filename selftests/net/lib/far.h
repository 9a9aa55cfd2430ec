/* SPDX-License-Identifier: GPL-2.0-only */
/* Another network namespace, "peer", at the other end of a veth pair: veth0 here, veth1 there. */
#ifndef KSC_TEST_FAR_H
#define KSC_TEST_FAR_H

#include "net.h"

void far_command(const char *command);
void far_make(void);
int far_remove(void **state);
int far_listener(struct t_addr *addr);

#endif /* KSC_TEST_FAR_H */
