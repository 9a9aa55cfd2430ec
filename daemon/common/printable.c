// SPDX-License-Identifier: GPL-2.0-only
/*
 * Text that is safe to show, whoever has chosen the names in it. People's names are in all
 * scripts, but nothing may move a terminal's cursor, show what follows from the right to the
 * left, hide, or make the journal take a line for data that it does not show.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unictype.h>
#include <unistr.h>

#include "common/printable.h"

/*
 * Controls, formatting such as what turns the direction, separators of lines, what is not a
 * character, and what is left out on a screen.
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

/* Bytes of the character that UTF-8 begins with, if it can be seen; else 0. */
static size_t seen(const char *text)
{
	ucs4_t c;
	const int len = u8_strmbtouc(&c, (const uint8_t *)text);

	return len > 0 && is_seen(c) ? (size_t)len : 0;
}

/**
 * ksc_printable() - make text safe to show
 * @out: where to
 * @size: its bytes, with the NUL; what does not fit is left out, but for no part of a character
 * @text: any bytes
 *
 * What is not a visible character in UTF-8 becomes \xNN, byte by byte.
 *
 * Return: the bytes of @out that are used, without the NUL
 */
size_t ksc_printable(char *out, size_t size, const char *text)
{
	size_t at = 0;

	while (*text) {
		size_t len, wide;

		/* as most are */
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
