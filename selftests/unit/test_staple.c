// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stapled OCSP responses: they are enforced, and the certificates in them cost no more than
 * those of the chain.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "engine/chain.h"
#include "engine/staple.h"
#include "outcome.h"
#include "powers.h"

#define ROLES		2
#define VERSIONS	2

/**
 * struct der - bytes that grow at both ends
 * @data: the bytes
 * @len: number of bytes
 */
struct der {
	uint8_t data[1 << 16];
	size_t len;
};

static void read_file(struct der *der, const char *name, const char *ending)
{
	FILE *file = fopen(cert_path(name, ending), "re");

	assert_non_null(file);
	der->len = fread(der->data, 1, sizeof(der->data), file);
	(void)fclose(file);
	assert_in_range(der->len, 100, sizeof(der->data) - 1);
}

static void prepend(struct der *der, const void *data, size_t len)
{
	assert_true(len <= sizeof(der->data) - der->len);
	memmove(der->data + len, der->data, der->len);
	memcpy(der->data, data, len);
	der->len += len;
}

static void append(struct der *der, const void *data, size_t len)
{
	assert_true(len <= sizeof(der->data) - der->len);
	memcpy(der->data + der->len, data, len);
	der->len += len;
}

static void wrap(struct der *der, uint8_t tag)
{
	const uint8_t high = (uint8_t)(der->len >> 8), low = (uint8_t)der->len;

	if (der->len < 0x80)
		prepend(der, (uint8_t[]) { tag, low }, 2);
	else if (der->len < 0x100)
		prepend(der, (uint8_t[]) { tag, 0x81, low }, 3);
	else
		prepend(der, (uint8_t[]) { tag, 0x82, high, low }, 4);
}

/* The vector of RFC 8446 3.4, with its length in @width bytes */
static void count(struct der *der, unsigned int width)
{
	const size_t len = der->len;

	for (unsigned int i = 0; i < width; i++)
		prepend(der, &(uint8_t) { (uint8_t)(len >> 8 * i) }, 1);
}

/* What is in it; the rest must be nothing else */
static void unwrap(struct der *der, size_t before)
{
	const size_t head = before + 2 + (der->data[before + 1] & 0x80 ?
					  der->data[before + 1] & 0x7f : 0);

	der->len -= head;
	memmove(der->data, der->data + head, der->len);
}

/* A response without a valid signer, with some certificates in it, RFC 6960 4.2.1 */
static void respond(struct der *der, const char *cert, unsigned int n)
{
	static const uint8_t basic[] = { 6, 9, 0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1 };
	static const uint8_t successful[] = { 10, 1, 0 };
	static struct der crt, certs;

	read_file(der, "bare", "ocsp");
	unwrap(der, 0);
	unwrap(der, sizeof(successful));
	unwrap(der, 0);
	unwrap(der, sizeof(basic));
	unwrap(der, 0);
	if (n) {
		read_file(&crt, cert, "crt.der");
		for (certs.len = 0; n; n--)
			append(&certs, crt.data, crt.len);
		wrap(&certs, 0x30);
		wrap(&certs, 0xa0);
		append(der, certs.data, certs.len);
	}
	wrap(der, 0x30);
	wrap(der, 4);
	prepend(der, basic, sizeof(basic));
	wrap(der, 0x30);
	wrap(der, 0xa0);
	prepend(der, successful, sizeof(successful));
	wrap(der, 0x30);
}

/* A Certificate message of TLS 1.3; the first @staples certificates have the response */
static void show(struct der *msg, const struct der *response, unsigned int n,
		 unsigned int staples, unsigned int twice)
{
	static struct der crt, entry, status;

	for (msg->len = 0; n; n--) {
		read_file(&crt, "responder-exponent-32", "crt.der");
		count(&crt, 3);
		entry.len = 0;
		for (unsigned int i = 0; staples && i <= twice; i++) {
			status.len = 0;
			append(&status, response->data, response->len);
			count(&status, 3);
			prepend(&status, "\1", 1);
			count(&status, 2);
			prepend(&status, "\0\5", 2);
			append(&entry, status.data, status.len);
		}
		count(&entry, 2);
		append(msg, crt.data, crt.len);
		append(msg, entry.data, entry.len);
		if (staples)
			staples--;
	}
	count(msg, 3);
	prepend(msg, "", 1);
}

static int check(const struct der *msg, const char **why)
{
	const gnutls_datum_t body = { (unsigned char *)msg->data, (unsigned int)msg->len };

	return ksc_chain_check(&body, true, NULL, why);
}

static int open_response(const struct der *der, const char **why)
{
	const gnutls_datum_t body = { (unsigned char *)der->data, (unsigned int)der->len };

	return ksc_staple_check(&body, why);
}

