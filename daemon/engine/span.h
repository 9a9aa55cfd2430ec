/* SPDX-License-Identifier: GPL-2.0-only */
/* span.c: reject handshake messages of the peer that span a key change. */
#ifndef KSC_SPAN_H
#define KSC_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

/* Plaintext, and protected by handshake keys. */
enum ksc_epoch { KSC_EPOCH_CLEAR, KSC_EPOCH_HANDSHAKE, KSC_EPOCHS };

/**
 * struct ksc_span - count of the peer's handshake messages and records
 * @messages: bytes of processed messages, with their headers, by epoch
 * @content: bytes of handshake content in received records, by epoch
 * @changed: TLS 1.2: the peer has changed its keys
 * @secret: TLS 1.3: the peer's handshake traffic secret
 * @secret_len: its size in bytes, 0 before it is known
 * @seq: number of protected records
 */
struct ksc_span {
	size_t messages[KSC_EPOCHS];
	size_t content[KSC_EPOCHS];
	bool changed;
	uint8_t secret[KSC_MAX_SECRET];
	size_t secret_len;
	uint64_t seq;
};

void ksc_span_secret(struct ksc_span *span, const void *secret, size_t len);
void ksc_span_message(struct ksc_span *span, gnutls_session_t tls, unsigned int type,
		      const gnutls_datum_t *msg);
bool ksc_span_crosses(struct ksc_span *span, gnutls_session_t tls, const uint8_t *in, size_t len,
		      bool answered, int *rc);

#endif
