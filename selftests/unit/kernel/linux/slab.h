/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel sources find in linux/slab.h and linux/mm.h, with failures to order. */
#ifndef KSC_UNIT_LINUX_SLAB_H
#define KSC_UNIT_LINUX_SLAB_H

#include <errno.h>
#include <stdlib.h>

#define GFP_KERNEL		0
#define GFP_KERNEL_ACCOUNT	0

/* how many allocations are still to succeed, -1 for all */
extern int ksc_unit_allocs;

static inline void *kvcalloc(size_t n, size_t size, int gfp)
{
	(void)gfp;
	if (!ksc_unit_allocs)
		return NULL;
	if (ksc_unit_allocs > 0)
		ksc_unit_allocs--;
	return calloc(n, size);
}

static inline void *kzalloc(size_t size, int gfp)
{
	return kvcalloc(1, size, gfp);
}

static inline void kfree(void *p)
{
	free(p);
}

static inline void kvfree(void *p)
{
	free(p);
}

#endif /* KSC_UNIT_LINUX_SLAB_H */
