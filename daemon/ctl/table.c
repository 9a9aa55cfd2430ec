// SPDX-License-Identifier: GPL-2.0-only
/* Tables by libsmartcols, with notes between their rows. */
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

/**
 * struct ctl_table - rows of text whose columns are aligned
 * @lines: the rows, as libsmartcols has them
 * @columns: number of cells in a row
 * @cells: number of cells so far
 * @notes: for each row a line to be printed below it, or NULL
 */
struct ctl_table {
	struct libscols_table *lines;
	size_t columns;
	size_t cells;
	char **notes;
};

static void insist(int rc)
{
	ctl_alloc(rc ? NULL : (void *)"");
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
	/* ctl_escape() has escaped them, and more characters. */
	scols_table_enable_noencoding(table->lines, 1);
	/* Lines are not cut to the width of a terminal, so that they can be copied. */
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
	if (!table)
		return;
	for (size_t i = 0; i < scols_table_get_nlines(table->lines); i++)
		free(table->notes[i]);
	free((void *)table->notes);
	scols_unref_table(table->lines);
	free(table);
}

static void add_row(struct ctl_table *table)
{
	const size_t rows = scols_table_get_nlines(table->lines);
	void *larger = reallocarray((void *)table->notes, rows + 1, sizeof(*table->notes));

	table->notes = ctl_alloc(larger);
	table->notes[rows] = NULL;
	ctl_alloc(scols_table_new_line(table->lines, NULL));
}

/**
 * ctl_table_add() - add the next cell
 * @table: the table, which owns @cell from now on
 * @cell: the text, safe to print
 */
void ctl_table_add(struct ctl_table *table, char *cell)
{
	const size_t column = table->cells++ % table->columns;
	struct libscols_line *line;

	if (!column)
		add_row(table);
	line = scols_table_get_line(table->lines, scols_table_get_nlines(table->lines) - 1);
	insist(scols_line_refer_data(line, column, cell));
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
 * @table: the table, which has a row and owns @note from now on
 * @note: the text, safe to print
 */
void ctl_table_note(struct ctl_table *table, char *note)
{
	table->notes[scols_table_get_nlines(table->lines) - 1] = note;
}

/**
 * ctl_table_print() - write a table to standard output
 * @table: the table
 * @right_aligned: for each column 'r' if it is aligned to the right
 */
void ctl_table_print(struct ctl_table *table, const char *right_aligned)
{
	char *text = NULL, *line, *rest;

	for (size_t i = 0; i < table->columns; i++)
		scols_column_set_flags(scols_table_get_column(table->lines, i),
				       right_aligned[i] == 'r' ? SCOLS_FL_RIGHT : 0);
	insist(scols_print_table_to_string(table->lines, &text));
	rest = text;
	/* Cells contain no newlines, so each line is a row. */
	for (char **note = table->notes; rest && *rest; note++) {
		line = strsep(&rest, "\n");
		puts(line);
		if (*note)
			printf("    %s\n", *note);
	}
	free(text);
}
