// SPDX-License-Identifier: GPL-2.0-only
/* rule.c, policy.c: the rules of the policy, as a file has them and as handshakes get them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <gnutls/x509.h>

#include "config/config.h"
#include "engine/engine.h"
#include "engine/peers.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS

static const char credentials[] =
	"[credential server]\n"
	"role = server\n"
	"cert = " CERTS "/server.pem\n"
	"key = " CERTS "/server.key\n"
	"max-version = 1.2\n"
	"[credential client]\n"
	"role = client\n"
	"trust = " CERTS "/ca.pem\n"
	"default = yes\n";

/* Loads credentials and these rules; complaints are left in @text without the file's name. */
static struct ksc_config *load(const char *rules, char *text, size_t size)
{
	char path[] = "/tmp/ksc-rule-XXXXXX", *raw = NULL, *colon;
	int fd = mkstemp(path);
	struct ksc_config *config;
	size_t raw_size;
	FILE *out, *f;

	assert_true(fd >= 0);
	f = fdopen(fd, "w");
	assert_non_null(f);
	fprintf(f, "%s%s", credentials, rules);
	fclose(f);
	out = open_memstream(&raw, &raw_size);
	assert_non_null(out);
	config = ksc_config_load(path, out);
	fclose(out);
	unlink(path);
	colon = strchr(raw, ':');
	snprintf(text, size, "%s", colon ? colon + 1 : raw);
	free(raw);
	return config;
}

static struct ksc_config *good(const char *rules)
{
	char text[1024];
	struct ksc_config *config = load(rules, text, sizeof(text));

	if (!config)
		fail_msg("%s", text);
	return config;
}

/* Refused with these words, and at that line behind the credentials. */
static void bad(const char *rules, unsigned int line, const char *words)
{
	char text[1024];
	struct ksc_config *config = load(rules, text, sizeof(text));

	assert_null(config);
	/* the credentials take nine */
	if (strtoul(text, NULL, 10) != line + 9 || !strstr(text, words))
		fail_msg("line %u, %s: %s", line + 9, words, text);
}

static void everything(void **state)
{
	struct ksc_config *config = good("[rule a b]\n"
					 "direction = connect\n"
					 "action = prefer\n"
					 "local = ::1\n"
					 "remote = 2001:db8::/33\n"
					 "local-port = 7\n"
					 "remote-port = 1024-65535\n"
					 "user = root\n"
					 "group = 5-7\n"
					 "credential = client\n"
					 "server-name = B\303\274cher.test.\n"
					 "alpn = h2, http/1.1\n"
					 "min-version = 1.2\n"
					 "max-version = 1.3\n"
					 "connect = tcp\n"
					 "peers = dns:*.b\303\274cher.test, uri:spiffe://a/*, email:x@y\n"
					 "[rule last]\n"
					 "local = 10.1.0.0/16\n"
					 "action = never\n");
	const struct ksc_rule *r = &config->rules->list[0];
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

	(void)state;
	assert_int_equal(config->rules->n, 2);
	assert_string_equal(r->name, "a b");
	assert_int_equal(r->line, 10);
	assert_int_equal(r->directions, KSC_RULE_DIRECTION_CONNECT);
	assert_int_equal(r->action, KSC_RULE_ACTION_PREFER);
	assert_int_equal(r->local.family, AF_INET6);
	assert_int_equal(r->local.len, 128);
	assert_int_equal(r->remote.family, AF_INET6);
	assert_int_equal(r->remote.len, 33);
	assert_memory_equal(r->remote.addr, v6, 16);
	assert_int_equal(r->local_port.min, 7);
	assert_int_equal(r->local_port.max, 7);
	assert_int_equal(r->remote_port.min, 1024);
	assert_int_equal(r->remote_port.max, 65535);
	assert_int_equal(r->uid.max, 0);
	assert_int_equal(r->gid.min, 5);
	assert_int_equal(r->gid.max, 7);
	assert_string_equal(r->credential, "client");
	assert_string_equal(r->server_name, "xn--bcher-kva.test");
	assert_int_equal(r->alpn_len, 12);
	assert_memory_equal(r->alpn, "\x02h2\x08http/1.1", 12);
	assert_int_equal(r->min_version, GNUTLS_TLS1_2);
	assert_int_equal(r->max_version, GNUTLS_TLS1_3);
	assert_int_equal(r->connect, KSC_CONNECT_TCP);
	assert_int_equal(r->n_peers, 3);
	assert_string_equal(r->peers[0], "dns:*.xn--bcher-kva.test");
	assert_int_equal(r->verify, KSC_VERIFY_REQUIRE);
	r = &config->rules->list[1];
	assert_int_equal(r->directions, 3);
	assert_int_equal(r->local.family, AF_INET);
	assert_int_equal(r->local.len, 16);
	assert_memory_equal(r->local.addr, "\x0a\x01\0\0", 4);
	assert_int_equal(r->remote.family, AF_UNSPEC);
	assert_int_equal(r->remote_port.max, 65535);
	assert_int_equal(r->uid.max, UINT32_MAX);
	assert_int_equal(r->connect, KSC_CONNECT_DEFAULT);
	assert_int_equal(r->verify, KSC_VERIFY_DEFAULT);
	ksc_config_free(config);
}