static const struct {
	const char *name;
	const char *word;
} keys[] = {
	{ "responder-huge-modulus", "8192 bits" },
	{ "responder-huge-exponent", "32 bits" },
	{ "responder-modulus-8193", "8192 bits" },
	{ "responder-exponent-33", "32 bits" },
	{ "responder-large-enough", NULL },
	{ "responder-dsa-huge-group", "256 bits" },
	{ "responder-dsa-3073", "3072 bits" },
	{ "responder-dsa-3072-256", NULL },
};

#define N_KEYS	(sizeof(keys) / sizeof(keys[0]))

/* Its size, its form, how many certificates are in it, and the key of each */
static void responses(void **state)
{
	static struct der der;
	const char *why;

	(void)state;
	for (size_t i = 0; i < N_KEYS; i++)
		for (unsigned int n = 1; n <= 2; n++) {
			respond(&der, keys[i].name, n);
			assert_int_equal(open_response(&der, &why), keys[i].word ?
					 GNUTLS_E_CERTIFICATE_ERROR : 0);
			assert_int_equal(!why, !keys[i].word);
			if (why)
				assert_non_null(strstr(why, keys[i].word));
		}
	respond(&der, NULL, 0);
	assert_int_equal(open_response(&der, &why), 0);
	respond(&der, "responder-exponent-32", KSC_MAX_RESPONDERS);
	assert_int_equal(open_response(&der, &why), 0);
	respond(&der, "responder-exponent-32", KSC_MAX_RESPONDERS + 1);
	assert_int_equal(open_response(&der, &why), GNUTLS_E_CERTIFICATE_ERROR);
	assert_non_null(strstr(why, "certificates"));
	respond(&der, "responder-exponent-32", KSC_MAX_STAPLE / 512);
	assert_true(der.len > KSC_MAX_STAPLE);
	assert_int_equal(open_response(&der, &why), GNUTLS_E_CERTIFICATE_ERROR);
	assert_non_null(strstr(why, "16384 bytes"));
	/* an error response has nothing that could be used */
	der.len = 0;
	append(&der, "\x30\3\n\1\3", 5);
	assert_int_equal(open_response(&der, &why), 0);
	respond(&der, "responder-exponent-32", 1);
	/* libtasn1 takes the first two bytes for one without anything in it */
	for (size_t len = der.len; --len > 2;) {
		der.len = len;
		if (open_response(&der, &why) != GNUTLS_E_CERTIFICATE_ERROR || !why)
			fail_msg("%zu bytes", len);
	}
	assert_int_equal(powers, 0);
}

/* With which certificates they come, and how often each is tried */
static void messages(void **state)
{
	static struct der der, msg;
	const char *why;
	size_t whole;

	(void)state;
	respond(&der, NULL, 0);
	for (unsigned int n = 1; n <= 17; n++)
		for (unsigned int staples = 0; staples <= n; staples++) {
			unsigned int tries = 0;
			bool refused;

			for (unsigned int i = 0; i < staples; i++)
				tries += n - i;
			/* seventeen certificates are too many, whatever comes with them */
			refused = tries > KSC_MAX_STAPLE_TRIES || n > 16;
			show(&msg, &der, n, staples, 0);
			assert_int_equal(check(&msg, &why),
					 refused ? GNUTLS_E_CERTIFICATE_ERROR : 0);
			assert_int_equal(!why, !refused);
		}
	show(&msg, &der, 1, 1, 1);
	assert_int_equal(check(&msg, &why), GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER);
	show(&msg, &der, 2, 1, 0);
	whole = msg.len;
	for (msg.len = 0; msg.len < whole; msg.len++)
		assert_true(check(&msg, &why) < 0);
	/* behind the first, too */
	for (size_t i = 0; i < N_KEYS; i++) {
		respond(&der, keys[i].name, 1);
		show(&msg, &der, 2, 2, 0);
		assert_int_equal(check(&msg, &why), keys[i].word ? GNUTLS_E_CERTIFICATE_ERROR : 0);
	}
	assert_int_equal(powers, 0);
}

/* Its framing; GnuTLS does not parse other types either */
static void lengths(void **state)
{
	static struct der der, msg;
	size_t at;
	const char *why;

	(void)state;
	respond(&der, "responder-huge-modulus", 1);
	show(&msg, &der, 1, 1, 0);
	/* type and length of the response */
	at = msg.len - der.len - 4;
	assert_int_equal(msg.data[at], 1);
	msg.data[at] = 2;
	assert_int_equal(check(&msg, &why), 0);
	msg.data[at] = 1;
	msg.data[at + 3]--;
	assert_true(check(&msg, &why) < 0);
	msg.data[at + 3] += 2;
	assert_true(check(&msg, &why) < 0);
	msg.data[at + 3]--;
	/* length of the extension */
	msg.data[at - 1]--;
	assert_true(check(&msg, &why) < 0);
	msg.data[at - 1] += 2;
	assert_true(check(&msg, &why) < 0);
}

