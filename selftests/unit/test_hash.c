// SPDX-License-Identifier: GPL-2.0-only
/* hash.c: chains stay short, whatever numbers are chosen. */
#include <stdlib.h>
#include <sys/random.h>

#include "common/hash.h"
#include "side.h"

#define MANY	10000
/* Elements in a bucket; uthash adds buckets from ten on. */
#define FEW	32

/* ---- the seed, the same each time ---- */

ssize_t __wrap_getrandom(void *to, size_t len, unsigned int flags);

ssize_t __wrap_getrandom(void *to, size_t len, unsigned int flags)
{
	uint64_t *word = to;
	size_t i;

	(void)flags;
	for (i = 0; i < len / sizeof(*word); i++)
		word[i] = (i + 1) * 0x9e3779b97f4a7c15;
	return (ssize_t)len;
}

/* ---- tables ---- */

/**
 * struct element - an element
 * @hh: its place in a table
 * @number: the key
 */
struct element {
	UT_hash_handle hh;
	uint64_t number;
};

/* With keys of @size bytes; returns how many are in the fullest bucket. */
static unsigned int fill(uint64_t (*number)(uint32_t i), size_t size)
{
	struct element *all = calloc(MANY, sizeof(*all)), *table = NULL, *found;
	unsigned int longest = 0, i;

	assert_non_null(all);
	for (i = 0; i < MANY; i++) {
		all[i].number = number(i);
		HASH_ADD(hh, table, number, size, &all[i]);
		assert_true(ksc_hash_added(&all[i].hh));
	}
	for (i = 0; i < MANY; i++) {
		HASH_FIND(hh, table, &all[i].number, size, found);
		assert_ptr_equal(found, &all[i]);
	}
	for (i = 0; i < table->hh.tbl->num_buckets; i++)
		if (table->hh.tbl->buckets[i].count > longest)
			longest = table->hh.tbl->buckets[i].count;
	HASH_CLEAR(hh, table);
	free(all);
	return longest;
}

static uint64_t in_order(uint32_t i)
{
	return i;
}

/* As ranges of users begin */
static uint64_t in_ranges(uint32_t i)
{
	return (uint32_t)(i * 65536 + i / 65536);
}

static uint64_t in_high_half(uint32_t i)
{
	return (uint64_t)i << 32;
}

/* Chosen by an attacker who knows the function of uthash: its last ten bits are 0. */
static uint64_t chosen(uint32_t i)
{
	static uint32_t last;
	unsigned int hash;

	if (!i)
		last = 0;
	do {
		last++;
		HASH_JEN(&last, sizeof(last), hash);
	} while (hash & 1023);
	return last;
}

static void numbers(void **state)
{
	(void)state;
	assert_in_range(fill(in_order, sizeof(uint32_t)), 1, FEW);
	assert_in_range(fill(in_order, sizeof(uint64_t)), 1, FEW);
	assert_in_range(fill(in_ranges, sizeof(uint32_t)), 1, FEW);
	assert_in_range(fill(in_high_half, sizeof(uint64_t)), 1, FEW);
	assert_in_range(fill(chosen, sizeof(uint32_t)), 1, FEW);
}

/* A key that is part of another is not the same. */
static void texts(void **state)
{
	static const char *const names[] = {
		"", "a", "ab", "abcdefgh", "abcdefghi", "rule abcdefghi",
	};
	const size_t n = sizeof(names) / sizeof(names[0]);
	struct element all[sizeof(names) / sizeof(names[0])] = { 0 }, *table = NULL, *found;
	size_t i;

	(void)state;
	for (i = 0; i < n; i++) {
		HASH_FIND_STR(table, names[i], found);
		assert_null(found);
		HASH_ADD_KEYPTR(hh, table, names[i], strlen(names[i]), &all[i]);
		assert_true(ksc_hash_added(&all[i].hh));
	}
	for (i = 0; i < n; i++) {
		HASH_FIND_STR(table, names[i], found);
		assert_ptr_equal(found, &all[i]);
	}
	HASH_CLEAR(hh, table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers),
		cmocka_unit_test(texts),
	};

	return cmocka_run_group_tests_name("hash", tests, NULL, NULL);
}