static void bad_rules(void **state)
{
	(void)state;
	bad("[rule ]\naction = never\n", 1, "name");
	bad("[rule x]\n", 1, "action is missing");
	bad("[rule x]\naction = maybe\n", 2, "not one of: require, prefer, never");
	bad("[rule x]\naction = never\ncolour = red\n", 3, "not a setting of a rule");
	bad("[rule x]\naction = never\nlocal = 10.0.0.0/33\n", 3, "not a prefix length");
	bad("[rule x]\naction = never\nlocal = 10.0.0.0/\n", 3, "not a prefix length");
	bad("[rule x]\naction = never\nlocal = 10.0.0.1/31\n", 3, "beyond its prefix");
	bad("[rule x]\naction = never\nremote = example.org\n", 3, "not an address");
	bad("[rule x]\naction = never\nremote = ::ffff:10.0.0.0/104\n", 3,
	    "IPv4 addresses are written as such");
	bad("[rule x]\naction = never\nremote = ::ffff:0:0/96\n", 3,
	    "IPv4 addresses are written as such");
	bad("[rule x]\naction = never\nlocal = 10.0.0.1\nremote = fd00::/8\n", 1,
	    "differ in address family");
	bad("[rule x]\naction = never\ncgroup = /..\n", 3, "not a path of a cgroup");
	bad("[rule x]\naction = never\ncgroup = /a/..\n", 3, "not a path of a cgroup");
	bad("[rule x]\naction = never\nremote = ::/129\n", 3, "not a prefix length");
	bad("[rule x]\naction = never\nlocal-port = 65536\n", 3, "neither a port");
	bad("[rule x]\naction = never\nlocal-port = 9-8\n", 3, "\"9-8\" is neither a port");
	bad("[rule x]\naction = never\nlocal-port = -8\n", 3, "neither a port");
	bad("[rule x]\naction = never\nuser = no-such-user\n", 3, "neither a name");
	bad("[rule x]\naction = never\ngroup = 4294967295\n", 3, "neither a name");
	bad("[rule x]\naction = never\ncgroup = a\n", 3, "not a path of a cgroup");
	bad("[rule x]\naction = never\ncgroup = /a/../b\n", 3, "not a path of a cgroup");
	bad("[rule x]\naction = never\ncgroup = /a/.\n", 3, "not a path of a cgroup");
	bad("[rule x]\naction = never\nverify = none\n", 3, "not allowed with action = never");
	bad("[rule x]\naction = require\nverify = manual\n", 3, "not one of");
	bad("[rule x]\naction = require\npeers = server.test\n", 3, "is not dns:");
	bad("[rule x]\naction = require\npeers = dns:a.*.b\n", 3, "is not dns:");
	bad("[rule x]\naction = require\npeers = dns:a\nverify = none\n", 4,
	    "needs verify = require");
	bad("[rule x]\naction = require\npeers = uri:a, dns:*.a..b\n", 3,
	    "peers: \"dns:*.a..b\" has an empty label");
	bad("[rule x]\naction = require\npeers = dns:10.0.0.1\n", 3,
	    "\"dns:10.0.0.1\" is an address");
	bad("[rule x]\naction = require\nserver-name = foo bar\n", 3,
	    "server-name: \"foo bar\" has a blank");
	bad("[rule x]\naction = require\nserver-name = *.b.test\n", 3, "wildcard");
	bad("[rule x]\naction = require\nserver-name = a.test,b.test\n", 3, "character");
	bad("[rule x]\naction = require\nserver-name =\n", 3, "empty");
	bad("[rule x]\naction = require\nmin-version = 1.3\nmax-version = 1.2\n", 1, "above");
	bad("[rule x]\naction = require\ndirection = accept\nserver-name = a\n", 1, "server-name");
	bad("[rule x]\naction = require\nconnect = soon\n", 3, "not one of: handshake, tcp");
	bad("[rule x]\naction = never\nconnect = tcp\n", 3, "not allowed with action = never");
	bad("[rule x]\naction = require\ndirection = accept\nconnect = tcp\n", 1,
	    "connect only applies to outgoing connections");
	bad("[rule x]\naction = require\ncredential = nobody\n", 1, "no credential \"nobody\"");
	bad("[rule x]\naction = require\ncredential = server\n", 1, "not for that role");
	bad("[rule x]\naction = require\ndirection = accept\ncredential = server\n"
	    "min-version = 1.3\n", 1, "none of these versions");
	bad("[rule x]\naction = require\n[rule x]\naction = never\n", 3, "already");
}

