// SPDX-License-Identifier: GPL-2.0
/*
 * Room for decrypted records. It is taken from a slot of the CPU and goes back as
 * soon as the record is read, so that an idle connection holds none.
 */
#include <linux/slab.h>

#include "ksc.h"
#include "rec.h"

static DEFINE_PER_CPU(struct ksc_rec *, ksc_rec_slot);

static void ksc_rec_free(struct ksc_rec *rec)
{
	if (!rec)
		return;
	free_pages_exact(rec->area, KSC_REC_AREA);
	kfree(rec);
}

/**
 * ksc_rec_get() - room for a record
 *
 * Context: process. Return: it, the caller's, or NULL.
 */
struct ksc_rec *ksc_rec_get(void)
{
	struct ksc_rec *rec = this_cpu_xchg(ksc_rec_slot, NULL);

	if (!rec) {
		rec = kmalloc(sizeof(*rec), GFP_KERNEL);
		if (!rec)
			return NULL;
		rec->area = alloc_pages_exact(KSC_REC_AREA, GFP_KERNEL);
		if (!rec->area) {
			kfree(rec);
			return NULL;
		}
	}
	rec->off = 0;
	rec->len = 0;
	return rec;
}

/**
 * ksc_rec_put() - room that is not needed any more
 * @rec: the caller's until now
 *
 * Context: process.
 */
void ksc_rec_put(struct ksc_rec *rec)
{
	if (this_cpu_cmpxchg(ksc_rec_slot, NULL, rec))
		ksc_rec_free(rec);
}

/**
 * ksc_rx_has_plain() - is there decrypted data that was not read?
 * @rx: receiving half
 *
 * Context: any; without the socket's lock the answer may be old.
 */
bool ksc_rx_has_plain(const struct ksc_rx *rx)
{
	return !list_empty(&rx->plain);
}

/**
 * ksc_rx_plain_len() - bytes that are decrypted and were not read
 * @rx: receiving half
 *
 * Context: the socket's lock.
 */
int ksc_rx_plain_len(const struct ksc_rx *rx)
{
	const struct ksc_rec *rec;
	int n = 0;

	list_for_each_entry(rec, &rx->plain, list)
		n += rec->len - rec->off;
	return n;
}

/**
 * ksc_rec_may_add() - may another record be decrypted ahead?
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * One may always be; more of them count as the socket's receive buffer does.
 *
 * Context: process. Return: true, and it is charged.
 */
bool ksc_rec_may_add(struct sock *sk, struct ksc_rx *rx)
{
	if (likely(!rx->nplain))
		return true;
	/* what they came in does not count any more */
	ksc_rxq_flush(sk, &rx->queue);
	if (rx->nplain >= KSC_RX_PEEK ||
	    atomic_read(&sk->sk_rmem_alloc) > READ_ONCE(sk->sk_rcvbuf) ||
	    (sk->sk_forward_alloc < KSC_REC_AREA &&
	     !__sk_mem_schedule(sk, KSC_REC_AREA - max(sk->sk_forward_alloc, 0), SK_MEM_RECV)))
		return false;
	/* what was charged for one that did not come to hold data is used first */
	if (rx->charged < rx->nplain) {
		rx->charged++;
		atomic_add(KSC_REC_AREA, &sk->sk_rmem_alloc);
		sk_mem_charge(sk, KSC_REC_AREA);
	}
	return true;
}

/**
 * ksc_rec_done() - all of a record was read
 * @sk: socket, locked and owned
 * @rx: its receiving half
 * @rec: the record, in rx->plain
 *
 * Context: process.
 */
void ksc_rec_done(struct sock *sk, struct ksc_rx *rx, struct ksc_rec *rec)
{
	list_del(&rec->list);
	rx->nplain--;
	ksc_rec_put(rec);
	if (unlikely(rx->charged)) {
		rx->charged--;
		atomic_sub(KSC_REC_AREA, &sk->sk_rmem_alloc);
		sk_mem_uncharge(sk, KSC_REC_AREA);
	}
}

/**
 * ksc_rec_drop_all() - give up whatever was not read
 * @sk: socket, locked and owned; NULL if nobody ever read from it
 * @rx: its receiving half
 *
 * Context: process.
 */
void ksc_rec_drop_all(struct sock *sk, struct ksc_rx *rx)
{
	struct ksc_rec *rec, *next;

	list_for_each_entry_safe(rec, next, &rx->plain, list)
		ksc_rec_done(sk, rx, rec);
}

/**
 * ksc_rec_exit() - empty the CPUs' slots
 *
 * Context: module exit, no socket left.
 */
void ksc_rec_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		ksc_rec_free(per_cpu(ksc_rec_slot, cpu));
}
