// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes a session deterministic: its randomness and its clock are fixed, so that what a peer
 * once sent fits it, keys included.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <gnutls/crypto.h>

#include "../random.h"
#include "config/account.h"
#include "config/find.h"
#include "fixed.h"

uint64_t fixed_generator;
time_t fixed_time;

/* In the place of the library's, which calls it through its own table. */
int gnutls_rnd(gnutls_rnd_level_t level, void *data, size_t len)
{
	uint8_t *bytes = data;
	size_t i;

	(void)level;
	for (i = 0; i < len; i++)
		bytes[i] = (uint8_t)(next_random(&fixed_generator) >> 32);
	return 0;
}

static time_t standing_clock(time_t *at)
{
	if (at)
		*at = fixed_time;
	return fixed_time;
}

/**
 * fixed_require() - abort where the target itself is broken
 * @condition: what has to be so
 * @what: in words
 */
void fixed_require(bool condition, const char *what)
{
	if (condition)
		return;
	fprintf(stderr, "broken: %s\n", what);
	abort();
}

/**
 * fixed_begin() - fix the clock, at the time when the certificates were made, and randomness
 */
void fixed_begin(void)
{
	struct stat made;

	REQUIRE(!stat(KSC_TEST_CERTS "/ca.pem", &made));
	fixed_time = made.st_mtime;
	gnutls_global_set_time_function(standing_clock);
	fixed_generator = 0x2545f4914f6cdd1d;
}

static void read_file(struct ksc_file *file, const char *name)
{
	const char *why;

	REQUIRE(!ksc_file_read(file, name, &why));
}

/**
 * fixed_trust() - make a credential trust the tests' authority
 * @cred: the credential
 */
void fixed_trust(struct ksc_credential *cred)
{
	struct ksc_file ca;

	read_file(&ca, KSC_TEST_CERTS "/ca.pem");
	REQUIRE(ksc_credential_set_trust(cred, &ca) > 0);
	ksc_file_free(&ca);
}

/**
 * fixed_cert() - give a credential a certificate
 * @cred: the credential
 * @cert_name: the certificate's file
 * @key_name: the key's
 */
void fixed_cert(struct ksc_credential *cred, const char *cert_name, const char *key_name)
{
	struct ksc_file cert, key;

	read_file(&cert, cert_name);
	read_file(&key, key_name);
	REQUIRE(!ksc_credential_add_cert(cred, &(struct ksc_cert_files) {
						 .cert = &cert, .key = &key,
					 }, ksc_group_members));
	ksc_file_free(&cert);
	ksc_file_free(&key);
}
