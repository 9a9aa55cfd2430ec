/* SPDX-License-Identifier: GPL-2.0-only */
/* der.c: DER as a tree, to be changed in ways that a change of octets does not find. */
#ifndef KSC_TEST_DER_H
#define KSC_TEST_DER_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct der - an element, or several in a row
 * @next: the one behind it
 * @inside: what it has in it, where that was read as elements
 * @lead: octets before @inside; all of the content where there is nothing inside
 * @lead_len: number of octets in @lead
 * @tag: its tag
 * @lie: added to its length
 * @padded: octets of its length that are of no use
 * @indefinite: it has no length, but an end
 */
struct der {
	struct der *next;
	struct der *inside;
	uint8_t *lead;
	size_t lead_len;
	uint8_t tag;
	int lie;
	unsigned int padded;
	int indefinite;
};

struct der *der_new(uint8_t tag, const void *content, size_t len);
struct der *der_read(const uint8_t *data, size_t len);
size_t der_size(const struct der *der);
size_t der_write(const struct der *der, uint8_t *out);
void der_change(struct der *der, uint32_t *seed);
void der_free(struct der *der);

#endif
