/* SPDX-License-Identifier: GPL-2.0-only */
/* The result of a handshake: keys and session. */
#ifndef _KSC_HANDSHAKE_KEYS_H
#define _KSC_HANDSHAKE_KEYS_H

#include <linux/kschannel.h>
#include <linux/types.h>

#include "record/cipher.h"

struct genl_info;
struct ksc_exporter;
struct ksc_info;

/**
 * struct ksc_session - properties of an established session
 * @resumed: the handshake resumed an earlier one
 * @has_peer: @peer_subject and @peer_fingerprint are valid
 * @alpn: offset in @text of the chosen protocol
 * @server_name: offset in @text
 * @peer_subject: offset in @text
 * @size: bytes in @text
 * @peer_fingerprint: SHA-256 of the peer's certificate
 * @text: NUL-terminated strings
 *
 * Immutable once visible; freed with its owner after a grace period.
 */
struct ksc_session {
	bool resumed;
	bool has_peer;
	u16 alpn;
	u16 server_name;
	u16 peer_subject;
	u16 size;
	u8 peer_fingerprint[32];
	char text[];
};

/**
 * struct ksc_keys - a handshake's result
 * @version: negotiated version
 * @suite: negotiated suite
 * @max_record: the peer's RFC 8449 limit, 0 for none
 * @tx: keys for sending
 * @rx: keys for receiving
 * @session: the session's properties
 * @exporter: NULL if there is none
 *
 * Zeroised and freed by ksc_keys_free().
 */
struct ksc_keys {
	u16 version;
	u16 suite;
	u16 max_record;
	struct ksc_key tx;
	struct ksc_key rx;
	struct ksc_session *session;
	struct ksc_exporter *exporter;
};

int ksc_keys_parse(struct ksc_keys *keys, const struct genl_info *info);
int ksc_keys_copy(struct ksc_keys *to, const struct ksc_keys *from);
void ksc_keys_free(struct ksc_keys *keys);
void ksc_session_info(const struct ksc_session *s, struct ksc_info *info);

#endif /* _KSC_HANDSHAKE_KEYS_H */
