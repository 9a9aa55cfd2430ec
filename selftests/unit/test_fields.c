// SPDX-License-Identifier: GPL-2.0-only
/* fields.c: what follows the event's name in a line of the log. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "process/fields.h"

static void values(void **state)
{
	static const struct {
		const char *value;
		const char *text;
	} cases[] = {
		{ "web", " k=web" },
		{ "[2001:db8::1]:443", " k=[2001:db8::1]:443" },
		{ "*.example.com", " k=*.example.com" },
		{ "two words", " k=\"two words\"" },
		/* another field is what a name may want to look like */
		{ "x status=ok", " k=\"x status=ok\"" },
		{ "x\" status=\"ok", " k=\"x\\\" status=\\\"ok\"" },
		{ "x\\", " k=\"x\\\\\"" },
		{ "a=b", " k=\"a=b\"" },
		{ "\xc3\xa4", " k=\"\xc3\xa4\"" },
		{ "line\nevent=ready", " k=\"line\nevent=ready\"" },
		{ "", "" },
		{ NULL, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ksc_fields fields = { .len = 0 };

		ksc_fields_add(&fields, "k", cases[i].value);
		assert_string_equal(fields.text, cases[i].text);
		assert_int_equal(fields.len, strlen(fields.text));
	}
}

static void several(void **state)
{
	struct ksc_fields fields = { .len = 0 };

	(void)state;
	ksc_fields_add(&fields, "role", "server");
	ksc_fields_add(&fields, "rule", "");
	ksc_fields_number(&fields, "ms", 0);
	ksc_fields_number(&fields, "context", ULONG_MAX);
	assert_string_equal(fields.text, " role=server ms=0 context=18446744073709551615");
}

/* What there is no room for is cut off, and so is what follows. */
static void full(void **state)
{
	char value[1200];
	size_t len;

	(void)state;
	for (len = 1; len < sizeof(value); len++) {
		struct ksc_fields fields = { .len = 0 };
		const size_t whole = strlen(" k=\"\"") + 2 * len;
		const bool fits = whole + strlen("...") < sizeof(fields.text);

		memset(value, '"', len);
		value[len] = '\0';
		ksc_fields_add(&fields, "k", value);
		assert_int_equal(fields.len, strlen(fields.text));
		assert_string_equal(fields.text + fields.len - 3, fits ? "\\\"\"" : "..\"");
		if (fits)
			assert_int_equal(fields.len, whole);
		else
			assert_in_range(fields.len, sizeof(fields.text) - 4,
					sizeof(fields.text) - 1);
		ksc_fields_add(&fields, "l", "m");
		assert_int_equal(fields.len, strlen(fields.text));
		assert_int_equal(!!strstr(fields.text, " l=m"),
				 whole + strlen(" l=\"...\"") < sizeof(fields.text));
	}
}

/* Neither is there room for a value that needs no quotes. */
static void long_word(void **state)
{
	struct ksc_fields fields = { .len = 0 };
	char value[1200];

	(void)state;
	memset(value, 'x', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	ksc_fields_add(&fields, "k", value);
	assert_in_range(fields.len, sizeof(fields.text) - 4, sizeof(fields.text) - 1);
	assert_string_equal(fields.text + fields.len - 4, "...\"");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(several),
		cmocka_unit_test(full),
		cmocka_unit_test(long_word),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
