/* SPDX-License-Identifier: GPL-2.0-only */
/* memory.c: keeps the memory of a process with keys out of core dumps and swap. */
#ifndef KSC_MEMORY_H
#define KSC_MEMORY_H

int ksc_memory_keep(void);

#endif
