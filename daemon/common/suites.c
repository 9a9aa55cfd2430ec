// SPDX-License-Identifier: GPL-2.0-only
/* Names and properties of IANA's numbers: suites, groups and signature schemes. */
#include <stddef.h>

#include "common/suites.h"
#include "common/util.h"

#define AES128_GCM "AES-128-GCM", 128, 128, "SHA-256", 256
#define AES256_GCM "AES-256-GCM", 256, 128, "SHA-384", 384
#define AES128_CCM "AES-128-CCM", 128, 128, "SHA-256", 256
#define AES128_CCM_8 "AES-128-CCM-8", 128, 64, "SHA-256", 256
#define CHACHA20 "CHACHA20-POLY1305", 256, 128, "SHA-256", 256

/* Includes those that only raw mode supports, and the daemon never negotiates. */
static const struct ksc_suite suites[] = {
	{ 0x1301, "TLS_AES_128_GCM_SHA256", AES128_GCM },
	{ 0x1302, "TLS_AES_256_GCM_SHA384", AES256_GCM },
	{ 0x1303, "TLS_CHACHA20_POLY1305_SHA256", CHACHA20 },
	{ 0x1304, "TLS_AES_128_CCM_SHA256", AES128_CCM },
	{ 0x1305, "TLS_AES_128_CCM_8_SHA256", AES128_CCM_8 },
	{ 0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", AES128_GCM },
	{ 0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", AES256_GCM },
	{ 0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", AES128_GCM },
	{ 0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", AES256_GCM },
	{ 0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", AES128_GCM },
	{ 0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", AES256_GCM },
	{ 0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", AES128_GCM },
	{ 0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", AES256_GCM },
	{ 0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", AES128_CCM },
	{ 0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", AES128_CCM },
	{ 0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA20 },
	{ 0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA20 },
	{ 0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", CHACHA20 },
};

/**
 * struct name - name of a number
 * @id: IANA number
 * @name: its name in the RFCs
 */
struct name {
	uint16_t id;
	const char *name;
};

/* RFC 8446 4.2.7 */
static const struct name groups[] = {
	{ 23, "secp256r1" },	{ 24, "secp384r1" },	{ 25, "secp521r1" },
	{ 29, "x25519" },	{ 30, "x448" },		{ 0x100, "ffdhe2048" },
	{ 0x101, "ffdhe3072" }, { 0x102, "ffdhe4096" }, { 0x103, "ffdhe6144" },
	{ 0x104, "ffdhe8192" },
};

/* RFC 8446 4.2.3; in TLS 1.2 the curve may differ from that in the name */
static const struct name signatures[] = {
	{ 0x0201, "rsa_pkcs1_sha1" },	      { 0x0203, "ecdsa_sha1" },
	{ 0x0401, "rsa_pkcs1_sha256" },	      { 0x0501, "rsa_pkcs1_sha384" },
	{ 0x0601, "rsa_pkcs1_sha512" },	      { 0x0403, "ecdsa_secp256r1_sha256" },
	{ 0x0503, "ecdsa_secp384r1_sha384" }, { 0x0603, "ecdsa_secp521r1_sha512" },
	{ 0x0804, "rsa_pss_rsae_sha256" },    { 0x0805, "rsa_pss_rsae_sha384" },
	{ 0x0806, "rsa_pss_rsae_sha512" },    { 0x0807, "ed25519" },
	{ 0x0808, "ed448" },		      { 0x0809, "rsa_pss_pss_sha256" },
	{ 0x080a, "rsa_pss_pss_sha384" },     { 0x080b, "rsa_pss_pss_sha512" },
};

static const char *lookup(const struct name *names, size_t n, uint16_t id)
{
	for (size_t i = 0; i < n; i++)
		if (names[i].id == id)
			return names[i].name;
	return NULL;
}

/**
 * ksc_suite_find() - look up a suite
 * @id: IANA number
 *
 * Return: the suite, or NULL if the module does not know it
 */
const struct ksc_suite *ksc_suite_find(uint16_t id)
{
	for (size_t i = 0; i < ARRAY_SIZE(suites); i++)
		if (suites[i].id == id)
			return &suites[i];
	return NULL;
}

/**
 * ksc_suite_name() - name of a suite
 * @id: IANA number
 *
 * Return: IANA's name, or NULL if the module does not know the suite
 */
const char *ksc_suite_name(uint16_t id)
{
	const struct ksc_suite *suite = ksc_suite_find(id);

	return suite ? suite->name : NULL;
}

/**
 * ksc_suite_cipher() - name of a suite's cipher
 * @id: IANA number
 *
 * Return: the AEAD's name, or "?" if the module does not know the suite
 */
const char *ksc_suite_cipher(uint16_t id)
{
	const struct ksc_suite *suite = ksc_suite_find(id);

	return suite ? suite->cipher : "?";
}

/**
 * ksc_group_name() - name of a key exchange's group
 * @id: IANA number
 *
 * Return: the name, or NULL
 */
const char *ksc_group_name(uint16_t id)
{
	return lookup(groups, ARRAY_SIZE(groups), id);
}

/**
 * ksc_signature_name() - name of a signature scheme
 * @id: IANA number
 *
 * Return: the name, or NULL
 */
const char *ksc_signature_name(uint16_t id)
{
	return lookup(signatures, ARRAY_SIZE(signatures), id);
}
