// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes text safe to show that contains names from peers. Names may be in any script, but must not
 * move a terminal's cursor, change the direction of what follows, be invisible, or make the journal
 * treat the line as binary data.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "common/printable.h"

/*
 * Hidden are controls, format characters such as those for the direction, line separators,
 * noncharacters, and what terminals leave out.
 */
static bool is_seen(ucs4_t c)
{
	static const uint32_t hidden = UC_CATEGORY_MASK_Cc | UC_CATEGORY_MASK_Cf |
				       UC_CATEGORY_MASK_Cs | UC_CATEGORY_MASK_Zl |
				       UC_CATEGORY_MASK_Zp;

	return !uc_is_general_category_withtable(c, hidden) &&
	       !uc_is_property_not_a_character(c) &&
	       !uc_is_property_default_ignorable_code_point(c);
}

/* Returns the size in bytes of the UTF-8 character at @text if it is visible; else 0. */
static size_t seen(const char *text)
{
	ucs4_t c;
	const int len = u8_strmbtouc(&c, (const uint8_t *)text);

	return len > 0 && is_seen(c) ? (size_t)len : 0;
}

/**
 * ksc_printable() - make text safe to show
 * @out: gets the text
 * @size: size of @out in bytes, including the NUL; what does not fit is left out, never a part of a
 *	character
 * @text: any bytes
 *
 * Each byte that is not part of a visible character in UTF-8 becomes \xNN.
 *
 * Return: length of the text in bytes, without the NUL
 */
size_t ksc_printable(char *out, size_t size, const char *text)
{
	size_t at = 0;

	while (*text) {
		size_t len, wide;

		/* the common case */
		if (*text >= ' ' && *text <= '~' && at + 1 < size) {
			out[at++] = *text++;
			continue;
		}
		len = seen(text);
		wide = len ? len : 4;
		if (at + wide >= size)
			break;
		if (len)
			memcpy(out + at, text, len);
		else
			snprintf(out + at, size - at, "\\x%02x", (unsigned int)(uint8_t)*text);
		at += wide;
		text += len ? len : 1;
	}
	out[at] = '\0';
	return at;
}
