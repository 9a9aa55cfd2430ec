/* SPDX-License-Identifier: GPL-2.0-only */
/* Page memory for outgoing records. */
#ifndef _KSC_RECORD_PAGES_H
#define _KSC_RECORD_PAGES_H

#include <linux/bvec.h>
#include <linux/types.h>

struct bio_vec;

/* Maximum number of fragments of an outgoing record */
#define KSC_TX_FRAGS		8

void ksc_frag_init(void);
void ksc_frag_exit(void);
int ksc_frag_take(struct bio_vec *frag, u8 *nfrags, u32 want, u32 phase, u32 align,
		  u32 min, gfp_t gfp, u8 **p);

#endif /* _KSC_RECORD_PAGES_H */
