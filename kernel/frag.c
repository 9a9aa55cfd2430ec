// SPDX-License-Identifier: GPL-2.0
/*
 * The memory that outgoing records are built in: pages that TCP has let go of
 * are used again. Each CPU keeps a few; taking a piece of one needs no lock and,
 * as a rule, no allocation and no clearing.
 *
 * A page is free when the slot's reference is the only one left. Until then TCP,
 * a clone of its packet or the receiver on loopback may read it, and it is not
 * written to.
 *
 * What a CPU has not used for a while it gives back, see ksc_frags_tidy().
 */
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "ksc.h"
#include "tx.h"

/* 1 MiB of a kind for each CPU that sends: what is in flight on a fast, short path */
#define KSC_FRAG_SLOTS	32
#define KSC_FRAG_ORDER	get_order(32768)

/**
 * struct ksc_frags - a CPU's pages
 * @page: each with one reference; NULL until it is first wanted
 * @cur: the slot in use
 * @offset: the first byte of that page that was not taken
 * @used: the slots that were taken into use since they were last tidied
 *
 * Its CPU's, with preemption off.
 */
struct ksc_frags {
	struct page *page[KSC_FRAG_SLOTS];
	u32 cur;
	u32 offset;
	u32 used;
};

static_assert(KSC_FRAG_SLOTS <= BITS_PER_TYPE(u32));

/*
 * What is in phase with the pages it comes from has pages of its own: it fills them,
 * as no header or tag comes between.
 */
enum { KSC_FRAGS_ANY, KSC_FRAGS_PHASE, KSC_FRAGS_KINDS };
static DEFINE_PER_CPU(struct ksc_frags [KSC_FRAGS_KINDS], ksc_frags);
/* Queued as long as its CPU has pages */
static DEFINE_PER_CPU(struct delayed_work, ksc_frags_work);

static struct ksc_frags *ksc_frags_lock(u32 align)
{
	preempt_disable();
	return this_cpu_ptr(ksc_frags) +
	       (align == PAGE_SIZE ? KSC_FRAGS_PHASE : KSC_FRAGS_ANY);
}

static void ksc_frags_watch(int cpu)
{
	schedule_delayed_work_on(cpu, per_cpu_ptr(&ksc_frags_work, cpu), ksc_idle_delay());
}

/*
 * Give back what was not used since the last time. Of the slot in use that shows in
 * @offset alone: it is left as if all of the page were taken, and whoever takes some
 * begins anew. Returns whether anything is left.
 */
static bool ksc_frags_tidy(struct ksc_frags *f)
{
	bool left = false;
	u32 i;

	if (f->page[f->cur]) {
		u32 size = page_size(f->page[f->cur]);

		if (f->offset < size)
			f->used |= BIT(f->cur);
		f->offset = size;
	}
	for (i = 0; i < KSC_FRAG_SLOTS; i++) {
		if (!f->page[i])
			continue;
		if (f->used & BIT(i)) {
			left = true;
			continue;
		}
		/* whoever still reads it frees it */
		put_page(f->page[i]);
		WRITE_ONCE(f->page[i], NULL);
	}
	f->used = 0;
	return left;
}

static bool ksc_frags_tidy_all(struct ksc_frags *f)
{
	bool left = false;
	int i;

	for (i = 0; i < KSC_FRAGS_KINDS; i++)
		left |= ksc_frags_tidy(&f[i]);
	return left;
}

static void ksc_frags_look(struct work_struct *work)
{
	struct delayed_work *dwork = to_delayed_work(work);
	struct ksc_frags *f;
	bool left = true;
	int cpu;

	for_each_possible_cpu(cpu)
		if (dwork == per_cpu_ptr(&ksc_frags_work, cpu))
			break;
	f = per_cpu(ksc_frags, cpu);
	/* a CPU that went away leaves its work to others, and pages that nobody uses */
	cpus_read_lock();
	preempt_disable();
	if (cpu_is_offline(cpu)) {
		while (ksc_frags_tidy_all(f))
			;
		left = false;
	} else if (ksc_idle_frees() && cpu == smp_processor_id()) {
		left = ksc_frags_tidy_all(f);
	}
	preempt_enable();
	cpus_read_unlock();
	if (left)
		ksc_frags_watch(cpu);
}

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
		f->used |= BIT(i);
		return true;
	}
	return false;
}

