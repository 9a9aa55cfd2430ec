// SPDX-License-Identifier: GPL-2.0-only
/* Text for people: escaping, addresses, tables. */
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#include "common/address.h"
#include "ctl/ctl.h"

/**
 * ctl_alloc() - insist on an allocation
 * @ptr: what an allocating function returned
 * Return: @ptr; a failure ends the program
 */
void *ctl_alloc(void *ptr)
{
	if (!ptr)
		errx(EXIT_FAILURE, "out of memory");
	return ptr;
}

/**
 * ctl_escape() - make text that a peer can influence safe for a terminal
 * @text: any bytes
 *
 * What is not a visible character of the locale's encoding becomes \xNN, so
 * that no escape sequence and no invisible character (bidirectional controls
 * among them) gets through.
 *
 * Return: a new string
 */
char *ctl_escape(const char *text)
{
	size_t left = strlen(text);
	char *out = ctl_alloc(malloc(4 * left + 1));
	mbstate_t state = { 0 };
	char *p = out;

	while (left) {
		wchar_t wc;
		size_t len = mbrtowc(&wc, text, left, &state);

		if (len && len <= left && wc != L'\\' && iswprint((wint_t)wc) && wcwidth(wc) > 0) {
			memcpy(p, text, len);
			p += len;
		} else {
			p += sprintf(p, "\\x%02x", (unsigned char)*text);
			len = 1;
			memset(&state, 0, sizeof(state));
		}
		text += len;
		left -= len;
	}
	*p = '\0';
	return out;
}

/* Length of the UTF-8 sequence at s, 0 if it is not one. */
static size_t utf8_len(const unsigned char *s)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len = s[0] < 0x80 ? 1 : (s[0] & 0xe0) == 0xc0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : 4;
	uint32_t c = len == 1 ? s[0] : s[0] & (0x7fU >> len);

	if (len == 4 && (s[0] & 0xf8) != 0xf0)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (s[i] & 0x3f);
	}
	if (c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return len;
}

/**
 * ctl_utf8() - make text valid UTF-8, as JSON has to be
 * @text: any bytes
 * Return: a new string, in which U+FFFD stands for each byte that was not valid
 */
char *ctl_utf8(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *out = ctl_alloc(malloc(3 * strlen(text) + 1));
	char *p = out;

	while (*text) {
		size_t len = utf8_len((const unsigned char *)text);

		if (len) {
			memcpy(p, text, len);
			p += len;
			text += len;
		} else {
			memcpy(p, replacement, 3);
			p += 3;
			text++;
		}
	}
	*p = '\0';
	return out;
}

/**
 * ctl_address() - address and port in text
 * @attr: struct sockaddr_in or sockaddr_in6, or NULL
 * Return: a new string, "*" if there is no address
 */
char *ctl_address(const struct nlattr *attr)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in6 in6;
	} addr = { .sa.sa_family = AF_UNSPEC };
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 16], scope[IF_NAMESIZE + 1] = "%";

	if (attr)
		nla_memcpy(&addr, (struct nlattr *)attr, sizeof(addr));
	if (addr.sa.sa_family != AF_INET6 || !addr.in6.sin6_scope_id ||
	    !if_indextoname(addr.in6.sin6_scope_id, scope + 1))
		scope[0] = '\0';
	if (!ksc_socket_print(&addr.sa, scope, text, sizeof(text)))
		return ctl_alloc(strdup("*"));
	return ctl_alloc(strdup(text));
}

/**
 * ctl_hex() - bytes in hexadecimal
 * @data: the bytes
 * @len: how many
 * Return: a new string
 */
char *ctl_hex(const void *data, size_t len)
{
	char *out = ctl_alloc(malloc(2 * len + 1));

	out[0] = '\0';
	for (size_t i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", ((const unsigned char *)data)[i]);
	return out;
}

/**
 * ctl_parse_id() - read a socket's ID
 * @text: a decimal number
 * @id: where to put it
 * Return: whether it is one
 */
bool ctl_parse_id(const char *text, uint64_t *id)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*id = strtoull(text, &end, 10);
	return !*end && !errno;
}

