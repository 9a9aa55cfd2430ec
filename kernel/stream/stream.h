/* SPDX-License-Identifier: GPL-2.0 */
/* What others use of stream.c. */
#ifndef _KSC_STREAM_STREAM_H
#define _KSC_STREAM_STREAM_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/types.h>

#include "record/cipher.h"
#include "record/frame.h"
#include "record/pages.h"

struct sk_buff;

/* enum ksc_update - a KeyUpdate that is to be sent when there is room for it */
enum ksc_update {
	KSC_UPDATE_NONE,
	KSC_UPDATE_OWN,		/* update_not_requested */
	KSC_UPDATE_BOTH,	/* update_requested: the peer's keys, too */
};

/**
 * struct ksc_tx - the sending half of a protected socket
 * @cipher: keys
 * @frag: the record under construction, or with @pending what is left of one
 * @nfrags: entries of @frag, each of which holds a page reference
 * @pending: @frag is ciphertext that TCP has not taken, or is being given
 * @full: TCP had no room for all of that; read without the lock
 * @more: the sender of @pending, or of what is open, said MSG_MORE or has a cork
 * @held: what is open goes out at @deadline
 * @nagle: what is open goes out when TCP would send it
 * @closed: close_notify was sealed: it is sent or pending
 * @lost: what an application was told is taken can't be sent: the end is a reset, as a FIN
 *	would hide that
 * @pushing: TCP is being given @frag
 * @tailed: @frag has room for the record's type and tag, behind what is in @len; every
 *	open record does
 * @update: enum ksc_update, a KeyUpdate that is owed
 * @len: plaintext bytes in the record under construction
 * @max: most of them, by KSC_TX_MAX_PAYLOAD and the peer's limit
 * @max_record: the peer's RFC 8449 limit
 * @deadline: jiffies
 * @ramp: bytes that are still to go out in records of a TCP segment's size
 * @first: offset in @frag of what TCP gets next
 * @bytes: application bytes sent
 * @records: records sent
 * @updates: KeyUpdates sent
 * @charged: bytes in the socket's account for the record that is open or pending
 */
struct ksc_tx {
	struct ksc_cipher cipher;
	struct bio_vec frag[KSC_TX_FRAGS];
	u8 nfrags;
	u8 first;
	bool pending;
	bool full;
	bool more;
	bool held;
	bool nagle;
	bool closed;
	bool lost;
	bool pushing;
	bool tailed;
	u8 update;
	u16 len;
	u16 max;
	u16 max_record;
	u32 ramp;
	u32 updates;
	u32 charged;
	unsigned long deadline;
	u64 bytes;
	u64 records;
};

/**
 * struct ksc_rxq - a place in TCP's receive queue
 * @done: bytes that are used up and that TCP has not been told of
 * @off: where the next one is in @skb, with @done; the rest likewise
 * @end: where in @skb the piece with @off ends: a head, or a page fragment
 * @frag: number of page fragments of @part before @end, 0 if that is its head's
 * @skb: NULL at the queue's end
 * @part: @skb, or one in its frag list, as GRO makes it, to which the piece belongs
 *
 * TCP is told once for many records (ksc_rxq_flush()), always before the
 * socket's lock is released.
 */
struct ksc_rxq {
	u32 done;
	u32 off;
	u32 end;
	u32 frag;
	struct sk_buff *skb;
	struct sk_buff *part;
};

/**
 * struct ksc_rate - how often something happened
 * @n: times
 * @since: jiffies of the first of them
 */
struct ksc_rate {
	u32 n;
	unsigned long since;
};

