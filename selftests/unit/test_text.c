// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text in the command, the daemon and the preloaded library: escaping, and the values in the
 * environment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/printable.h"
#include "ctl/ctl.h"
#include "engine/engine.h"
#include "preload/env.h"

static void expect_escaped(const char *text, const char *wanted)
{
	char *got = ctl_escape(text);

	assert_string_equal(got, wanted);
	free(got);
}

/* Nothing that a peer chose moves the cursor, colours the screen or hides. */
static void escape(void **state)
{
	(void)state;
	expect_escaped("", "");
	expect_escaped("CN=server.test, O=\"A b\"", "CN=server.test, O=\"A b\"");
	expect_escaped("\x1b[31mred\x1b]0;title\a", "\\x1b[31mred\\x1b]0;title\\x07");
	expect_escaped("a\nb\rc\td\x7f", "a\\x0ab\\x0dc\\x09d\\x7f");
	/* Or else an escape could not be distinguished from a name that looks like one. */
	expect_escaped("\\x41", "\\x5cx41");
	if (!setlocale(LC_CTYPE, "C.UTF-8"))
		skip();
	expect_escaped("gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f");
	/* Written from the right to the left, of no width, and a C1 control. */
	/* NOLINTNEXTLINE(misc-misleading-bidirectional): that it misleads is the point */
	expect_escaped("a\xe2\x80\xae" "b", "a\\xe2\\x80\\xae" "b");
	expect_escaped("a\xe2\x80\x8b" "b", "a\\xe2\\x80\\x8b" "b");
	expect_escaped("\xc2\x9b" "31m", "\\xc2\\x9b" "31m");
	/* No UTF-8: overlong, a half, a surrogate, a lone byte. */
	expect_escaped("\xc0\xaf", "\\xc0\\xaf");
	expect_escaped("a\xe2\x82", "a\\xe2\\x82");
	expect_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80");
	expect_escaped("\xff" "a", "\\xff" "a");
	setlocale(LC_CTYPE, "C");
	expect_escaped("gr\xc3\xbc", "gr\\xc3\\xbc");
}

static void expect_utf8(const char *text, const char *wanted)
{
	char *got = ctl_utf8(text);

	assert_string_equal(got, wanted);
	free(got);
}

