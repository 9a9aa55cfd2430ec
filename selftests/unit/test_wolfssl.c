// SPDX-License-Identifier: GPL-2.0-only
/* wolfSSL with its defaults, which omit RFC 5746's extension, in both roles and versions. */
#include <stdio.h>
#include <string.h>

#include "variant.h"

/* Its end of a session opens our records, and ours its. */
static void meets(bool we_serve, const char *cert, const struct peer_options *versions)
{
	const struct cred_options cred = { .cert = we_serve ? cert : NULL, .ca = "ca" };
	struct peer_options opt = *versions;
	struct setup s;

	opt.server = !we_serve;
	opt.cert = we_serve ? NULL : cert;
	opt.ca = we_serve ? "ca" : NULL;
	opt.server_name = we_serve ? "server.test" : NULL;
	setup(&s, &peer_wolfssl, &cred, (struct ksc_engine_params) {
		.role = we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.server_name = we_serve ? NULL : "server.test",
	}, opt);
	if (shake(s.side, s.peer, WHOLE) != KSC_STATUS_OK)
		fail_msg("we %s, %s, %d %d: %s, peer: %s", we_serve ? "serve" : "connect", cert,
			 opt.tls12, opt.tls13, s.side->step.text, s.peer->error);
	if (opt.tls12 || opt.tls13)
		assert_int_equal(s.side->step.keys.version, opt.tls12 ? 0x0303 : 0x0304);
	prove_keys(s.side, s.peer);
	teardown(&s);
}

static void each_way(void **state)
{
	static const struct peer_options versions[] = {
		{ .tls12 = true }, { .tls13 = true }, { .tls12 = false },
	};
	unsigned int i;

	(void)state;
	for (i = 0; i < 12; i++)
		meets(i & 1, i & 2 ? "rsa" : "server", &versions[i / 4]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_way),
	};

	return cmocka_run_group_tests_name("wolfssl", tests, NULL, NULL);
}