/* Take a page into use, in an empty slot if there is one. The last reader frees the other */
static void ksc_frags_add(struct ksc_frags *f, struct page *page)
{
	u32 slot = (f->cur + 1) % KSC_FRAG_SLOTS, i;

	for (i = 0; i < KSC_FRAG_SLOTS && f->page[slot]; i++)
		slot = (slot + 1) % KSC_FRAG_SLOTS;
	if (f->page[slot])
		put_page(f->page[slot]);
	WRITE_ONCE(f->page[slot], page);
	f->cur = slot;
	f->offset = 0;
	f->used |= BIT(slot);
	ksc_frags_watch(smp_processor_id());
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
 * @phase: the piece begins at an offset of which this is the remainder when divided
 *	by @align
 * @align: a power of two, one page at most; 1 for right behind what was taken last
 * @min: bytes that are to be had at least, in one page
 * @gfp: for a new page
 * @p: set to the first byte
 *
 * Context: process. Return: bytes taken, -ENOMEM, or -ENOSPC if the record
 * would be in too many pieces.
 */
int ksc_frag_take(struct bio_vec *frag, u8 *nfrags, u32 want, u32 phase, u32 align,
		  u32 min, gfp_t gfp, u8 **p)
{
	struct bio_vec *last = *nfrags ? &frag[*nfrags - 1] : NULL;
	struct ksc_frags *f = ksc_frags_lock(align);
	struct page *page = f->page[f->cur], *fresh;
	u32 offset, size;
	int n;

	for (;;) {
		if (page) {
			size = page_size(page);
			if (f->offset && page_ref_count(page) == 1) {
				smp_acquire__after_ctrl_dep();
				f->offset = 0;
			}
			offset = f->offset;
			offset += (phase - offset) & (align - 1);
			if (offset_in_page(offset) + min > PAGE_SIZE) {
				offset = PAGE_ALIGN(offset);
				offset += (phase - offset) & (align - 1);
			}
			if (offset + min <= size)
				break;
		}
		if (!ksc_frags_recycle(f)) {
			preempt_enable();
			fresh = ksc_frags_alloc(gfp);
			if (!fresh)
				return -ENOMEM;
			f = ksc_frags_lock(align);
			ksc_frags_add(f, fresh);
		}
		page = f->page[f->cur];
	}

	n = min(want, size - offset);
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
	preempt_enable();
	*p = page_address(page) + offset;
	return n;
}

/* Anybody may look, the answer is old at once */
static int ksc_frags_get_kept(char *buf, const struct kernel_param *kp)
{
	unsigned int n = 0;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		const struct ksc_frags *f = per_cpu(ksc_frags, cpu);

		for (i = 0; i < KSC_FRAG_SLOTS * KSC_FRAGS_KINDS; i++)
			n += !!READ_ONCE(f[i / KSC_FRAG_SLOTS].page[i % KSC_FRAG_SLOTS]);
	}
	return sysfs_emit(buf, "%u\n", n);
}

static int ksc_frags_set_kept(const char *val, const struct kernel_param *kp)
{
	return -EPERM;
}

static const struct kernel_param_ops ksc_frags_kept_ops = {
	.get	= ksc_frags_get_kept,
	.set	= ksc_frags_set_kept,
};

module_param_cb(kept_pages, &ksc_frags_kept_ops, NULL, 0444);
MODULE_PARM_DESC(kept_pages, "how many pages, of 32 KiB as a rule, CPUs keep for records to send (read only)");

/**
 * ksc_frag_init() - before the first record
 */
void ksc_frag_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_DEFERRABLE_WORK(per_cpu_ptr(&ksc_frags_work, cpu), ksc_frags_look);
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
		struct ksc_frags *f = per_cpu(ksc_frags, cpu);

		cancel_delayed_work_sync(per_cpu_ptr(&ksc_frags_work, cpu));
		for (i = 0; i < KSC_FRAG_SLOTS * KSC_FRAGS_KINDS; i++) {
			struct page *page = f[i / KSC_FRAG_SLOTS].page[i % KSC_FRAG_SLOTS];

			if (page)
				put_page(page);
		}
	}
}
