/* SPDX-License-Identifier: GPL-2.0-only */
/* known.c: who a peer is, and a cache of recent descriptions of peers. */
#ifndef KSC_KNOWN_H
#define KSC_KNOWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#define KSC_FINGERPRINT_LEN	32
/* Number of cached descriptions; the certificate's last byte selects the entry. */
#define KSC_MAX_KNOWN		64
/* Size in bytes of the largest certificate that is cached. */
#define KSC_MAX_KNOWN_LEN	4096

/**
 * struct ksc_end_point - a certificate's channel binding tls-server-end-point
 * @hash: RFC 5929 4
 * @len: its size in bytes, 0 if it is not defined for the certificate's signature
 */
struct ksc_end_point {
	uint8_t hash[64];
	size_t len;
};

/**
 * struct ksc_peer - who the peer is
 * @present: the peer sent a certificate
 * @subject: in RFC 4514 form, truncated to fit; if empty, the first subjectAltName: "dns:name"
 * @fingerprint: SHA-256 of the certificate
 * @end_point: channel binding, for a server's certificate
 */
struct ksc_peer {
	bool present;
	char subject[KSC_MAX_NAME + 1];
	uint8_t fingerprint[KSC_FINGERPRINT_LEN];
	struct ksc_end_point end_point;
};

struct ksc_known;

struct ksc_known *ksc_known_new(void);
void ksc_known_free(struct ksc_known *known);
bool ksc_known_find(struct ksc_known *known, const gnutls_datum_t *der, struct ksc_peer *peer);
void ksc_known_keep(struct ksc_known *known, const gnutls_datum_t *der,
		    const struct ksc_peer *peer);

#endif
