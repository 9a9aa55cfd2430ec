/* SPDX-License-Identifier: GPL-2.0-only */
/* keys.c: keys of a completed handshake, for the record layer. */
#ifndef KSC_KEYS_H
#define KSC_KEYS_H

#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

/**
 * struct ksc_key - keys of one direction
 * @secret: TLS 1.3: the application traffic secret
 * @secret_len: its size in bytes
 * @key: TLS 1.2: the write key
 * @key_len: its size in bytes
 * @iv: TLS 1.2: the implicit part of the nonce
 * @iv_len: its size in bytes
 * @seq: sequence number of the next record
 */
struct ksc_key {
	uint8_t secret[KSC_MAX_SECRET];
	size_t secret_len;
	uint8_t key[KSC_MAX_SECRET];
	size_t key_len;
	uint8_t iv[KSC_MAX_IV];
	size_t iv_len;
	uint64_t seq;
};

/**
 * struct ksc_keys - keys of both directions
 * @version: as on the wire
 * @suite: IANA number
 * @tx: for records that we send
 * @rx: for records that we receive
 * @max_record: size in bytes of the largest record that the peer accepts, as RFC 8449 counts it;
 *	0 for TLS's own limit
 * @exporter: TLS 1.3: exporter_master_secret; TLS 1.2: the master secret
 * @exporter_len: its size in bytes, 0 for a TLS 1.2 master secret that is not extended
 * @randoms: TLS 1.2: the client's random and the server's
 */
struct ksc_keys {
	uint16_t version;
	uint16_t suite;
	struct ksc_key tx;
	struct ksc_key rx;
	uint32_t max_record;
	uint8_t exporter[KSC_MAX_SECRET];
	size_t exporter_len;
	uint8_t randoms[KSC_RANDOMS_LEN];
};

/**
 * struct ksc_secrets - secrets of TLS 1.3
 * @tx: for records that we send
 * @rx: for records that we receive
 * @exporter: exporter_master_secret
 * @len: size in bytes of @tx and @rx, 0 before they are known
 * @exporter_len: size in bytes of @exporter, likewise
 */
struct ksc_secrets {
	uint8_t tx[KSC_MAX_SECRET];
	uint8_t rx[KSC_MAX_SECRET];
	uint8_t exporter[KSC_MAX_SECRET];
	size_t len;
	size_t exporter_len;
};

int ksc_keys_note(struct ksc_secrets *secrets, const void *rx, const void *tx, size_t len);
void ksc_keys_log(struct ksc_secrets *secrets, const char *label, const gnutls_datum_t *secret);

int ksc_keys_collect(gnutls_session_t tls, const struct ksc_secrets *secrets,
		     struct ksc_keys *keys);

#endif
