/* SPDX-License-Identifier: GPL-2.0-only */
/* material.c: a certificate chain and its private key, from PEM, DER or PKCS #12. */
#ifndef KSC_MATERIAL_H
#define KSC_MATERIAL_H

#include <stdbool.h>
#include <gnutls/x509.h>

/**
 * struct ksc_material - a certificate chain and its private key
 * @chain: the certificates, the leaf first
 * @n: number of certificates
 * @key: the leaf's key
 */
struct ksc_material {
	gnutls_x509_crt_t *chain;
	unsigned int n;
	gnutls_x509_privkey_t key;
};

bool ksc_is_der(const gnutls_datum_t *data);
bool ksc_pem_next(gnutls_datum_t *left, gnutls_datum_t *entry);
bool ksc_pem_is(const gnutls_datum_t *entry, const char *title);
gnutls_x509_crt_fmt_t ksc_format_of(const gnutls_datum_t *data);
int ksc_material_chain(struct ksc_material *material, const gnutls_datum_t *data);
int ksc_material_key(struct ksc_material *material, const gnutls_datum_t *data,
		     const char *password);
int ksc_material_pkcs12(struct ksc_material *material, const gnutls_datum_t *data,
			const char *password);
void ksc_material_free(struct ksc_material *material);

#endif
