/* SPDX-License-Identifier: GPL-2.0-only */
/* der.c: elements of DER, without decoding what is in them. */
#ifndef KSC_DER_H
#define KSC_DER_H

#include <stdbool.h>
#include <libtasn1.h>
#include <gnutls/gnutls.h>

/* Header of a SEQUENCE, X.690 8.1.2 */
#define KSC_DER_SEQUENCE	(ASN1_CLASS_STRUCTURED | ASN1_TAG_SEQUENCE)

bool ksc_der_take_whole(gnutls_datum_t *from, unsigned char tag, gnutls_datum_t *whole,
			gnutls_datum_t *content);
bool ksc_der_take(gnutls_datum_t *from, unsigned char tag, gnutls_datum_t *content);

#endif
