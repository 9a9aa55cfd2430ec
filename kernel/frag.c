// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that outgoing records are built in: pages that TCP has let go of
 * are used again. Each CPU keeps a few; taking a piece of one needs no lock and,
 * as a rule, no allocation and no clearing.
 *
 * A page is free when the slot's reference is the only one left. Until then TCP,
 * a clone of its packet or the receiver on loopback may read it, and it is not
 * written to.
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/percpu.h>

#include "ksc.h"

/* 256 KiB for each CPU that sends: what is in flight on a fast, short path */
#define KSC_FRAG_SLOTS	8
#define KSC_FRAG_ORDER	get_order(32768)
/* AES's block */
#define KSC_FRAG_ALIGN	16

/**
 * struct ksc_frags - a CPU's pages
 * @page: each with one reference; NULL until it is first wanted
 * @cur: the slot in use
 * @offset: the first byte of that page that was not taken
 *
 * Its CPU's, with preemption off.
 */
struct ksc_frags {
	struct page *page[KSC_FRAG_SLOTS];
	u32 cur;
	u32 offset;
};

static DEFINE_PER_CPU(struct ksc_frags, ksc_frags);

/* A page that nobody else reads; the one used last, if there is a choice */
static bool ksc_frags_recycle(struct ksc_frags *f)
{
	u32 i;

	for (i = 0; i < KSC_FRAG_SLOTS; i++) {
		if (!f->page[i] || page_ref_count(f->page[i]) != 1)
			continue;
		/* pairs with the reader's last access before put_page() */
		smp_acquire__after_ctrl_dep();
		f->cur = i;
		f->offset = 0;
		return true;
	}
	return false;
}

static struct page *ksc_frags_alloc(gfp_t gfp)
{
	struct page *page;

	page = alloc_pages((gfp & ~__GFP_DIRECT_RECLAIM) | __GFP_COMP |
			   __GFP_NOWARN | __GFP_NORETRY, KSC_FRAG_ORDER);
	return page ?: alloc_page(gfp);
}

/**
 * ksc_frag_take() - take a piece of page memory for a record
 * @frag: the record's pieces, KSC_TX_FRAGS of them; the last one is made
 *	longer, or there is one more with a page reference of its own
 * @nfrags: how many
 * @want: bytes; fewer may be had
 * @skip: of the record's first piece this byte, at which the payload begins, is
 *	aligned so that no AES block straddles pages; the piece is longer
 * @gfp: for a new page
 * @p: set to the first byte
 *
 * Context: process. Return: bytes taken, -ENOMEM, or -ENOSPC if the record
 * would be in too many pieces.
 */
int ksc_frag_take(struct bio_vec *frag, u8 *nfrags, u32 want, u32 skip,
		  gfp_t gfp, u8 **p)
{
	struct bio_vec *last = *nfrags ? &frag[*nfrags - 1] : NULL;
	u32 min = last ? 1 : skip + KSC_FRAG_ALIGN;
	struct ksc_frags *f = get_cpu_ptr(&ksc_frags);
	struct page *page = f->page[f->cur], *fresh;
	u32 offset, slot;
	int n;

	for (;;) {
		if (page) {
			if (f->offset && page_ref_count(page) == 1) {
				smp_acquire__after_ctrl_dep();
				f->offset = 0;
			}
			offset = f->offset;
			if (!last)
				offset = ALIGN(offset + skip, KSC_FRAG_ALIGN) - skip;
			if (offset + min <= page_size(page))
				break;
		}
		if (!ksc_frags_recycle(f)) {
			put_cpu_ptr(&ksc_frags);
			fresh = ksc_frags_alloc(gfp);
			if (!fresh)
				return -ENOMEM;
			f = get_cpu_ptr(&ksc_frags);
			/* slots fill up first; then whoever reads it frees it */
			slot = (f->cur + 1) % KSC_FRAG_SLOTS;
			if (f->page[slot])
				put_page(f->page[slot]);
			f->page[slot] = fresh;
			f->cur = slot;
			f->offset = 0;
		}
		page = f->page[f->cur];
	}

	n = min_t(u32, want, page_size(page) - offset);
	if (last && last->bv_page == page && last->bv_offset + last->bv_len == offset) {
		last->bv_len += n;
	} else if (*nfrags < KSC_TX_FRAGS) {
		get_page(page);
		bvec_set_page(&frag[(*nfrags)++], page, n, offset);
	} else {
		n = -ENOSPC;
	}
	if (n > 0)
		f->offset = offset + n;
	put_cpu_ptr(&ksc_frags);
	*p = page_address(page) + offset;
	return n;
}

/**
 * ksc_frag_exit() - give the CPUs' pages back
 *
 * Context: module exit, no socket left.
 */
void ksc_frag_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct ksc_frags *f = per_cpu_ptr(&ksc_frags, cpu);

		for (i = 0; i < KSC_FRAG_SLOTS; i++)
			if (f->page[i])
				put_page(f->page[i]);
	}
}
