// SPDX-License-Identifier: GPL-2.0-only
/* Elements of DER, without decoding what is in them. */
#include "engine/der.h"

/**
 * ksc_der_take_whole() - remove an element
 * @from: elements, of which the first is removed; unchanged on failure
 * @tag: its tag
 * @whole: set to the element with its header
 * @content: set to its contents
 *
 * Return: true if the first element has this tag, and ends within @from
 */
bool ksc_der_take_whole(gnutls_datum_t *from, unsigned char tag, gnutls_datum_t *whole,
			gnutls_datum_t *content)
{
	unsigned int head, size;
	int octets;
	long len;

	if (from->size < 2 || from->data[0] != tag)
		return false;
	/* negative for an indefinite length, or one beyond the end */
	len = asn1_get_length_der(from->data + 1, (int)(from->size - 1), &octets);
	if (len < 0)
		return false;
	head = 1 + (unsigned int)octets;
	size = (unsigned int)len;
	if (size > from->size - head)
		return false;
	*content = (gnutls_datum_t) { from->data + head, size };
	*whole = (gnutls_datum_t) { from->data, head + size };
	from->data += head + size;
	from->size -= head + size;
	return true;
}

/**
 * ksc_der_take() - remove an element
 * @from: elements, of which the first is removed; unchanged on failure
 * @tag: its tag
 * @content: set to its contents
 *
 * Return: as ksc_der_take_whole()
 */
bool ksc_der_take(gnutls_datum_t *from, unsigned char tag, gnutls_datum_t *content)
{
	gnutls_datum_t whole;

	return ksc_der_take_whole(from, tag, &whole, content);
}
