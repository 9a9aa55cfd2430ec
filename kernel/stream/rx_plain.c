// SPDX-License-Identifier: GPL-2.0-only
/*
 * Buffers for decrypted records. A buffer is taken from a per-CPU slot and returned as soon as the
 * record is read, so that an idle connection holds none.
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
 * ksc_rec_get() - get a buffer for a record
 *
 * Context: process. Return: the buffer, owned by the caller, or NULL.
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
 * ksc_rec_put() - return a record's buffer
 * @rec: the buffer, owned by the caller
 *
 * Context: process.
 */
void ksc_rec_put(struct ksc_rec *rec)
{
	if (unlikely(!rec->area) || this_cpu_cmpxchg(ksc_rec_slot, NULL, rec))
		ksc_rec_free(rec);
}

/**
 * ksc_rx_has_plain() - check whether decrypted data is unread
 * @rx: receiving half
 *
 * Context: any; without the socket's lock the result may be stale.
 */
bool ksc_rx_has_plain(const struct ksc_rx *rx)
{
	return !list_empty(&rx->plain);
}

/**
 * ksc_rx_plain_len() - count decrypted bytes that are unread
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
 * Move a small record that is kept to memory of its size, so that many sockets with one each do
 * not hold an area each.
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
 * ksc_rec_charge() - charge a socket for its decrypted records
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * One is always allowed; those after it count against more, see ksc_rec_may_add().
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
 * ksc_rec_may_add() - check whether another record may be decrypted ahead
 * @sk: socket, locked and owned
 * @rx: its receiving half
 *
 * One record always may; more share the receive buffer's size with TCP's queue. They are not
 * charged to the receive buffer itself: that would close TCP's window, and no update would be sent
 * when they are read.
 *
 * Context: process. Return: true if so; then memory is reserved in the socket's account.
 */
bool ksc_rec_may_add(struct sock *sk, struct ksc_rx *rx)
{
	if (likely(!rx->nplain))
		return true;
	/* the skbs that they were received in no longer count */
	ksc_rxq_flush(sk, &rx->queue);
	ksc_rec_settle(sk, rx);
	return rx->nplain < KSC_RX_PEEK &&
	       atomic_read(&sk->sk_rmem_alloc) + rx->ahead <= READ_ONCE(sk->sk_rcvbuf) &&
	       (sk->sk_forward_alloc >= (int)KSC_REC_SIZE ||
		__sk_mem_schedule(sk, KSC_REC_SIZE - sk->sk_forward_alloc, SK_MEM_RECV));
}

/**
 * ksc_rec_done() - release a record that was read completely
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
 * ksc_rec_drop_all() - drop all unread records
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
