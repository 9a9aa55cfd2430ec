// SPDX-License-Identifier: GPL-2.0-only
/*
 * Recycled pages that outgoing records are built in. Each CPU keeps a few; taking a piece of one
 * needs no shared lock and usually no allocation and no clearing.
 *
 * A page is free when the slot's reference is the only one left. Until then TCP, a clone of its
 * packet or the receiver on loopback may read it, so it is not written to.
 *
 * Pages that a CPU has not used for a while are freed, see ksc_frags_tidy().
 */
#include <linux/cpu.h>
#include <linux/gfp.h>
#include <linux/local_lock.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/percpu.h>

#include "record/pages.h"
#include "record/spare.h"

/* 2 MiB for each CPU that sends: the data in flight on a fast, short path */
#define KSC_FRAG_SLOTS	64
#define KSC_FRAG_ORDER	get_order(32768)

/*
 * Pieces in phase with the pages that they are filled from have a current page of their own: no
 * header or tag comes between them.
 */
enum { KSC_FRAGS_ANY, KSC_FRAGS_PHASE, KSC_FRAGS_KINDS };

/**
 * struct ksc_frags_use - the current page for pieces of a kind
 * @slot: its slot; the other kind does not use it, even if empty
 * @offset: its first free byte
 */
struct ksc_frags_use {
	u32 slot;
	u32 offset;
};

/**
 * struct ksc_frags - a CPU's pages
 * @lock: taken only on its CPU
 * @page: each with one reference; NULL until first needed
 * @use: current pages
 * @used: slots used since the last ksc_frags_tidy()
 *
 * Nothing is allocated or freed under @lock, which sleeps on PREEMPT_RT only.
 */
struct ksc_frags {
	local_lock_t lock;
	struct page *page[KSC_FRAG_SLOTS];
	struct ksc_frags_use use[KSC_FRAGS_KINDS];
	u64 used;
};

static_assert(KSC_FRAG_SLOTS <= BITS_PER_TYPE(u64));

static DEFINE_PER_CPU(struct ksc_frags, ksc_frags) = {
	.lock	= INIT_LOCAL_LOCK(lock),
};

/* Queued as long as its CPU has pages */
static DEFINE_PER_CPU(struct delayed_work, ksc_frags_work);

static struct ksc_frags *ksc_frags_lock(void)
{
	local_lock(&ksc_frags.lock);
	return this_cpu_ptr(&ksc_frags);
}

static void ksc_frags_unlock(void)
{
	local_unlock(&ksc_frags.lock);
}

static void ksc_frags_watch(int cpu)
{
	schedule_delayed_work_on(cpu, per_cpu_ptr(&ksc_frags_work, cpu), ksc_idle_delay());
}

/*
 * Remove pages that were not used since the last call. They go to @gone, which ends with NULL; the
 * caller frees them after it releases the lock. For the current slots use shows in the offset
 * alone: mark the page full so that the next user starts a fresh one. Returns whether pages are
 * left.
 */
static bool ksc_frags_tidy(struct ksc_frags *f, struct page **gone)
{
	bool left = false;
	u32 i;

	for (i = 0; i < KSC_FRAGS_KINDS; i++) {
		struct ksc_frags_use *use = &f->use[i];
		u32 size;

		if (!f->page[use->slot])
			continue;
		size = page_size(f->page[use->slot]);
		if (use->offset < size)
			f->used |= BIT_ULL(use->slot);
		use->offset = size;
	}
	for (i = 0; i < KSC_FRAG_SLOTS; i++) {
		if (!f->page[i])
			continue;
		if (f->used & BIT_ULL(i)) {
			left = true;
			continue;
		}
		*gone++ = f->page[i];
		WRITE_ONCE(f->page[i], NULL);
	}
	f->used = 0;
	*gone = NULL;
	return left;
}

static void ksc_frags_put(struct page **gone)
{
	/* the last reader of a page frees it */
	while (*gone)
		put_page(*gone++);
}

static void ksc_frags_look(struct work_struct *work)
{
	struct delayed_work *dwork = to_delayed_work(work);
	struct page *gone[KSC_FRAG_SLOTS + 1] = {};
	struct ksc_frags *f;
	bool left = true;
	int cpu;

	for_each_possible_cpu(cpu)
		if (dwork == per_cpu_ptr(&ksc_frags_work, cpu))
			break;
	/* an offline CPU's work runs on another one, and its pages are unused */
	cpus_read_lock();
	if (cpu_is_offline(cpu)) {
		f = per_cpu_ptr(&ksc_frags, cpu);
		/* twice: the first call keeps pages that were used recently */
		ksc_frags_tidy(f, gone);
		ksc_frags_put(gone);
		ksc_frags_tidy(f, gone);
		left = false;
	} else if (ksc_idle_frees()) {
		f = ksc_frags_lock();
		if (f == per_cpu_ptr(&ksc_frags, cpu))
			left = ksc_frags_tidy(f, gone);
		ksc_frags_unlock();
	}
	cpus_read_unlock();
	ksc_frags_put(gone);
	if (left)
		ksc_frags_watch(cpu);
}

/* May @kind use the page in slot @i? */
static bool ksc_frags_may(const struct ksc_frags *f, u32 kind, u32 i)
{
	static_assert(KSC_FRAGS_KINDS == 2);

	return i != f->use[!kind].slot;
}

