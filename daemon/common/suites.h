/* SPDX-License-Identifier: GPL-2.0-only */
/* suites.c: names and properties of IANA's numbers. */
#ifndef KSC_SUITES_H
#define KSC_SUITES_H

#include <stdint.h>

/**
 * struct ksc_suite - a cipher suite
 * @id: IANA number
 * @name: IANA name
 * @cipher: name of the AEAD
 * @cipher_bits: size of its key in bits
 * @tag_bits: size of its tag in bits
 * @hash: name of the hash function of the key derivation
 * @hash_bits: size of its output in bits
 */
struct ksc_suite {
	uint16_t id;
	const char *name;
	const char *cipher;
	uint16_t cipher_bits;
	uint16_t tag_bits;
	const char *hash;
	uint16_t hash_bits;
};

const struct ksc_suite *ksc_suite_find(uint16_t id);
const char *ksc_suite_name(uint16_t id);
const char *ksc_suite_cipher(uint16_t id);
const char *ksc_group_name(uint16_t id);
const char *ksc_signature_name(uint16_t id);

#endif
