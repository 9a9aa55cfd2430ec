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

#include "common/printable.h"
#include "common/util.h"

/* Unicode's control and format characters, separators of lines, and what is not to be seen. */
static const struct {
	uint32_t first;
	uint32_t last;
} unseen[] = {
	{ 0x00, 0x1f }, { 0x7f, 0x9f }, { 0xad, 0xad }, { 0x34f, 0x34f }, { 0x600, 0x605 },
	{ 0x61c, 0x61c }, { 0x6dd, 0x6dd }, { 0x70f, 0x70f }, { 0x890, 0x891 },
	{ 0x8e2, 0x8e2 }, { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
	{ 0x200b, 0x200f }, { 0x2028, 0x202e }, { 0x2060, 0x206f }, { 0x3164, 0x3164 },
	{ 0xd800, 0xdfff }, { 0xfdd0, 0xfdef }, { 0xfe00, 0xfe0f }, { 0xfeff, 0xfeff },
	{ 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
	{ 0x13430, 0x1343f }, { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0xe0000, 0xe0fff },
};

static bool is_seen(uint32_t c)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unseen); i++)
		if (c >= unseen[i].first && c <= unseen[i].last)
			return false;
	/* the last two of each plane are no characters */
	return (c & 0xfffe) != 0xfffe;
}

/* Bytes of the character that UTF-8 begins with, if it can be seen; else 0. */
static size_t seen(const uint8_t *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t len = s[0] < 0x80 ? 1 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);
	size_t i;

	if (s[0] >= 0xf8 || (s[0] & 0xc0) == 0x80)
		return 0;
	/* the text's end is none of these */
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	return c >= least[len] && c <= 0x10ffff && is_seen(c) ? len : 0;
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
		len = seen((const uint8_t *)text);
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
