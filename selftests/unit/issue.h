/* SPDX-License-Identifier: GPL-2.0-only */
/* issue.c: certificates that a test issues, in certs/. */
#ifndef KSC_TEST_ISSUE_H
#define KSC_TEST_ISSUE_H

#include <stdbool.h>
#include <gnutls/x509.h>

/**
 * struct issue - a certificate
 * @name: its name in certs/
 * @subject: its subject
 * @issuer: name of the issuer's certificate; NULL if it is its own
 * @key: name of the key that it is for; NULL for a new one
 * @id: name of the certificate whose key identifier it has; NULL for none
 * @ca: it is an authority
 */
struct issue {
	const char *name;
	const char *subject;
	const char *issuer;
	const char *key;
	const char *id;
	bool ca;
};

gnutls_x509_crt_t load_crt(const char *name);
gnutls_datum_t load_der(const char *name);
gnutls_x509_privkey_t load_key(const char *name);
void issue(const struct issue *what);
void chain(const char *name, const char *const *certs);
void withdraw(const char *name);

#endif