static void utf8(void **state)
{
	(void)state;
	expect_utf8("a\xc3\xbc\xf0\x9f\x94\x92", "a\xc3\xbc\xf0\x9f\x94\x92");
	expect_utf8("\xff" "a", "\xef\xbf\xbd" "a");
	expect_utf8("\xc3", "\xef\xbf\xbd");
	expect_utf8("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");
	expect_utf8("\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	expect_utf8("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
}

static void expect_printable(const char *text, const char *wanted)
{
	char got[128], whole[KSC_MAX_TEXT + 1];

	assert_int_equal(ksc_printable(got, sizeof(got), text), strlen(wanted));
	assert_string_equal(got, wanted);
	snprintf(whole, sizeof(whole), "%s", text);
	ksc_text_printable(whole);
	assert_string_equal(whole, wanted);
}

/* What the daemon says, in whatever locale it is started. */
static void printable(void **state)
{
	static const char *const kept[] = {
		"", "CN=server.test, O=\"A b\\, c\"", "b\xc3\xbc" "cher.example", "\xc2\xa0",
		"\xd0\x9c\xd0\xb8\xd1\x80", "\xe6\x9d\xb1\xe4\xba\xac",
		"\xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d", "\xe2\x82\xac", "\xef\xbf\xbd",
		"\xf0\x9f\x94\x92",
	};
	/* what ends the text within a character, and what is none, or none to be seen */
	static const char *const escaped[] = {
		"\x1b", "\n", "\r", "\t", "\x7f", "\xc2\x80", "\xc2\x9b", "\xc2\x9f", "\xc2\xad",
		"\x80", "\xbf", "\xff", "\xfe", "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82",
		"\xf0\x9f\x94", "\xc0\xaf", "\xc1\xbf", "\xe0\x9f\xbf", "\xf0\x8f\xbf\xbf",
		"\xed\xa0\x80", "\xed\xbf\xbf", "\xf4\x90\x80\x80", "\xf7\xbf\xbf\xbf",
		/* NOLINTNEXTLINE(misc-misleading-bidirectional): that it misleads is the point */
		"\xe2\x80\xae", "\xe2\x80\xaa", "\xe2\x81\xa6", "\xe2\x81\xa9", "\xe2\x80\x8f",
		"\xd8\x9c", "\xe2\x80\x8b", "\xe2\x80\x8d", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xef\xbb\xbf", "\xef\xbf\xbe", "\xef\xbf\xbf", "\xf0\x9f\xbf\xbe",
		"\xf3\xa0\x81\x81", "\xf4\x8f\xbf\xbf",
	};
	char text[64], wanted[64], small[8];
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		expect_printable(kept[i], kept[i]);
	for (i = 0; i < ARRAY_SIZE(escaped); i++) {
		for (k = 0; escaped[i][k]; k++)
			snprintf(wanted + 4 * k, 5, "\\x%02x", (unsigned char)escaped[i][k]);
		expect_printable(escaped[i], wanted);
		/* whatever follows stays */
		snprintf(text, sizeof(text), "a%sb", escaped[i]);
		memmove(wanted + 1, wanted, strlen(wanted) + 1);
		wanted[0] = 'a';
		strcat(wanted, "b");
		expect_printable(text, wanted);
	}
	/* no part of a character, or of what stands for a byte, when the buffer is full */
	assert_int_equal(ksc_printable(small, sizeof(small), "123456\xc3\xbc"), 6);
	assert_string_equal(small, "123456");
	assert_int_equal(ksc_printable(small, sizeof(small), "12345\xc3\xbc" "6"), 7);
	assert_string_equal(small, "12345\xc3\xbc");
	assert_int_equal(ksc_printable(small, sizeof(small), "1234\a5"), 4);
	assert_int_equal(ksc_printable(small, 1, "1"), 0);
	assert_string_equal(small, "");
}

static void ids(void **state)
{
	static const char *const bad[] = { "", "x", "-1", "+1", " 1", "1 ", "1x", "0x10",
					   "18446744073709551616" };
	uint64_t id = 0;
	size_t i;

	(void)state;
	assert_true(ctl_parse_id("7", &id));
	assert_int_equal(id, 7);
	assert_true(ctl_parse_id("18446744073709551615", &id));
	assert_true(id == UINT64_MAX);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(ctl_parse_id(bad[i], &id));
}

static void alpn_lists(void **state)
{
	char longest[257];
	uint8_t wire[256];

	(void)state;
	assert_int_equal(ksc_alpn_to_wire("h2,http/1.1", wire, sizeof(wire)), 12);
	assert_memory_equal(wire, "\2h2\10http/1.1", 12);
	/* It just fits, or does not. */
	assert_int_equal(ksc_alpn_to_wire("h2", wire, 3), 3);
	assert_int_equal(ksc_alpn_to_wire("h2", wire, 2), -1);
	assert_int_equal(ksc_alpn_to_wire("h2,x", wire, 4), -1);
	assert_int_equal(ksc_alpn_to_wire("", wire, sizeof(wire)), -1);
	assert_int_equal(ksc_alpn_to_wire(",", wire, sizeof(wire)), -1);
	assert_int_equal(ksc_alpn_to_wire("h2,", wire, sizeof(wire)), -1);
	assert_int_equal(ksc_alpn_to_wire("a,,b", wire, sizeof(wire)), -1);
	memset(longest, 'a', sizeof(longest));
	longest[255] = '\0';
	assert_int_equal(ksc_alpn_to_wire(longest, wire, sizeof(wire)), 256);
	longest[255] = 'a';
	longest[256] = '\0';
	assert_int_equal(ksc_alpn_to_wire(longest, wire, sizeof(wire)), -1);
}

static void verify_values(void **state)
{
	(void)state;
	assert_int_equal(ksc_verify_value("none"), KSC_VERIFY_NONE);
	assert_int_equal(ksc_verify_value("request"), KSC_VERIFY_REQUEST);
	assert_int_equal(ksc_verify_value("require"), KSC_VERIFY_REQUIRE);
	assert_int_equal(ksc_verify_value("Require"), -1);
	assert_int_equal(ksc_verify_value(""), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(escape),
		cmocka_unit_test(utf8),
		cmocka_unit_test(printable),
		cmocka_unit_test(ids),
		cmocka_unit_test(alpn_lists),
		cmocka_unit_test(verify_values),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