static void shadows(void **state)
{
	static const struct {
		const char *first;
		const char *second;
		bool covered;
	} cases[] = {
		{ "", "remote-port = 1\n", true },
		{ "remote-port = 1-5\n", "remote-port = 2-5\n", true },
		{ "remote-port = 1-5\n", "remote-port = 2-6\n", false },
		{ "local-port = 3\n", "remote-port = 3\n", false },
		{ "remote = 10.0.0.0/8\n", "remote = 10.1.0.0/16\n", true },
		{ "remote = 10.0.0.0/8\n", "remote = 10.0.0.0/7\n", false },
		{ "remote = 10.128.0.0/9\n", "remote = 10.127.0.0/16\n", false },
		{ "remote = 0.0.0.0/0\n", "remote = ::/0\n", false },
		{ "remote = 0.0.0.0/0\n", "remote = 1.2.3.4\n", true },
		{ "remote = 0.0.0.0/0\n", "", false },
		{ "local = ::1\n", "local = ::1\n", true },
		{ "direction = connect\n", "direction = accept\n", false },
		{ "direction = connect\n", "", false },
		{ "", "direction = accept\n", true },
		{ "user = 1-9\n", "user = 9\n", true },
		{ "user = 1-9\n", "group = 9\n", false },
		{ "group = 7\n", "group = 7\nuser = 1\n", true },
		{ "group = 7\n", "group = 6\n", false },
		{ "cgroup = /\n", "user = 1\n", false },
	};
	char rules[256], text[1024];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ksc_config *config;

		snprintf(rules, sizeof(rules), "[rule one]\naction = never\n%s"
			 "[rule two]\naction = never\n%s", cases[i].first, cases[i].second);
		config = load(rules, text, sizeof(text));
		if (!config != cases[i].covered)
			fail_msg("%s%s", rules, text);
		if (!config)
			assert_non_null(strstr(text, "rule one at line 10 covers it"));
		ksc_config_free(config);
	}
}

static void cgroups(void **state)
{
	static const struct {
		const char *first;
		const char *second;
		bool covered;
	} cases[] = {
		{ NULL, "/a", true }, { "/a", NULL, false }, { "/", "/a", true },
		{ "/a", "/a", true }, { "/a", "/a/b", true }, { "/a", "/ab", false },
		{ "/a/b", "/a", false }, { "/", NULL, false },
	};
	struct ksc_rules *rules = ksc_rules_new();
	size_t i;

	(void)state;
	ksc_rules_add(rules);
	ksc_rules_add(rules);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rules->list[0].cgroup = (char *)cases[i].first;
		rules->list[1].cgroup = (char *)cases[i].second;
		assert_int_equal(ksc_rule_covers(&rules->list[0], &rules->list[1]),
				 cases[i].covered);
	}
	rules->list[0].cgroup = NULL;
	rules->list[1].cgroup = NULL;
	ksc_rules_put(rules);
}

