/* SPDX-License-Identifier: GPL-2.0-only */
/* hash.c: the hash function of all uthash tables. Include this instead of uthash.h. */
#ifndef KSC_HASH_H
#define KSC_HASH_H

#include <stdbool.h>
#include <stddef.h>

/* By default uthash exits when it is out of memory. */
#define HASH_NONFATAL_OOM 1
#define HASH_FUNCTION(key, len, hash) ((hash) = ksc_hash(key, len))

#include <uthash.h>

unsigned int ksc_hash(const void *key, size_t len);

/**
 * ksc_hash_added() - check whether HASH_ADD() has added an element
 * @hh: the element's handle, zero or last used with HASH_ADD()
 *
 * Return: false if memory was short; the table is then unchanged
 */
static inline bool ksc_hash_added(const UT_hash_handle *hh)
{
	return hh->tbl;
}

/**
 * KSC_HASH_FREE() - empty a table and free its elements
 * @head: the table, whose elements have their handle at hh
 * @free_element: frees one
 */
#define KSC_HASH_FREE(head, free_element)		\
do {							\
	typeof(head) *_head = &(head), _el = *_head, _next;	\
							\
	HASH_CLEAR(hh, *_head);				\
	for (; _el; _el = _next) {			\
		_next = _el->hh.next;			\
		free_element(_el);			\
	}						\
} while (0)

#endif
