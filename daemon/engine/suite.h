/* SPDX-License-Identifier: GPL-2.0-only */
/* suite.c: the cipher suites that the kernel's record layer supports. */
#ifndef KSC_SUITE_H
#define KSC_SUITE_H

#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>

/**
 * struct ksc_cipher - an AEAD that both GnuTLS and the module support
 * @name: as GnuTLS names it, in priority strings and configuration files
 * @cipher: GnuTLS's number
 * @key_len: size of the key in bytes
 * @iv_len: size of the nonce's implicit part in TLS 1.2, in bytes
 * @tls13: IANA number of the TLS 1.3 suite
 * @ecdhe_ecdsa: IANA number with TLS 1.2 and ECDHE-ECDSA
 * @ecdhe_rsa: IANA number with TLS 1.2 and ECDHE-RSA, 0 if none is defined
 * @dhe_rsa: IANA number with TLS 1.2 and DHE-RSA
 */
struct ksc_cipher {
	const char *name;
	gnutls_cipher_algorithm_t cipher;
	size_t key_len;
	size_t iv_len;
	uint16_t tls13;
	uint16_t ecdhe_ecdsa;
	uint16_t ecdhe_rsa;
	uint16_t dhe_rsa;
};

#define KSC_N_CIPHERS 4

/* In order of preference. */
extern const struct ksc_cipher ksc_ciphers[KSC_N_CIPHERS];

const struct ksc_cipher *ksc_cipher_by_name(const char *name);
const struct ksc_cipher *ksc_cipher_by_gnutls(gnutls_cipher_algorithm_t cipher);
const struct ksc_cipher *ksc_cipher_by_suite(uint16_t number);
uint16_t ksc_suite_number(const struct ksc_cipher *cipher,
			  gnutls_protocol_t version,
			  gnutls_kx_algorithm_t kx);

#endif