static void patterns(void **state)
{
	static const struct {
		const char *pattern;
		const char *name;
		unsigned int type;
		bool fits;
	} cases[] = {
		{ "dns:a.test", "A.Test", GNUTLS_SAN_DNSNAME, true },
		{ "dns:a.test", "a.test", GNUTLS_SAN_URI, false },
		{ "dns:a.test", "b.test", GNUTLS_SAN_DNSNAME, false },
		{ "dns:*.test", "b.test", GNUTLS_SAN_DNSNAME, true },
		{ "dns:*.test", "a.b.test", GNUTLS_SAN_DNSNAME, false },
		{ "dns:*.test", "test", GNUTLS_SAN_DNSNAME, false },
		{ "dns:*.test", ".test", GNUTLS_SAN_DNSNAME, false },
		/* a star in the certificate is no name that is asked for */
		{ "dns:a.test", "*.test", GNUTLS_SAN_DNSNAME, false },
		{ "uri:spiffe://a/b", "spiffe://a/b", GNUTLS_SAN_URI, true },
		{ "uri:spiffe://a/b", "spiffe://A/b", GNUTLS_SAN_URI, false },
		{ "uri:spiffe://a/b", "spiffe://a/bc", GNUTLS_SAN_URI, false },
		{ "uri:spiffe://a/*", "spiffe://a/b/c", GNUTLS_SAN_URI, true },
		{ "uri:spiffe://a/*", "spiffe://a/", GNUTLS_SAN_URI, false },
		{ "uri:spiffe://a/*", "spiffe://ab/c", GNUTLS_SAN_URI, false },
		{ "email:x@y.test", "x@Y.TEST", GNUTLS_SAN_RFC822NAME, true },
		{ "email:x@y.test", "X@y.test", GNUTLS_SAN_RFC822NAME, false },
		{ "email:*@y.test", "X@y.test", GNUTLS_SAN_RFC822NAME, true },
		{ "email:*@y.test", "@y.test", GNUTLS_SAN_RFC822NAME, false },
		{ "email:*@y.test", "x@z.y.test", GNUTLS_SAN_RFC822NAME, false },
		{ "email:x@y.test", "xx@y.test", GNUTLS_SAN_RFC822NAME, false },
		{ "email:x@y.test", "x", GNUTLS_SAN_RFC822NAME, false },
		{ "email:x", "x", GNUTLS_SAN_RFC822NAME, false },
		{ "ip:192.0.2.1", "192.0.2.1", GNUTLS_SAN_IPADDRESS, true },
		{ "ip:192.0.2.1", "192.0.2.2", GNUTLS_SAN_IPADDRESS, false },
		{ "ip:2001:db8::1", "2001:DB8:0::1", GNUTLS_SAN_IPADDRESS, true },
		{ "ip:::ffff:192.0.2.1", "192.0.2.1", GNUTLS_SAN_IPADDRESS, false },
		{ "upn:x@y.test", "X@Y.test", GNUTLS_SAN_OTHERNAME_MSUSERPRINCIPAL, true },
		{ "upn:*@y.test", "a@y.test", GNUTLS_SAN_OTHERNAME_MSUSERPRINCIPAL, true },
		{ "upn:x@y.test", "x@y.test", GNUTLS_SAN_RFC822NAME, false },
		{ "!dns:a.test", "a.test", GNUTLS_SAN_DNSNAME, true },
		{ "!dns:*.test", "b.c.test", GNUTLS_SAN_DNSNAME, false },
	};
	static const char *const wrong[] = {
		"", "a.test", "dns:", "DNS:a", "dns:a.*", "dns:*", "dns:*.", "dns:*a.test",
		"dns:*.*.test", "uri:*", "uri:a*", "uri:a/*/b", "email:x*@y", "email:*", "email:*@",
		"email:*@*", "ip:", "ip:a", "ip:1.2.3", "ip:1.2.3.4/8", "ip:*", "ski:", "ski:1",
		"ski:xx", "spki:00", "upn:", "upn:*", "!", "!!dns:a", "!a", "! dns:a",
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(ksc_peer_pattern_valid(cases[i].pattern));
		if (ksc_peer_pattern_fits(cases[i].pattern, cases[i].type, cases[i].name) !=
		    cases[i].fits)
			fail_msg("%s, %s", cases[i].pattern, cases[i].name);
	}
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		if (ksc_peer_pattern_valid(wrong[i]))
			fail_msg("%s", wrong[i]);
}

