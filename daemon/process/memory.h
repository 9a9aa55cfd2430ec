/* SPDX-License-Identifier: GPL-2.0-only */
/* memory.c: what is in a process that has keys gets nowhere else by itself. */
#ifndef KSC_MEMORY_H
#define KSC_MEMORY_H

int ksc_memory_keep(void);

#endif
