// SPDX-License-Identifier: GPL-2.0-only
/* record.c: whole records at the start of a buffer, and other data. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include <gnutls/gnutls.h>

#include "engine/record.h"

static const uint8_t two[] = { 22, 3, 1, 0, 3, 1, 2, 3, 20, 3, 3, 0, 1, 1 };

static void scan__every_prefix(void **state)
{
	struct ksc_records r;
	size_t len;

	(void)state;
	for (len = 0; len <= sizeof(two); len++) {
		ksc_records_scan(two, len, &r);
		assert_null(r.error);
		if (len < 8) {
			assert_int_equal(r.whole, 0);
			assert_int_equal(r.need, len < 5 ? 5 - len : 8 - len);
		} else if (len < 14) {
			assert_int_equal(r.whole, 8);
			assert_int_equal(r.need, len < 13 ? 13 - len : 14 - len);
		} else {
			assert_int_equal(r.whole, 14);
			assert_int_equal(r.need, 5);
		}
	}
}

static void scan__empty_record(void **state)
{
	static const uint8_t empty[] = { 23, 3, 3, 0, 0 };
	struct ksc_records r;

	(void)state;
	ksc_records_scan(empty, sizeof(empty), &r);
	assert_int_equal(r.whole, 5);
	assert_null(r.error);
}

static void scan__garbage_behind_records(void **state)
{
	uint8_t buf[sizeof(two) + 1];
	struct ksc_records r;

	(void)state;
	memcpy(buf, two, sizeof(two));
	buf[sizeof(two)] = 'G';
	ksc_records_scan(buf, sizeof(buf), &r);
	assert_int_equal(r.whole, sizeof(two));
	assert_non_null(r.error);
	assert_int_equal(r.alert, GNUTLS_A_UNEXPECTED_MESSAGE);
}

static void scan__header_faults(void **state)
{
	static const struct {
		size_t len;
		uint8_t bytes[6];
		uint8_t alert;
	} faults[] = {
		{ 1, { 19 }, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ 1, { 24 }, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ 2, { 22, 2 }, GNUTLS_A_PROTOCOL_VERSION },
		{ 2, { 22, 4 }, GNUTLS_A_PROTOCOL_VERSION },
		{ 5, { 22, 3, 3, 0x48, 0x01 }, GNUTLS_A_RECORD_OVERFLOW },
		{ 5, { 20, 3, 3, 0, 0 }, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ 5, { 20, 3, 3, 0, 2 }, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ 5, { 20, 3, 3, 1, 1 }, GNUTLS_A_UNEXPECTED_MESSAGE },
		{ 6, { 20, 3, 3, 0, 1, 0x11 }, GNUTLS_A_UNEXPECTED_MESSAGE },
	};
	static const uint8_t largest[] = { 22, 3, 3, 0x48, 0x00 };
	struct ksc_records r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		/* No sooner and no later than at the wrong byte. */
		ksc_records_scan(faults[i].bytes, faults[i].len - 1, &r);
		assert_null(r.error);
		ksc_records_scan(faults[i].bytes, faults[i].len, &r);
		assert_non_null(r.error);
		assert_int_equal(r.alert, faults[i].alert);
		assert_int_equal(r.whole, 0);
		assert_int_equal(r.need, 0);
	}
	ksc_records_scan(largest, sizeof(largest), &r);
	assert_null(r.error);
	assert_int_equal(r.need, (1 << 14) + 2048);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan__every_prefix),
		cmocka_unit_test(scan__empty_record),
		cmocka_unit_test(scan__garbage_behind_records),
		cmocka_unit_test(scan__header_faults),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}