/* What the application wants beside what the rule asks for. */
static void wishes(void **state)
{
	static const struct {
		enum ksc_verify rule;
		enum ksc_verify wanted;
		int effective;
	} verify[] = {
		{ KSC_VERIFY_DEFAULT, KSC_VERIFY_NONE, KSC_VERIFY_NONE },
		{ KSC_VERIFY_DEFAULT, KSC_VERIFY_MANUAL, KSC_VERIFY_MANUAL },
		{ KSC_VERIFY_NONE, KSC_VERIFY_DEFAULT, KSC_VERIFY_NONE },
		{ KSC_VERIFY_NONE, KSC_VERIFY_MANUAL, KSC_VERIFY_MANUAL },
		{ KSC_VERIFY_NONE, KSC_VERIFY_REQUIRE, KSC_VERIFY_REQUIRE },
		{ KSC_VERIFY_REQUEST, KSC_VERIFY_DEFAULT, KSC_VERIFY_REQUEST },
		{ KSC_VERIFY_REQUEST, KSC_VERIFY_NONE, -1 },
		{ KSC_VERIFY_REQUEST, KSC_VERIFY_MANUAL, -1 },
		{ KSC_VERIFY_REQUIRE, KSC_VERIFY_REQUEST, -1 },
		{ KSC_VERIFY_REQUIRE, KSC_VERIFY_REQUIRE, KSC_VERIFY_REQUIRE },
	};
	static const uint8_t list_ab[] = { 1, 'a', 1, 'b' }, list_bc[] = { 1, 'b', 1, 'c' };
	struct ksc_rules *rules = ksc_rules_new();
	struct ksc_rule *rule = ksc_rules_add(rules);
	struct ksc_engine_params p;
	const char *less = NULL;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(verify) / sizeof(verify[0]); i++) {
		memset(&p, 0, sizeof(p));
		p.role = KSC_ROLE_CLIENT;
		rule->verify = verify[i].rule;
		p.verify = verify[i].wanted;
		assert_int_equal(ksc_rule_apply(rule, &p, &less), verify[i].effective < 0 ? -1 : 0);
		if (verify[i].effective >= 0)
			assert_int_equal(p.verify, verify[i].effective);
	}
	rule->verify = KSC_VERIFY_DEFAULT;
	rule->credential = strdup("c");
	rule->server_name = strdup("s.test");
	rule->alpn = malloc(4);
	assert_non_null(rule->alpn);
	memcpy(rule->alpn, list_ab, 4);
	rule->alpn_len = 4;
	memset(&p, 0, sizeof(p));
	p.role = KSC_ROLE_CLIENT;
	p.server_name = "";
	assert_int_equal(ksc_rule_apply(rule, &p, &less), 0);
	assert_string_equal(p.credential, "c");
	assert_string_equal(p.server_name, "s.test");
	assert_int_equal(p.alpn_len, 4);
	p.alpn = list_bc;
	p.alpn_len = 2;
	p.server_name = "S.test";
	assert_int_equal(ksc_rule_apply(rule, &p, &less), 0);
	assert_int_equal(p.alpn_len, 2);
	p.alpn = list_bc;
	p.alpn_len = 4;
	assert_int_equal(ksc_rule_apply(rule, &p, &less), -1);
	p.alpn_len = 3;
	assert_int_equal(ksc_rule_apply(rule, &p, &less), -1);
	p.alpn_len = 0;
	p.credential = "d";
	assert_int_equal(ksc_rule_apply(rule, &p, &less), -1);
	assert_string_equal(less, "another credential");
	p.credential = "c";
	p.server_name = "t.test";
	assert_int_equal(ksc_rule_apply(rule, &p, &less), -1);
	/* a server has no name to set */
	p.role = KSC_ROLE_SERVER;
	assert_int_equal(ksc_rule_apply(rule, &p, &less), 0);
	ksc_rules_put(rules);
}

/* The number changes with every word, and with nothing else. */
static void generations(void **state)
{
	struct ksc_config *a = good("[rule x]\naction = never\n");
	struct ksc_config *b = good("# a comment\n[rule x]\n\naction=never\n");
	struct ksc_config *c = good("[rule x]\naction = prefer\n");
	struct ksc_config *d = good("[rule xa]\naction = never\n");

	(void)state;
	assert_true(a->generation && a->generation == b->generation);
	assert_true(a->generation != c->generation);
	assert_true(a->generation != d->generation);
	ksc_config_free(a);
	ksc_config_free(b);
	ksc_config_free(c);
	ksc_config_free(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything),
		cmocka_unit_test(bad_rules),
		cmocka_unit_test(shadows),
		cmocka_unit_test(cgroups),
		cmocka_unit_test(patterns),
		cmocka_unit_test(wishes),
		cmocka_unit_test(generations),
	};

	return cmocka_run_group_tests_name("rule", tests, NULL, NULL);
}
