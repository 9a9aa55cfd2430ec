// SPDX-License-Identifier: GPL-2.0-only
/* Tables, printed by libsmartcols, with notes below their rows. */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

/**
 * struct ctl_table - rows of text whose columns are aligned
 * @lines: the rows; each has its note, or NULL, as its user data
 * @last: the last row, as finding a row by number takes time linear in their number
 * @columns: number of cells in a row
 * @cells: number of cells so far
 */
struct ctl_table {
	struct libscols_table *lines;
	struct libscols_line *last;
	size_t columns;
	size_t cells;
};

/* libsmartcols fails only if out of memory, as its arguments are valid. */
static void insist(int rc)
{
	if (rc)
		ctl_alloc(NULL);
}

/**
 * ctl_table_new() - start a table
 * @columns: its number of columns
 *
 * The headings are its first row.
 *
 * Return: the table
 */
struct ctl_table *ctl_table_new(size_t columns)
{
	struct ctl_table *table = ctl_alloc(calloc(1, sizeof(*table)));

	table->columns = columns;
	table->lines = ctl_alloc(scols_new_table());
	for (size_t i = 0; i < columns; i++)
		ctl_alloc(scols_table_new_column(table->lines, NULL, 0, 0));
	scols_table_enable_noheadings(table->lines, 1);
	/* The cells are escaped already; libsmartcols would escape their backslashes again. */
	scols_table_enable_noencoding(table->lines, 1);
	/* Never fit the table to the terminal: what is cut cannot be copied. */
	scols_table_set_termforce(table->lines, SCOLS_TERMFORCE_NEVER);
	insist(scols_table_set_column_separator(table->lines, "  "));
	return table;
}

/**
 * ctl_table_free() - free a table
 * @table: the table, or NULL
 */
void ctl_table_free(struct ctl_table *table)
{
	struct libscols_iter *rows;
	struct libscols_line *row;

	if (!table)
		return;
	rows = ctl_alloc(scols_new_iter(SCOLS_ITER_FORWARD));
	while (!scols_table_next_line(table->lines, rows, &row))
		free(scols_line_get_userdata(row));
	scols_free_iter(rows);
	scols_unref_table(table->lines);
	free(table);
}

/**
 * ctl_table_add() - add the next cell
 * @table: the table, which owns @cell from now on
 * @cell: the text, safe to print
 */
void ctl_table_add(struct ctl_table *table, char *cell)
{
	const size_t column = table->cells++ % table->columns;

	if (!column)
		table->last = ctl_alloc(scols_table_new_line(table->lines, NULL));
	insist(scols_line_refer_data(table->last, column, cell));
}

/**
 * ctl_table_addf() - add the next cell
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
 * ctl_table_note() - print a line below the last row
 * @table: the table, which owns @note from now on; its last row exists and has no note
 * @note: the text, safe to print
 */
void ctl_table_note(struct ctl_table *table, char *note)
{
	scols_line_set_userdata(table->last, note);
}

/**
 * ctl_table_print() - write a table to standard output
 * @table: the table
 * @right_aligned: for each column 'r' if it is aligned to the right
 */
void ctl_table_print(struct ctl_table *table, const char *right_aligned)
{
	struct libscols_iter *rows = ctl_alloc(scols_new_iter(SCOLS_ITER_FORWARD));
	struct libscols_line *row;
	char *text = NULL, *rest;

	for (size_t i = 0; i < table->columns; i++)
		scols_column_set_flags(scols_table_get_column(table->lines, i),
				       right_aligned[i] == 'r' ? SCOLS_FL_RIGHT : 0);
	insist(scols_print_table_to_string(table->lines, &text));
	rest = text;
	/* Cells have no newlines, so each line is a row; one is missing only if out of memory. */
	while (!scols_table_next_line(table->lines, rows, &row)) {
		const char *note = scols_line_get_userdata(row);

		puts(ctl_alloc(strsep(&rest, "\n")));
		if (note)
			printf("    %s\n", note);
	}
	scols_free_iter(rows);
	free(text);
}