static struct outcome meet_stapling(enum ksc_role role, bool tls12, const char *cert,
				    const struct der *staple, size_t chunk)
{
	const struct cred_options cred = {
		.cert = role == KSC_ROLE_SERVER ? "server" : NULL, .ca = "ca",
		.verify = KSC_VERIFY_REQUIRE,
	};
	const struct peer_options opt = {
		.server = role == KSC_ROLE_CLIENT, .cert = cert, .tls12 = tls12, .tls13 = !tls12,
		.staple = staple ? staple->data : NULL, .staple_len = staple ? staple->len : 0,
	};
	struct ksc_engine_params params = {
		.credentials = creds_new(&cred, 1), .role = role, .server_name = "server.test",
	};
	struct side *side = side_new(&params);
	struct peer *peer = peer_new(&peer_gnutls, &opt);
	struct outcome o = { 0 };

	powers = 0;
	o.status = shake(side, peer, chunk);
	o.alert = side->step.alert;
	o.direction = side->step.direction;
	memcpy(o.text, side->step.text, sizeof(o.text));
	side_free(side);
	peer_free(peer);
	ksc_credentials_put(params.credentials);
	return o;
}

static struct outcome answered(const char *cert, const char *response, bool tls12)
{
	static struct der der;

	if (response)
		read_file(&der, response, "ocsp");
	return meet_stapling(KSC_ROLE_CLIENT, tls12, cert, response ? &der : NULL, WHOLE);
}

/* What stapling is for */
static void meanings(void **state)
{
	static const struct {
		const char *cert;
		const char *response;
		int alert;
	} table[] = {
		{ "server", NULL, -1 },
		{ "server", "good", -1 },
		{ "server", "delegated", -1 },
		{ "server", "revoked", GNUTLS_A_CERTIFICATE_REVOKED },
		{ "server", "delegated-revoked", GNUTLS_A_CERTIFICATE_REVOKED },
		/* another's */
		{ "rsa", "good", GNUTLS_A_BAD_CERTIFICATE },
		{ "must-staple", NULL, GNUTLS_A_BAD_CERTIFICATE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		for (int tls12 = 0; tls12 < VERSIONS; tls12++) {
			struct outcome o = answered(table[i].cert, table[i].response, tls12);

			if (table[i].alert < 0 ? o.status != KSC_STATUS_OK :
			    o.status != KSC_STATUS_PEER_REJECTED || o.alert != table[i].alert)
				fail_msg("%s, %s, TLS 1.%d: %s: %s (%d)", table[i].cert,
					 table[i].response, 3 - tls12, ksc_status_name(o.status),
					 o.text, o.alert);
		}
}

static void refused(enum ksc_role role, bool tls12, const struct der *der, size_t chunk,
		    const char *word)
{
	struct outcome o = meet_stapling(role, tls12, "server", der, chunk);

	if (o.status != KSC_STATUS_PEER_REJECTED || !strstr(o.text, word))
		fail_msg("%d, TLS 1.%d: %s: %s", role, 3 - tls12, ksc_status_name(o.status),
			 o.text);
	assert_int_equal(o.alert, GNUTLS_A_BAD_CERTIFICATE);
	assert_int_equal(o.direction, KSC_DIRECTION_SENT);
	assert_int_equal(powers, 0);
}

/* From each library that can send them, in either version; also in many fragments */
static void handshakes(void **state)
{
	static struct der der;

	(void)state;
	for (int i = 0; i < ROLES * VERSIONS; i++) {
		const enum ksc_role role = i & 1 ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT;
		const bool tls12 = i & 2;

		/* only servers do that in TLS 1.2 */
		if (role == KSC_ROLE_SERVER && tls12)
			continue;
		for (size_t k = 0; k < N_KEYS; k++) {
			respond(&der, keys[k].name, 1);
			if (keys[k].word) {
				refused(role, tls12, &der, WHOLE, keys[k].word);
				refused(role, tls12, &der, 1000, keys[k].word);
			}
		}
		respond(&der, "responder-exponent-32", KSC_MAX_RESPONDERS + 1);
		refused(role, tls12, &der, WHOLE, "certificates");
		respond(&der, "responder-exponent-32", KSC_MAX_STAPLE / 512);
		refused(role, tls12, &der, WHOLE, "16384 bytes");
		der.len = 100;
		refused(role, tls12, &der, WHOLE, "cannot be parsed");
	}
}

/* One that fits is looked at; the counter counts. */
static void tried(void **state)
{
	static struct der der;

	(void)state;
	respond(&der, "responder-exponent-32", 1);
	for (int tls12 = 0; tls12 < VERSIONS; tls12++) {
		struct outcome o = meet_stapling(KSC_ROLE_CLIENT, tls12, "server", &der, WHOLE);

		assert_int_equal(o.status, KSC_STATUS_PEER_REJECTED);
		assert_non_null(strstr(o.text, "OCSP"));
		assert_int_not_equal(powers, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(responses),
		cmocka_unit_test(messages),
		cmocka_unit_test(lengths),
		cmocka_unit_test(meanings),
		cmocka_unit_test(handshakes),
		cmocka_unit_test(tried),
	};

	return cmocka_run_group_tests_name("staple", tests, NULL, NULL);
}
