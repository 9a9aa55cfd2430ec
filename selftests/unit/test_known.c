// SPDX-License-Identifier: GPL-2.0-only
/* Peers that are met again are described as before, and those that are not take no more room. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/known.h"
#include "side.h"

static const char *const shown[] = {
	"server", "rsa", "nosubject", "longname", "ed25519", "pss", "other-odd", "client",
};

#define N_SHOWN (sizeof(shown) / sizeof(shown[0]))

static unsigned int written;

int __real_gnutls_x509_rdn_get2(const gnutls_datum_t *dn, gnutls_datum_t *text,
				unsigned int flags);
int __wrap_gnutls_x509_rdn_get2(const gnutls_datum_t *dn, gnutls_datum_t *text,
				unsigned int flags);

int __wrap_gnutls_x509_rdn_get2(const gnutls_datum_t *dn, gnutls_datum_t *text,
				unsigned int flags)
{
	written++;
	return __real_gnutls_x509_rdn_get2(dn, text, flags);
}

static gnutls_datum_t read_der(const char *name)
{
	gnutls_datum_t pem, der;

	assert_int_equal(gnutls_load_file(cert_path(name, "pem"), &pem), 0);
	assert_int_equal(gnutls_pem_base64_decode2("CERTIFICATE", &pem, &der), 0);
	gnutls_free(pem.data);
	return der;
}

/* The first time as without any memory, the second time without the work. */
static void described_once(void **state)
{
	struct ksc_known *known = ksc_known_new();
	size_t i;

	(void)state;
	assert_non_null(known);
	for (i = 0; i < N_SHOWN; i++) {
		gnutls_datum_t der = read_der(shown[i]);
		struct ksc_peer peer, again, fresh;
		unsigned int before;

		assert_int_equal(ksc_describe(&der, known, &peer), 0);
		before = written;
		memset(&again, 0, sizeof(again));
		assert_int_equal(ksc_describe(&der, known, &again), 0);
		assert_int_equal(written, before);
		assert_int_equal(ksc_describe(&der, NULL, &fresh), 0);
		assert_true(peer.present);
		assert_memory_equal(&peer, &fresh, sizeof(peer));
		assert_memory_equal(&again, &fresh, sizeof(peer));
		gnutls_free(der.data);
	}
	assert_true(written >= N_SHOWN / 2);
	ksc_known_free(known);
}

struct made {
	uint8_t bytes[8];
	gnutls_datum_t der;
	struct ksc_peer peer;
};

static void make(struct made *made, unsigned int n)
{
	memset(made, 0, sizeof(*made));
	made->bytes[0] = (uint8_t)(n >> 8);
	made->bytes[7] = (uint8_t)n;
	made->der = (gnutls_datum_t) { made->bytes, sizeof(made->bytes) };
	made->peer.present = true;
	snprintf(made->peer.subject, sizeof(made->peer.subject), "CN=%u", n);
}

/* The last one at a place has it; another one is not taken for it. */
static void places(void **state)
{
	struct ksc_known *known = ksc_known_new();
	struct ksc_peer peer;
	struct made made;
	unsigned int n;

	(void)state;
	assert_non_null(known);
	for (n = 0; n < 1000; n++) {
		make(&made, n);
		assert_false(ksc_known_find(known, &made.der, &peer));
		ksc_known_keep(known, &made.der, &made.peer);
		assert_true(ksc_known_find(known, &made.der, &peer));
		assert_memory_equal(&peer, &made.peer, sizeof(peer));
		/* a part of it is another */
		made.der.data++;
		made.der.size--;
		assert_false(ksc_known_find(known, &made.der, &peer));
	}
	for (n = 0; n < 1000; n++) {
		make(&made, n);
		assert_int_equal(ksc_known_find(known, &made.der, &peer),
				 n >= 1000 - KSC_MAX_KNOWN);
	}
	ksc_known_free(known);
}

/* What is too long takes no memory. */
static void none(void **state)
{
	static uint8_t bytes[KSC_MAX_KNOWN_LEN + 1];
	gnutls_datum_t der = { bytes, sizeof(bytes) };
	struct ksc_known *known = ksc_known_new();
	struct ksc_peer peer = { .present = true };

	(void)state;
	assert_non_null(known);
	ksc_known_keep(known, &der, &peer);
	assert_false(ksc_known_find(known, &der, &peer));
	der.size--;
	ksc_known_keep(known, &der, &peer);
	assert_true(ksc_known_find(known, &der, &peer));
	der.size = 0;
	ksc_known_keep(known, &der, &peer);
	assert_false(ksc_known_find(known, &der, &peer));
	ksc_known_free(known);
	der.size = 1;
	ksc_known_keep(NULL, &der, &peer);
	assert_false(ksc_known_find(NULL, &der, &peer));
	ksc_known_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(described_once),
		cmocka_unit_test(places),
		cmocka_unit_test(none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
