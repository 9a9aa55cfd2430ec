/* SPDX-License-Identifier: GPL-2.0-only */
/* pem.c: describes what is wrong with a file of certificates or a key. */
#ifndef KSC_PEM_H
#define KSC_PEM_H

#include <stdbool.h>
#include <gnutls/gnutls.h>

bool ksc_pem_is_encrypted(const gnutls_datum_t *pem);
const char *ksc_pem_cert_fault(const gnutls_datum_t *pem);
const char *ksc_pem_trust_fault(const gnutls_datum_t *pem);
const char *ksc_pem_key_fault(const gnutls_datum_t *pem);

#endif
