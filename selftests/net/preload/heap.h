/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KSC_SELFTESTS_HEAP_H
#define KSC_SELFTESTS_HEAP_H

/* Where heap.so has a long: the bytes that kschanneld has from malloc() */
#define HEAP_FILE	"/run/kschanneld.heap"

#endif
