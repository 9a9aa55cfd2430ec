/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel sources find in linux/bitmap.h, a word for a bit. */
#ifndef KSC_UNIT_LINUX_BITMAP_H
#define KSC_UNIT_LINUX_BITMAP_H

#include <linux/slab.h>

static inline unsigned long *bitmap_zalloc(unsigned int n, int gfp)
{
	return kvcalloc(n, sizeof(unsigned long), gfp);
}

static inline void bitmap_free(unsigned long *map)
{
	free(map);
}

static inline void __set_bit(unsigned int i, unsigned long *map)
{
	map[i] = 1;
}

static inline unsigned int bitmap_weight(const unsigned long *map, unsigned int n)
{
	unsigned int weight = 0;

	for (unsigned int i = 0; i < n; i++)
		weight += (unsigned int)map[i];
	return weight;
}

static inline unsigned int find_next_bit(const unsigned long *map, unsigned int n, unsigned int i)
{
	while (i < n && !map[i])
		i++;
	return i;
}

#define for_each_set_bit(i, map, n)					\
	for ((i) = find_next_bit(map, n, 0); (i) < (n);			\
	     (i) = find_next_bit(map, n, (i) + 1))

#endif /* KSC_UNIT_LINUX_BITMAP_H */
