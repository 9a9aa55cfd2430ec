/* SPDX-License-Identifier: GPL-2.0-only */
/* table.c: rows of text whose columns are aligned. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stddef.h>

struct ctl_table;

struct ctl_table *ctl_table_new(size_t columns);
void ctl_table_free(struct ctl_table *table);
void ctl_table_add(struct ctl_table *table, char *cell);
void ctl_table_addf(struct ctl_table *table, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
void ctl_table_note(struct ctl_table *table, char *note);
void ctl_table_print(struct ctl_table *table, const char *right_aligned);

#endif
