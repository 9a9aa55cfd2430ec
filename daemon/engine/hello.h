/* SPDX-License-Identifier: GPL-2.0-only */
/* hello.c: parts of the peer's hello that GnuTLS does not report, or reports too late. */
#ifndef KSC_HELLO_H
#define KSC_HELLO_H

#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

/* Kinds of keys that a client can verify signatures of. */
#define KSC_PK_RSA	0x01
#define KSC_PK_RSA_PSS	0x02
#define KSC_PK_ECDSA	0x04
#define KSC_PK_ED25519	0x08
#define KSC_PK_ED448	0x10
#define KSC_PK_ANY	0x1f

/**
 * struct ksc_hello - the peer's extensions that are used here
 * @server_name: ClientHello: the host name that the client asks for, or ""
 * @pks: ClientHello: KSC_PK_ bits of the keys whose signatures the client can verify, by its
 *	signature_algorithms, and without TLS 1.3 by its suites; 0 if it names no such key
 * @record_size_limit: of RFC 8449, 0 without the extension
 */
struct ksc_hello {
	char server_name[KSC_MAX_NAME + 1];
	unsigned int pks;
	unsigned int record_size_limit;
};

void ksc_hello_read(unsigned int type, const gnutls_datum_t *msg, struct ksc_hello *hello);
uint32_t ksc_hello_max_record(const struct ksc_hello *hello, gnutls_session_t tls);

#endif
