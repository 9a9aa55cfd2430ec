/* SPDX-License-Identifier: GPL-2.0-only */
/* The suite's daemon: how tests stop, kill, suspend and restart it. */
#ifndef KSC_TEST_DAEMON_H
#define KSC_TEST_DAEMON_H

#include <sys/types.h>

void daemon_do(const char *what);
pid_t daemon_pid(void);
pid_t daemon_suspend(void);
unsigned int daemon_descriptors(void);
void daemon_await_descriptors(unsigned int most);

#endif /* KSC_TEST_DAEMON_H */
