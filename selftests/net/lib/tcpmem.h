/* SPDX-License-Identifier: GPL-2.0-only */
/* tcpmem.c: TCP's memory limits, which are the whole machine's. */
#ifndef KSC_TEST_TCPMEM_H
#define KSC_TEST_TCPMEM_H

int tcpmem_setup(void **state);
int tcpmem_restore(void **state);
void tcpmem_need(void);
void tcpmem_set(const char *limits);
void tcpmem_press(void);

#endif
