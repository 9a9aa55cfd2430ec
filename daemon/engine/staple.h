/* SPDX-License-Identifier: GPL-2.0-only */
/* staple.c: limit the cost of a stapled OCSP response before it is used. */
#ifndef KSC_STAPLE_H
#define KSC_STAPLE_H

#include <gnutls/gnutls.h>

/* Size of a response in bytes. Usual responses have one or two thousand. */
#define KSC_MAX_STAPLE		16384
/* Certificates in a response: the responder's, and possibly of its issuers. */
#define KSC_MAX_RESPONDERS	4
/*
 * GnuTLS tries to verify a response with the trusted authorities, and with each certificate after
 * its own in the chain. A try costs two public-key operations at most. GnuTLS limits a chain to 16
 * certificates: such a chain can have a response for the leaf, a chain of five one for each.
 */
#define KSC_MAX_STAPLE_TRIES	16

int ksc_staple_check(const gnutls_datum_t *der, const char **why);

#endif
