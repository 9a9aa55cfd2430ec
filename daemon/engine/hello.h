/* SPDX-License-Identifier: GPL-2.0-only */
/* hello.c: what the peer's hello says that GnuTLS doesn't tell, or tells too late. */
#ifndef KSC_HELLO_H
#define KSC_HELLO_H

#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

/**
 * struct ksc_hello - the peer's extensions, as far as they matter here
 * @server_name: ClientHello: the host name that the client wants, or ""
 * @record_size_limit: RFC 8449's, 0 when there is none
 */
struct ksc_hello {
	char server_name[KSC_MAX_NAME + 1];
	unsigned int record_size_limit;
};

void ksc_hello_read(unsigned int type, const gnutls_datum_t *msg, struct ksc_hello *hello);
uint32_t ksc_hello_max_record(const struct ksc_hello *hello, gnutls_session_t tls);

#endif
