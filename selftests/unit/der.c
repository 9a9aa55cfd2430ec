// SPDX-License-Identifier: GPL-2.0-only
/*
 * DER as a tree. A certificate in which one octet differs mostly has lengths that no longer
 * fit, and readers agree that it is broken. Here whatever is around a change fits, unless that
 * is what is changed.
 */
#include <stdlib.h>
#include <string.h>

#include "der.h"

#define CONSTRUCTED	0x20
#define BIT_STRING	0x03
#define OCTET_STRING	0x04
#define MAX_DEPTH	16

struct der *der_new(uint8_t tag, const void *content, size_t len)
{
	struct der *der = calloc(1, sizeof(*der));

	if (!der)
		abort();
	der->tag = tag;
	der->lead = malloc(len ? len : 1);
	if (!der->lead)
		abort();
	if (len)
		memcpy(der->lead, content, len);
	der->lead_len = len;
	return der;
}

/* Bytes of a header whose length is definite; 0 if it is none */
static size_t header(const uint8_t *data, size_t left, size_t *len)
{
	size_t n, i;

	if (left < 2)
		return 0;
	*len = data[1];
	if (data[1] < 0x80)
		return 2;
	n = data[1] & 0x7f;
	if (!n || n > 3 || left < 2 + n)
		return 0;
	for (*len = 0, i = 0; i < n; i++)
		*len = *len << 8 | data[2 + i];
	return 2 + n;
}

static struct der *read_all(const uint8_t *data, size_t left, int depth);

/* What is in an element, as elements if it is some; behind an octet that counts bits, maybe */
static void look_inside(struct der *der, int depth)
{
	const size_t lead = der->tag == BIT_STRING;

	if (depth >= MAX_DEPTH || der->lead_len <= lead ||
	    (!(der->tag & CONSTRUCTED) && der->tag != BIT_STRING && der->tag != OCTET_STRING))
		return;
	der->inside = read_all(der->lead + lead, der->lead_len - lead, depth + 1);
	if (der->inside)
		der->lead_len = lead;
}

/* NULL unless they are elements to the end */
static struct der *read_all(const uint8_t *data, size_t left, int depth)
{
	struct der *first = NULL, **last = &first;
	size_t head, len;

	while (left) {
		head = header(data, left, &len);
		if (!head || len > left - head) {
			der_free(first);
			return NULL;
		}
		*last = der_new(data[0], data + head, len);
		look_inside(*last, depth);
		last = &(*last)->next;
		data += head + len;
		left -= head + len;
	}
	return first;
}

struct der *der_read(const uint8_t *data, size_t len)
{
	return read_all(data, len, 0);
}

static size_t content_of(const struct der *der)
{
	return der->lead_len + der_size(der->inside);
}

/* The length that an element claims to have */
static size_t said(const struct der *der)
{
	const size_t len = content_of(der);

	if (der->lie < 0 && len < (size_t)-der->lie)
		return 0;
	return len + (size_t)der->lie;
}

/* Octets of a length behind the first, in the long form */
static unsigned int octets_of(const struct der *der, size_t len)
{
	unsigned int n = 0;

	for (; n < sizeof(len) && len >> 8 * n; n++)
		;
	return n + der->padded;
}

static int is_short(const struct der *der, size_t len)
{
	return len < 0x80 && !der->padded;
}

size_t der_size(const struct der *der)
{
	size_t size = 0;

	for (; der; der = der->next) {
		size += 2 + content_of(der);
		if (der->indefinite)
			size += 2;
		else if (!is_short(der, said(der)))
			size += octets_of(der, said(der));
	}
	return size;
}

static uint8_t *put_length(uint8_t *at, const struct der *der, size_t len)
{
	unsigned int n = octets_of(der, len);

	if (der->indefinite || is_short(der, len)) {
		*at++ = der->indefinite ? 0x80 : (uint8_t)len;
		return at;
	}
	*at++ = (uint8_t)(0x80 | n);
	while (n--)
		*at++ = n < sizeof(len) ? (uint8_t)(len >> 8 * n) : 0;
	return at;
}

size_t der_write(const struct der *der, uint8_t *out)
{
	uint8_t *at = out;

	for (; der; der = der->next) {
		*at++ = der->tag;
		at = put_length(at, der, said(der));
		memcpy(at, der->lead, der->lead_len);
		at += der->lead_len;
		at += der_write(der->inside, at);
		if (der->indefinite) {
			*at++ = 0;
			*at++ = 0;
		}
	}
	return (size_t)(at - out);
}

static uint32_t next_random(uint32_t *seed)
{
	/* xorshift32 */
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

static size_t count(const struct der *der)
{
	size_t n = 0;

	for (; der; der = der->next)
		n += 1 + count(der->inside);
	return n;
}

static struct der *pick(struct der *der, size_t *n)
{
	struct der *found;

	for (; der; der = der->next) {
		if (!(*n)--)
			return der;
		found = pick(der->inside, n);
		if (found)
			return found;
	}
	return NULL;
}

static struct der *copy(const struct der *der)
{
	struct der *new = der_new(der->tag, der->lead, der->lead_len), **last = &new->inside;
	const struct der *inside;

	for (inside = der->inside; inside; inside = inside->next) {
		*last = copy(inside);
		last = &(*last)->next;
	}
	return new;
}

static void insert(struct der *behind, struct der *new)
{
	new->next = behind->next;
	behind->next = new;
}

/* Change something in a tree, which is not empty; its first element stays the first. */
void der_change(struct der *der, uint32_t *seed)
{
	static const int lies[] = { 1, -1, 2, 3, -3, 0x80, 0x100 };
	const size_t n = count(der);
	size_t a = next_random(seed) % n, b = next_random(seed) % n;
	struct der *at = pick(der, &a), *other = pick(der, &b), *gone;
	const uint32_t random = next_random(seed);

	switch (next_random(seed) % 10) {
	case 0:
		at->tag ^= (uint8_t)(1 << random % 8);
		break;
	case 1:
		/* up to the beginning of what is behind it, or into that */
		at->lie = at->next ? (int)(random % (der_size(at->next) + 1)) : lies[random % 7];
		break;
	case 2:
		at->lie = lies[random % (sizeof(lies) / sizeof(lies[0]))];
		break;
	case 3:
		at->padded = 1 + random % 4;
		break;
	case 4:
		at->indefinite = !at->indefinite;
		break;
	case 5:
		insert(at, copy(other));
		break;
	case 6:
		if (at->inside) {
			gone = at->inside;
			at->inside = gone->next;
			gone->next = NULL;
			der_free(gone);
		}
		break;
	case 7:
		if (at->lead_len)
			at->lead[random % at->lead_len] ^= (uint8_t)(random >> 16);
		break;
	case 8:
		/* one thing as another */
		at->tag = other->tag;
		break;
	default:
		insert(at, der_new(other->tag, &random, random % 4));
		break;
	}
}

void der_free(struct der *der)
{
	struct der *next;

	for (; der; der = next) {
		next = der->next;
		der_free(der->inside);
		free(der->lead);
		free(der);
	}
}