static void ksc_frags_set(struct ksc_frags *f, u32 kind, u32 i)
{
	f->use[kind].slot = i;
	f->use[kind].offset = 0;
	f->used |= BIT_ULL(i);
}

/* Switch to a page that has no other reader */
static bool ksc_frags_recycle(struct ksc_frags *f, u32 kind)
{
	u32 i;

	for (i = 0; i < KSC_FRAG_SLOTS; i++) {
		if (!f->page[i] || page_ref_count(f->page[i]) != 1 ||
		    !ksc_frags_may(f, kind, i))
			continue;
		/* pairs with the reader's last access before put_page() */
		smp_acquire__after_ctrl_dep();
		ksc_frags_set(f, kind, i);
		return true;
	}
	return false;
}

/* Make @page current, in an empty slot if there is one. Returns the slot's old page */
static struct page *ksc_frags_add(struct ksc_frags *f, u32 kind, struct page *page)
{
	struct page *old;
	u32 slot = f->use[kind].slot, i;

	/* the slot after the current one was sent longest ago */
	do {
		slot = (slot + 1) % KSC_FRAG_SLOTS;
	} while (!ksc_frags_may(f, kind, slot));
	for (i = 0; i < KSC_FRAG_SLOTS && f->page[slot]; i++)
		if (!f->page[i] && ksc_frags_may(f, kind, i))
			slot = i;
	old = f->page[slot];
	WRITE_ONCE(f->page[slot], page);
	ksc_frags_set(f, kind, slot);
	ksc_frags_watch(smp_processor_id());
	return old;
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
 * @frag: the record's pieces, room for KSC_TX_FRAGS; the last one is extended, or one is added
 *	with a page reference of its own
 * @nfrags: number of pieces
 * @want: bytes wanted
 * @phase: the piece's offset modulo @align
 * @align: a power of two, at most one page; 1 for right after the piece taken last
 * @min: minimum number of bytes, in one page
 * @gfp: for a new page
 * @p: set to the first byte
 *
 * Context: process. Return: bytes taken, -ENOMEM, or -ENOSPC if the record would have too many
 * pieces.
 */
int ksc_frag_take(struct bio_vec *frag, u8 *nfrags, u32 want, u32 phase, u32 align,
		  u32 min, gfp_t gfp, u8 **p)
{
	struct bio_vec *last = *nfrags ? &frag[*nfrags - 1] : NULL;
	u32 kind = align == PAGE_SIZE ? KSC_FRAGS_PHASE : KSC_FRAGS_ANY;
	struct ksc_frags *f = ksc_frags_lock();
	struct ksc_frags_use *use = &f->use[kind];
	struct page *page = f->page[use->slot], *fresh, *old = NULL;
	u32 offset, size;
	int n;

	for (;;) {
		if (page) {
			size = page_size(page);
			if (use->offset && page_ref_count(page) == 1) {
				smp_acquire__after_ctrl_dep();
				use->offset = 0;
			}
			offset = use->offset;
			offset += (phase - offset) & (align - 1);
			if (offset_in_page(offset) + min > PAGE_SIZE) {
				offset = PAGE_ALIGN(offset);
				offset += (phase - offset) & (align - 1);
			}
			if (offset + min <= size)
				break;
		}
		if (!ksc_frags_recycle(f, kind)) {
			ksc_frags_unlock();
			/* its last reader frees it */
			if (old)
				put_page(old);
			fresh = ksc_frags_alloc(gfp);
			if (!fresh)
				return -ENOMEM;
			f = ksc_frags_lock();
			use = &f->use[kind];
			old = ksc_frags_add(f, kind, fresh);
		}
		page = f->page[use->slot];
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
		use->offset = offset + n;
	ksc_frags_unlock();
	if (unlikely(old))
		put_page(old);
	*p = page_address(page) + offset;
	return n;
}

/* Read without locks: the count is a snapshot */
static int ksc_frags_get_kept(char *buf, const struct kernel_param *kp)
{
	unsigned int n = 0;
	int cpu, i;

	for_each_possible_cpu(cpu) {
		const struct ksc_frags *f = per_cpu_ptr(&ksc_frags, cpu);

		for (i = 0; i < KSC_FRAG_SLOTS; i++)
			n += !!READ_ONCE(f->page[i]);
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
MODULE_PARM_DESC(kept_pages, "number of pages, usually of 32 KiB, that CPUs keep for outgoing records (read only)");

/**
 * ksc_frag_init() - set up the CPUs' work
 */
void ksc_frag_init(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		INIT_DEFERRABLE_WORK(per_cpu_ptr(&ksc_frags_work, cpu), ksc_frags_look);
}

/**
 * ksc_frag_exit() - free the CPUs' pages
 *
 * Context: module exit, no socket left.
 */
void ksc_frag_exit(void)
{
	int cpu, i;

	for_each_possible_cpu(cpu) {
		struct ksc_frags *f = per_cpu_ptr(&ksc_frags, cpu);

		cancel_delayed_work_sync(per_cpu_ptr(&ksc_frags_work, cpu));
		for (i = 0; i < KSC_FRAG_SLOTS; i++)
			if (f->page[i])
				put_page(f->page[i]);
	}
}
