// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cipher suites that handshakes can negotiate. The module cannot decrypt records of any other.
 */
#include <strings.h>

#include "engine/suite.h"

const struct ksc_cipher ksc_ciphers[KSC_N_CIPHERS] = {
	{ "AES-256-GCM", GNUTLS_CIPHER_AES_256_GCM, 32, 4, 0x1302, 0xc02c, 0xc030, 0x009f },
	{ "CHACHA20-POLY1305", GNUTLS_CIPHER_CHACHA20_POLY1305, 32, 12, 0x1303, 0xcca9, 0xcca8,
	  0xccaa },
	{ "AES-128-GCM", GNUTLS_CIPHER_AES_128_GCM, 16, 4, 0x1301, 0xc02b, 0xc02f, 0x009e },
	/* RFC 6655, RFC 7251: ECDHE-RSA suites are not defined. */
	{ "AES-128-CCM", GNUTLS_CIPHER_AES_128_CCM, 16, 4, 0x1304, 0xc0ac, 0, 0xc09e },
};

/**
 * ksc_cipher_by_name() - look up a cipher by its name in configuration files
 * @name: for instance "AES-128-GCM"
 *
 * Return: the cipher, or NULL
 */
const struct ksc_cipher *ksc_cipher_by_name(const char *name)
{
	size_t i;

	for (i = 0; i < KSC_N_CIPHERS; i++)
		if (!strcasecmp(ksc_ciphers[i].name, name))
			return &ksc_ciphers[i];
	return NULL;
}

/**
 * ksc_cipher_by_gnutls() - look up a cipher by GnuTLS's number
 * @cipher: the number
 *
 * Return: the cipher, or NULL
 */
const struct ksc_cipher *ksc_cipher_by_gnutls(gnutls_cipher_algorithm_t cipher)
{
	size_t i;

	for (i = 0; i < KSC_N_CIPHERS; i++)
		if (ksc_ciphers[i].cipher == cipher)
			return &ksc_ciphers[i];
	return NULL;
}

/**
 * ksc_suite_number() - get the IANA number of the negotiated suite
 * @cipher: the cipher
 * @version: the protocol's version
 * @kx: the key exchange, which is part of the suite in TLS 1.2 only
 *
 * Return: the number, or 0 if the suite is not supported
 */
uint16_t ksc_suite_number(const struct ksc_cipher *cipher,
			  gnutls_protocol_t version,
			  gnutls_kx_algorithm_t kx)
{
	if (version == GNUTLS_TLS1_3)
		return cipher->tls13;
	if (version != GNUTLS_TLS1_2)
		return 0;
	if (kx == GNUTLS_KX_ECDHE_ECDSA)
		return cipher->ecdhe_ecdsa;
	if (kx == GNUTLS_KX_ECDHE_RSA)
		return cipher->ecdhe_rsa;
	if (kx == GNUTLS_KX_DHE_RSA)
		return cipher->dhe_rsa;
	return 0;
}

/**
 * ksc_cipher_by_suite() - look up the cipher of a suite
 * @number: the suite's IANA number
 *
 * Return: the cipher, or NULL
 */
const struct ksc_cipher *ksc_cipher_by_suite(uint16_t number)
{
	size_t i;

	for (i = 0; number && i < KSC_N_CIPHERS; i++)
		if (ksc_ciphers[i].tls13 == number || ksc_ciphers[i].ecdhe_ecdsa == number ||
		    ksc_ciphers[i].ecdhe_rsa == number || ksc_ciphers[i].dhe_rsa == number)
			return &ksc_ciphers[i];
	return NULL;
}
