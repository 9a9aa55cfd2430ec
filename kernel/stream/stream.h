/* SPDX-License-Identifier: GPL-2.0-only */
/* Streams: the state of a socket's record layer. */
#ifndef _KSC_STREAM_STREAM_H
#define _KSC_STREAM_STREAM_H

#include <linux/bvec.h>
#include <linux/list.h>
#include <linux/types.h>

#include "record/cipher.h"
#include "record/frame.h"
#include "record/pages.h"

struct sk_buff;
struct sock;

/* enum ksc_update - a KeyUpdate to send as soon as there is space */
enum ksc_update {
	KSC_UPDATE_NONE,
	KSC_UPDATE_OWN,		/* update_not_requested */
	KSC_UPDATE_BOTH,	/* update_requested: the peer's keys, too */
};

/**
 * struct ksc_tx - the sending half of a protected socket
 * @cipher: keys
 * @frag: the open record (under construction), or with @pending the rest of a sealed one
 * @nfrags: entries of @frag, each holds a page reference
 * @pending: @frag is ciphertext that TCP has not taken, or is being pushed
 * @full: TCP had no space for all of it; read without the lock
 * @more: the sender of the pending or open record passed MSG_MORE or has a cork
 * @held: the open record is sent at @deadline, unless @nagle
 * @nagle: the open record is sent when TCP would send it
 * @closed: close_notify was sealed: it is sent or pending
 * @lost: data that write() accepted can't be sent: close with a reset, as a FIN would hide the
 *	loss
 * @pushing: @frag is being passed to TCP
 * @tailed: @frag has room for type and tag after the @len bytes of content; true of every open
 *	record
 * @update: enum ksc_update, a KeyUpdate that is due
 * @len: plaintext bytes in the open record
 * @max: maximum of @len, by KSC_TX_MAX_PAYLOAD and the peer's limit
 * @max_record: the peer's RFC 8449 limit
 * @deadline: jiffies
 * @ramp: bytes still to be sent in records of a TCP segment's size
 * @first: index in @frag of what to push next
 * @bytes: application bytes sent
 * @records: records sent
 * @updates: KeyUpdates sent
 * @charged: bytes charged to the socket for the open or pending record
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
 * struct ksc_rxq - a position in TCP's receive queue
 * @done: consumed bytes that are not yet reported to TCP
 * @off: offset of the next byte in @skb; like the rest only valid if @done is nonzero
 * @end: offset in @skb where the piece with @off ends: a head, or a page fragment
 * @frag: number of page fragments of @part before @end, 0 if the piece is its head
 * @skb: NULL at the queue's end
 * @part: the piece's skb: @skb, or one in its frag list (from GRO)
 *
 * ksc_rxq_flush() reports many records to TCP at once, always before the socket's lock is
 * released.
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
 * struct ksc_rate - counts events for a rate limit
 * @n: events
 * @since: jiffies of the first one
 */
struct ksc_rate {
	u32 n;
	unsigned long since;
};

/**
 * struct ksc_rx - the receiving half of a protected socket
 * @cipher: keys
 * @queue: position of the current record
 * @plain: list of struct ksc_rec, decrypted and not yet read
 * @nplain: its length
 * @charged: how many of them are charged to the socket, see ksc_rec_settle()
 * @rec_len: length with header of the record at the queue's head, 0 if unknown
 * @type: that record's outer content type
 * @bad: alert to reject that record with; internal_error if it can't be read
 * @closed: close_notify was received
 * @hs: parser of post-handshake messages
 * @stage: first part of a record that does not fit the receive buffer; or bytes that an
 *	application had read before it attached keys
 * @stage_len: bytes in @stage
 * @stage_size: size of @stage, charged to the socket; 0 for bytes that an application had read
 * @stuck_at: TCP's next sequence number at @stuck_since
 * @ahead: bytes charged for the records of @plain after the first
 * @stuck_since: jiffies since when nothing has arrived, 0 if not measured
 * @bytes: application bytes received
 * @records: records received
 * @updates: KeyUpdates received
 * @dataless: records without application data, see flood.c
 * @key_updates: unsolicited KeyUpdates; likewise
 * @rekeyed: @bytes at the last KeyUpdate that did not count, thanks to the data before it
 * @solicited: KeyUpdates requested from the peer and not yet received
 * @asked: the peer was asked to change its keys, which are at their limit
 * @polled: poll() was called: from then on records are opened without a reader
 * @tell: pollers are still to be woken for available data; also written without the lock
 * @enough: SO_RCVLOWAT bytes are decrypted, if that is more than one
 * @readers: calls that wait for a record and will open it themselves
 * @warned: a warning alert was received
 * @warning: number of the last one
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
 * struct ksc_stream_ops - a stream's calls to its socket
 * @again: retry in @delay jiffies: a record is pending or incomplete, and no event may follow.
 *	Context: any
 * @room: TCP has taken all of a pending record. Context: the socket's lock
 * @made: a transform was allocated. Context: process, the socket's lock owned
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
 * @version: negotiated version, of both directions
 * @padding: TLS 1.3 content is padded to a multiple of this, 0 or 1 for none
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
 * ksc_awake() - before a record, make sure that there is a transform
 * @s: stream
 * @c: its keys for the direction
 *
 * Context: process, the socket's lock owned.
 * Return: 0, -ENOMEM (may be retried), or -EIO.
 */
static inline int ksc_awake(struct ksc_stream *s, struct ksc_cipher *c)
{
	return likely(c->aead) ? 0 : ksc_wake(s, c);
}

#endif /* _KSC_STREAM_STREAM_H */
