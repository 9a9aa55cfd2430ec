/* SPDX-License-Identifier: GPL-2.0-only */
/* staple.c: what a stapled OCSP response may cost us, looked at before it is used. */
#ifndef KSC_STAPLE_H
#define KSC_STAPLE_H

#include <gnutls/gnutls.h>

/* Of a response, in bytes. They have one or two thousand as a rule. */
#define KSC_MAX_STAPLE		16384
/* Certificates in it: of whoever has signed it, and perhaps of those above. */
#define KSC_MAX_RESPONDERS	4
/*
 * A response is tried with the authorities that are trusted, and with each certificate that
 * comes behind its own. A try is two public-key operations at most. GnuTLS takes no chain of
 * more than 16: it may have a response for the leaf, one of five may have one for each.
 */
#define KSC_MAX_STAPLE_TRIES	16

int ksc_staple_check(const gnutls_datum_t *der, const char **why);

#endif
