// SPDX-License-Identifier: GPL-2.0-only
/*
 * Less than 112 bits of security, and hashes that are not collision resistant: rejected
 * anywhere in a chain.
 */
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "outcome.h"

/* What is weak, and which CA it is trusted by; the rest of it is no reason to refuse */
static const struct {
	const char *cert;
	const char *ca;
	bool taken;
	bool tls13_too;
} chains[] = {
	{ "strong", "ca", true, true },
	{ "behind-strong-issuer", "ca", true, true },
	{ "weak", "ca", false, true },
	/* which TLS 1.3 has no signatures of; and in TLS 1.2 no server uses what we don't offer */
	{ "p192", "ca", false, false },
	{ "sha1", "ca", false, true },
	{ "behind-weak-issuer", "ca", false, true },
	{ "behind-p192-issuer", "ca", false, true },
	{ "behind-sha1-issuer", "ca", false, true },
	{ "below-weak-root", "weak-root", false, true },
};

#define N_CHAINS	(sizeof(chains) / sizeof(chains[0]))

/* OpenSSL sends anything if configured so; its own checks are not tested here. */
static struct peer_options shows(size_t i, bool server, bool tls12)
{
	return (struct peer_options) {
		.server = server, .cert = chains[i].cert, .tls12 = tls12, .tls13 = !tls12,
		.cipher = "ALL:@SECLEVEL=0", .server_name = server ? NULL : "server.test",
	};
}

static void check(const struct outcome *o, size_t i, bool tls12, const char *role)
{
	const bool taken = o->status == KSC_STATUS_OK;

	if (taken != chains[i].taken)
		fail_msg("%s, TLS 1.%d, %s: %s: %s", role, tls12 ? 2 : 3, chains[i].cert,
			 ksc_status_name(o->status), o->text);
	if (taken || (!strcmp(chains[i].cert, "p192") && !strcmp(role, "client") &&
		      o->status == KSC_STATUS_ALERT_RECEIVED))
		return;
	if (o->status != KSC_STATUS_PEER_REJECTED || !strstr(o->text, "insecure") ||
	    o->direction != KSC_DIRECTION_SENT)
		fail_msg("%s, TLS 1.%d, %s: %s: %s", role, tls12 ? 2 : 3, chains[i].cert,
			 ksc_status_name(o->status), o->text);
}

/* By our client, by our server, and by either where a rule says which versions there are */
static void walk(gnutls_protocol_t min, gnutls_protocol_t max)
{
	struct ksc_rules *rules = ksc_rules_new();
	struct ksc_rule *rule = ksc_rules_add(rules);
	struct ksc_engine_params params = { .rules = rules, .rule = rule };
	size_t i;
	int tls12;

	rule->name = strdup("rule");
	assert_non_null(rule->name);
	rule->min_version = min;
	rule->max_version = max;
	for (i = 0; i < N_CHAINS; i++)
		for (tls12 = 0; tls12 < 2; tls12++) {
			const struct cred_options client = { .ca = chains[i].ca };
			const struct cred_options server = {
				.cert = "server", .ca = chains[i].ca, .verify = KSC_VERIFY_REQUIRE,
			};
			struct outcome o;

			if ((!tls12 && !chains[i].tls13_too) ||
			    (tls12 ? min == GNUTLS_TLS1_3 : max == GNUTLS_TLS1_2))
				continue;
			params.role = KSC_ROLE_CLIENT;
			params.server_name = "server.test";
			o = meet(&peer_openssl, &client, 1, params, shows(i, true, tls12));
			check(&o, i, tls12, "client");
			params.role = KSC_ROLE_SERVER;
			params.server_name = NULL;
			o = meet(&peer_openssl, &server, 1, params, shows(i, false, tls12));
			check(&o, i, tls12, "server");
		}
	ksc_rules_put(rules);
}

static void weak_keys(void **state)
{
	(void)state;
	walk(0, 0);
	walk(0, GNUTLS_TLS1_2);
	walk(GNUTLS_TLS1_3, 0);
}

/* Neither do we sign by it, nor is there anything else that such a server could do. */
static void weak_signatures(void **state)
{
	static const struct cred_options rsa = { .cert = "rsa" };
	static const struct ksc_engine_params ours[] = {
		{ .role = KSC_ROLE_SERVER },
		{ .role = KSC_ROLE_CLIENT, .server_name = "server.test" },
	};
	struct outcome o;
	size_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		const bool serve = i < 2, sha1 = i & 1;

		o = meet(&peer_gnutls, serve ? &rsa : &trusting, 1, ours[!serve],
			 (struct peer_options) {
				.tls12 = true, .server = !serve, .cert = serve ? NULL : "rsa",
				.server_name = serve ? "server.test" : NULL,
				.priority = sha1 ? ":-SIGN-ALL:+SIGN-RSA-SHA1" :
						   ":-SIGN-ALL:+SIGN-RSA-SHA256",
			 });
		assert_int_equal(o.status, !sha1 ? KSC_STATUS_OK :
				 serve ? KSC_STATUS_PROTOCOL_ERROR : KSC_STATUS_ALERT_RECEIVED);
	}
}

/* A list that credentials share judges by the same measure. */
static void shared_trust(void **state)
{
	static const struct cred_options creds[] = {
		{ .name = "server", .roles = KSC_ROLE_BIT(KSC_ROLE_SERVER), .cert = "server",
		  .verify = KSC_VERIFY_REQUIRE },
		{ .name = "client", .roles = KSC_ROLE_BIT(KSC_ROLE_CLIENT), .ca = "ca" },
	};
	struct ksc_credentials *set = creds_new(creds, 2);
	struct ksc_engine_params params = { .credentials = set, .role = KSC_ROLE_SERVER };
	size_t i;

	(void)state;
	ksc_credential_share_trust(set->list[0], set->list[1]->validation.trust);
	for (i = 0; i < N_CHAINS; i++) {
		const struct peer_options opt = shows(i, false, true);
		struct side *side;
		struct peer *peer;

		if (strcmp(chains[i].ca, "ca"))
			continue;
		side = side_new(&params);
		peer = peer_new(&peer_openssl, &opt);
		assert_int_equal(shake(side, peer, WHOLE),
				 chains[i].taken ? KSC_STATUS_OK : KSC_STATUS_PEER_REJECTED);
		side_free(side);
		peer_free(peer);
	}
	ksc_credentials_put(set);
}

/* Without verification nothing is found. */
static void unchecked(void **state)
{
	struct outcome o = connect_to("weak", "server.test", NULL, KSC_VERIFY_NONE, false);

	(void)state;
	assert_int_equal(o.status, KSC_STATUS_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(weak_keys),
		cmocka_unit_test(weak_signatures),
		cmocka_unit_test(shared_trust),
		cmocka_unit_test(unchecked),
	};

	return cmocka_run_group_tests_name("weak", tests, NULL, NULL);
}