/**
 * struct ctl_table - rows of text whose columns get aligned
 * @columns: cells in a row
 * @cells: row after row
 * @count: how many cells
 * @notes: for each row a line under it, or NULL
 */
struct ctl_table {
	size_t columns;
	char **cells;
	size_t count;
	char **notes;
};

/**
 * ctl_table_new() - start a table
 * @columns: how many columns it has
 * Return: the table
 */
struct ctl_table *ctl_table_new(size_t columns)
{
	struct ctl_table *table = ctl_alloc(calloc(1, sizeof(*table)));

	table->columns = columns;
	return table;
}

/**
 * ctl_table_free() - end a table
 * @table: the table, or NULL
 */
void ctl_table_free(struct ctl_table *table)
{
	size_t rows = table ? table->count / table->columns : 0;

	if (!table)
		return;
	for (size_t i = 0; i < table->count; i++)
		free(table->cells[i]);
	for (size_t i = 0; i < rows; i++)
		free(table->notes[i]);
	free((void *)table->cells);
	free((void *)table->notes);
	free(table);
}

/**
 * ctl_table_add() - give the table its next cell
 * @table: the table
 * @cell: the text, safe to print; the table's from now on
 */
void ctl_table_add(struct ctl_table *table, char *cell)
{
	size_t row = table->count / table->columns;
	void *larger;

	larger = reallocarray((void *)table->cells, table->count + 1, sizeof(*table->cells));
	table->cells = ctl_alloc(larger);
	if (table->count % table->columns == 0) {
		larger = reallocarray((void *)table->notes, row + 1, sizeof(*table->notes));
		table->notes = ctl_alloc(larger);
		table->notes[row] = NULL;
	}
	table->cells[table->count++] = cell;
}

/**
 * ctl_table_addf() - give the table its next cell
 * @table: the table
 * @fmt: as for printf()
 */
void ctl_table_addf(struct ctl_table *table, const char *fmt, ...)
{
	char *cell;
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vasprintf(&cell, fmt, ap);
	va_end(ap);
	ctl_table_add(table, ctl_alloc(len < 0 ? NULL : cell));
}

/**
 * ctl_table_note() - put a line under the row that was begun last
 * @table: the table
 * @note: the text, safe to print; the table's from now on
 */
void ctl_table_note(struct ctl_table *table, char *note)
{
	table->notes[(table->count - 1) / table->columns] = note;
}

/* Columns that text takes on the screen; it has been escaped. */
static int text_width(const char *text)
{
	int width = 0;
	mbstate_t state = { 0 };

	while (*text) {
		wchar_t wc;
		size_t len = mbrtowc(&wc, text, MB_CUR_MAX, &state);

		if (len == (size_t)-1 || len == (size_t)-2 || !len)
			return width + (int)strlen(text);
		width += wcwidth(wc);
		text += len;
	}
	return width;
}

/**
 * ctl_table_print() - write a table to standard output
 * @table: the table
 * @right_aligned: for each column 'r' if it is aligned to the right
 */
void ctl_table_print(const struct ctl_table *table, const char *right_aligned)
{
	int *widths = ctl_alloc(calloc(table->columns, sizeof(*widths)));

	for (size_t i = 0; i < table->count; i++) {
		int width = text_width(table->cells[i]);

		if (width > widths[i % table->columns])
			widths[i % table->columns] = width;
	}
	for (size_t i = 0; i < table->count; i++) {
		size_t col = i % table->columns;
		bool last = col == table->columns - 1;
		int pad = widths[col] - text_width(table->cells[i]);

		if (right_aligned[col] == 'r')
			printf("%*s%s", pad, "", table->cells[i]);
		else
			printf("%s%*s", table->cells[i], last ? 0 : pad, "");
		fputs(last ? "\n" : "  ", stdout);
		if (last && table->notes[i / table->columns])
			printf("    %s\n", table->notes[i / table->columns]);
	}
	free(widths);
}