/**
 * struct ksc_rx - the receiving half of a protected socket
 * @cipher: keys
 * @queue: where the record under work is
 * @plain: struct ksc_rec, decrypted and not yet read
 * @nplain: how many
 * @charged: how many of them are charged to the socket, see ksc_rec_settle()
 * @rec_len: length with header of the record at the queue's head, 0 unknown
 * @type: that record's outer content type
 * @bad: that record is refused with this alert; internal_error if it can't be read
 * @closed: close_notify was received
 * @hs: follows post-handshake messages
 * @stage: what has come of a record that the receive buffer has no room for; or what
 *	an application had read before it attached keys
 * @stage_len: bytes in @stage
 * @stage_size: bytes at @stage, charged to the socket; 0 for what an application had read
 * @stuck_at: TCP's next sequence number when it was looked at for nothing having come
 * @ahead: what those of @plain behind the first are charged with
 * @stuck_since: jiffies then, 0 never
 * @bytes: application bytes received
 * @records: records received
 * @updates: KeyUpdates received
 * @dataless: records without application data, see flood.c
 * @key_updates: KeyUpdates that nobody asked for; likewise
 * @rekeyed: @bytes when a KeyUpdate last did not count for what was before it
 * @solicited: KeyUpdates that the peer was asked for and has not sent yet
 * @asked: the peer was told to change its keys, which are at their limit
 * @polled: poll() has asked for data: from then on it is opened without a reader
 * @tell: whoever polls was not told yet of what there is; written without the lock, too
 * @enough: as much is decrypted as SO_RCVLOWAT, where that is more than a byte
 * @readers: calls that wait for a record, which they will open by themselves
 * @warned: a warning alert came
 * @warning: its number, of the last one
 */
struct ksc_rx {
	struct ksc_cipher cipher;
	struct ksc_rxq queue;
	struct list_head plain;
	u8 nplain;
	u8 charged;
	u32 rec_len;
	u8 type;
	u8 bad;
	bool closed;
	struct ksc_hs_parser hs;
	u8 *stage;
	u32 stage_len;
	u32 stage_size;
	u32 stuck_at;
	int ahead;
	unsigned long stuck_since;
	u32 updates;
	struct ksc_rate dataless;
	struct ksc_rate key_updates;
	u64 rekeyed;
	u8 solicited;
	bool asked;
	bool polled;
	bool tell;
	bool enough;
	u32 readers;
	bool warned;
	u8 warning;
	u64 bytes;
	u64 records;
};

struct ksc_stream;

/**
 * struct ksc_stream_ops - what a stream asks of its socket
 * @again: come again in @delay jiffies: a record is pending or not whole, and nothing may tell of
 *	it. Context: any
 * @room: TCP has taken all of a pending record. Context: the socket's lock
 * @made: a transform was made. Context: process, the socket's lock owned
 */
struct ksc_stream_ops {
	void (*again)(struct ksc_stream *s, unsigned long delay);
	void (*room)(struct sock *sk, struct ksc_stream *s);
	void (*made)(struct ksc_stream *s);
};

/**
 * struct ksc_stream - the record layer of a socket
 * @ops: its socket's
 * @counters: its namespace's
 * @version: negotiated version; of both directions
 * @padding: content of TLS 1.3 is padded to a multiple of this, 0 or 1 for none
 * @tx: sending half
 * @rx: receiving half
 *
 * Under the socket's lock.
 */
struct ksc_stream {
	const struct ksc_stream_ops *ops;
	struct ksc_counters __percpu *counters;
	u16 version;
	u16 padding;
	struct ksc_tx tx;
	struct ksc_rx rx;
};

int ksc_wake(struct ksc_stream *s, struct ksc_cipher *c);

/**
 * ksc_awake() - before a record, see to it that there is what it needs
 * @s: stream
 * @c: its keys for the direction
 *
 * Context: process, the socket's lock owned.
 * Return: 0; -ENOMEM, and it may be tried again; or -EIO.
 */
static inline int ksc_awake(struct ksc_stream *s, struct ksc_cipher *c)
{
	return likely(c->aead) ? 0 : ksc_wake(s, c);
}

#endif /* _KSC_STREAM_STREAM_H */
