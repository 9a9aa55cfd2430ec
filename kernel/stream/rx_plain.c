// SPDX-License-Identifier: GPL-2.0
/*
 * Room for decrypted records. It is taken from a slot of the CPU and goes back as
 * soon as the record is read, so that an idle connection holds none.
 */
#include <linux/slab.h>
#include <net/sock.h>

#include "stream/charge.h"
#include "stream/rx_plain.h"
#include "stream/rx_queue.h"
#include "stream/stream.h"

static DEFINE_PER_CPU(struct ksc_rec *, ksc_rec_slot);

static void ksc_rec_free(struct ksc_rec *rec)
{
	if (!rec)
		return;
	if (rec->area)
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
	rec->charged = 0;
	rec->counts = false;
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
	if (unlikely(!rec->area) || this_cpu_cmpxchg(ksc_rec_slot, NULL, rec))
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

/*
 * A small record that stays moves to memory of its size, so that many sockets with one each
 * hold no area each.
 */
static struct ksc_rec *ksc_rec_shrink(struct ksc_rec *rec)
{
	u32 n = rec->len - rec->off;
	struct ksc_rec *small;

	if (!rec->area || offsetof(struct ksc_rec, dst) + n > KSC_REC_SMALL)
		return rec;
	small = kmalloc(offsetof(struct ksc_rec, dst) + n, GFP_KERNEL | __GFP_NOWARN);
	if (!small)
		return rec;
	small->area = NULL;
	small->data = (u8 *)small + offsetof(struct ksc_rec, dst);
	small->off = 0;
	small->len = n;
	small->charged = 0;
	small->counts = false;
	small->type = rec->type;
	memcpy(small->data, rec->data + rec->off, n);
	list_replace(&rec->list, &small->list);
	ksc_rec_put(rec);
	return small;
}

/**
 * ksc_rec_charge() - charge a socket for the decrypted records that it has
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * There is always room for one; those behind it count where more are to be added.
 *
 * Context: process.
 */
void ksc_rec_charge(struct sock *sk, struct ksc_rx *rx)
{
	struct ksc_rec *rec, *next;

	list_for_each_entry_safe(rec, next, &rx->plain, list) {
		if (rec->charged)
			continue;
		rec = ksc_rec_shrink(rec);
		rec->charged = rec->area ? KSC_REC_SIZE :
			       kmalloc_size_roundup(offsetof(struct ksc_rec, dst) + rec->len);
		ksc_charge(sk, rec->charged);
		rec->counts = !list_is_first(&rec->list, &rx->plain);
		if (rec->counts)
			rx->ahead += rec->charged;
		rx->charged++;
	}
}

static void ksc_rec_uncharge(struct sock *sk, struct ksc_rx *rx, struct ksc_rec *rec)
{
	if (rec->counts)
		rx->ahead -= rec->charged;
	ksc_uncharge(sk, rec->charged);
	rec->charged = 0;
	rec->counts = false;
	rx->charged--;
}

/**
 * ksc_rec_may_add() - may another record be decrypted ahead?
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * One may always be; more of them share the receive buffer's size with what is in it. They are
 * not in it: they would shut TCP's window, and nobody tells the peer when they are read.
 *
 * Context: process. Return: true, and there is memory for it in the socket's account.
 */
bool ksc_rec_may_add(struct sock *sk, struct ksc_rx *rx)
{
	if (likely(!rx->nplain))
		return true;
	/* what they came in does not count any more */
	ksc_rxq_flush(sk, &rx->queue);
	ksc_rec_settle(sk, rx);
	return rx->nplain < KSC_RX_PEEK &&
	       atomic_read(&sk->sk_rmem_alloc) + rx->ahead <= READ_ONCE(sk->sk_rcvbuf) &&
	       (sk->sk_forward_alloc >= (int)KSC_REC_SIZE ||
		__sk_mem_schedule(sk, KSC_REC_SIZE - sk->sk_forward_alloc, SK_MEM_RECV));
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
	if (unlikely(rec->charged))
		ksc_rec_uncharge(sk, rx, rec);
	ksc_rec_put(rec);
}

/**
 * ksc_rec_drop_all() - give up whatever was not read
 * @sk: socket, locked and owned
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
