/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Options that applications set for a handshake.
 */
#ifndef _KSC_HANDSHAKE_OPTIONS_H
#define _KSC_HANDSHAKE_OPTIONS_H

#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sockptr.h>
#include <linux/types.h>

/**
 * struct ksc_blob - bytes shared by a listener and its children
 * @ref: users
 * @rcu: readers in clone and dump hold no reference
 * @len: bytes in @data, not counting the NUL after them
 * @data: immutable once visible
 */
struct ksc_blob {
	refcount_t ref;
	struct rcu_head rcu;
	u16 len;
	u8 data[];
};

/**
 * struct ksc_options - options set by the application
 * @server_name: KSC_SERVER_NAME or NULL
 * @credential: KSC_CREDENTIAL or NULL
 * @alpn: KSC_ALPN or NULL
 * @timeout: KSC_HANDSHAKE_TIMEOUT, milliseconds
 * @rekey_after: KSC_REKEY_AFTER, records
 * @padding: KSC_PADDING, bytes
 * @max_payload: KSC_TX_MAX_PAYLOAD, bytes
 * @sizing: enum ksc_record_sizing
 * @verify: enum ksc_verify
 * @connect: enum ksc_connect
 */
struct ksc_options {
	struct ksc_blob *server_name;
	struct ksc_blob *credential;
	struct ksc_blob *alpn;
	u32 timeout;
	u32 rekey_after;
	u16 padding;
	u16 max_payload;
	u8 sizing;
	u8 verify;
	u8 connect;
};

struct ksc_blob *ksc_blob_make(bool list, sockptr_t from, unsigned int len);
void ksc_blob_put(struct ksc_blob *b);
void ksc_options_copy(struct ksc_options *to, const struct ksc_options *from);
void ksc_options_free(struct ksc_options *opt);

#endif /* _KSC_HANDSHAKE_OPTIONS_H */
