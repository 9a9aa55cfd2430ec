/* SPDX-License-Identifier: GPL-2.0-only */
/* hello.c: parts of the peer's hello that GnuTLS does not report, or reports too late. */
#ifndef KSC_HELLO_H
#define KSC_HELLO_H

#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

/**
 * struct ksc_hello - the peer's extensions that are used here
 * @server_name: ClientHello: the host name that the client asks for, or ""
 * @record_size_limit: of RFC 8449, 0 without the extension
 */
struct ksc_hello {
	char server_name[KSC_MAX_NAME + 1];
	unsigned int record_size_limit;
};

void ksc_hello_read(unsigned int type, const gnutls_datum_t *msg, struct ksc_hello *hello);
uint32_t ksc_hello_max_record(const struct ksc_hello *hello, gnutls_session_t tls);

#endif
