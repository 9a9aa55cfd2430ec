// SPDX-License-Identifier: GPL-2.0-only
/* host.c: which strings are host names. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "engine/host.h"

#define L63	"a23456789012345678901234567890123456789012345678901234567890123"
#define L61	"a2345678901234567890123456789012345678901234567890123456789ab"
#define N253	L63 "." L63 "." L63 "." L61

typedef const char *taker(const char *text, char *host);

/**
 * struct name - a name, and the result
 * @text: the name
 * @host: its form, or NULL when it is none
 * @why: what is the matter then
 */
struct name {
	const char *text;
	const char *host;
	const char *why;
};

static void expect(taker *take, const struct name *names, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char host[KSC_MAX_NAME + 1] = "";
		const char *why = take(names[i].text, host);

		if (names[i].host) {
			if (why)
				fail_msg("%s: %s", names[i].text, why);
			assert_string_equal(host, names[i].host);
		} else if (!why || !strstr(why, names[i].why)) {
			fail_msg("%s: %s", names[i].text, why ? why : host);
		}
	}
}

static void hosts(void **state)
{
	static const struct name names[] = {
		{ "a", "a", NULL }, { "a.test", "a.test", NULL }, { "A.Test.", "A.Test", NULL },
		{ "1a.2b", "1a.2b", NULL }, { "my_host", "my_host", NULL },
		{ "_a._b.test", "_a._b.test", NULL }, { "a--b.c", "a--b.c", NULL },
		{ L63 ".test", L63 ".test", NULL }, { N253, N253, NULL }, { N253 ".", N253, NULL },
		{ "b\303\274cher.test.", "xn--bcher-kva.test", NULL },
		/* composed, or of two characters: it is the same name */
		{ "bu\314\210cher.test", "xn--bcher-kva.test", NULL },
		{ "\346\227\245\346\234\254\343\200\202jp", "xn--wgv71a.jp", NULL },
		{ "192.0.2.1", "192.0.2.1", NULL }, { "::1", "::1", NULL },
		{ "FE80:0::1%eth0", "fe80::1", NULL },
		{ "", NULL, "empty" }, { ".", NULL, "empty label" }, { "..", NULL, "empty label" },
		{ ".a", NULL, "empty label" }, { "a..b", NULL, "empty label" },
		{ "a..", NULL, "empty label" }, { "-x", NULL, "hyphen" },
		{ "a.x-", NULL, "hyphen" },
		{ "xn--a-.test", NULL, "hyphen" },
		{ L63 "b", NULL, "63" }, { N253 "c", NULL, "253" },
		{ "a b", NULL, "blank" }, { " a", NULL, "blank" }, { "a\t", NULL, "blank" },
		{ "a\177", NULL, "control" }, { "*", NULL, "wildcard" },
		{ "*.a.b", NULL, "wildcard" },
		{ "a*.b", NULL, "wildcard" }, { "a,b", NULL, "character" },
		{ "a:1", NULL, "character" },
		{ "[::1]", NULL, "character" }, { "a@b", NULL, "character" },
		{ "192.0.2.1.", NULL, "number" }, { "127.1", NULL, "number" },
		{ "1", NULL, "number" },
		{ "192.0.2.1%1", NULL, "character" }, { "::1%", NULL, "character" },
		{ "\377\376", NULL, "RFC 5891" }, { "a_\303\274.test", NULL, "underscore" },
		{ "\303\274 a", NULL, "blank" }, { "\303\274,a", NULL, "character" },
		{ "*.\303\274.test", NULL, "wildcard" },
	};
	char longest[KSC_MAX_NAME + 2];

	(void)state;
	expect(ksc_host_take, names, sizeof(names) / sizeof(names[0]));
	memset(longest, 'a', sizeof(longest));
	longest[KSC_MAX_NAME + 1] = '\0';
	assert_non_null(strstr(ksc_host_take(longest, longest), "255"));
}

static void patterns(void **state)
{
	static const struct name names[] = {
		{ "a.b.", "a.b", NULL }, { "*.b", "*.b", NULL }, { "*.b_c.d.", "*.b_c.d", NULL },
		{ "*.b\303\274cher.test", "*.xn--bcher-kva.test", NULL },
		{ "*", NULL, "wildcard" }, { "*.", NULL, "empty" }, { "*.*.a", NULL, "wildcard" },
		{ "a.*.b", NULL, "wildcard" }, { "*a.b", NULL, "wildcard" },
		{ "*.192.0.2.1", NULL, "address" },
		{ "::1", NULL, "address" }, { "*." N253, NULL, "253" },
	};
	static const struct name served[] = {
		{ "a.b.", "a.b", NULL }, { "*.b.c", "*.b.c", NULL }, { "a", "a", NULL },
		{ "*.com", NULL, "top-level" }, { "*.com.", NULL, "top-level" },
		{ "a_b.c", NULL, "underscore" }, { "192.0.2.1", NULL, "address" },
	};

	(void)state;
	expect(ksc_host_take_pattern, names, sizeof(names) / sizeof(names[0]));
	expect(ksc_host_take_served, served, sizeof(served) / sizeof(served[0]));
}

static void lists(void **state)
{
	static const struct name names[] = {
		{ "a.", "a", NULL },
		{ "a.,b\303\274cher.test,::0001", "a,xn--bcher-kva.test,::1", NULL },
		{ "*", "*", NULL }, { "a,*", "a,*", NULL },
		{ ",", NULL, "empty" }, { "a,", NULL, "empty" }, { "a,-b", NULL, "hyphen" },
		{ "*.a", NULL, "wildcard" }, { "a, b", NULL, "blank" },
	};
	char text[KSC_MAX_NAME + 2] = "", list[KSC_MAX_NAME + 1];
	size_t at;

	(void)state;
	expect(ksc_host_take_list, names, sizeof(names) / sizeof(names[0]));
	assert_true(ksc_host_is_unknown("*"));
	assert_true(ksc_host_is_unknown("a,*"));
	assert_false(ksc_host_is_unknown("a,b"));
	/* Longer when it is ASCII */
	for (at = 0; at + 6 <= KSC_MAX_NAME; at += 6)
		memcpy(text + at, "\303\274\303\274x,", 7);
	text[at - 1] = '\0';
	assert_non_null(strstr(ksc_host_take_list(text, list), "255"));
	memset(text, 'a', sizeof(text) - 1);
	assert_non_null(strstr(ksc_host_take_list(text, list), "255"));
}

/* A client asks for nothing at which a server ends the handshake. */
static void asked_for(void **state)
{
	(void)state;
	assert_true(ksc_host_can_be_asked_for("a.test"));
	assert_true(ksc_host_can_be_asked_for("xn--bcher-kva.test"));
	assert_false(ksc_host_can_be_asked_for("a_b.test"));
	assert_false(ksc_host_can_be_asked_for("192.0.2.1"));
	assert_false(ksc_host_can_be_asked_for("fe80::1"));
	assert_false(ksc_host_can_be_asked_for("*"));
	assert_false(ksc_host_can_be_asked_for(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts),
		cmocka_unit_test(patterns),
		cmocka_unit_test(lists),
		cmocka_unit_test(asked_for),
	};

	return cmocka_run_group_tests_name("host", tests, NULL, NULL);
}
