/* SPDX-License-Identifier: GPL-2.0-only */
/* changing.c: a directory of a test's, and changes of files in it. */
#ifndef KSC_TEST_CHANGING_H
#define KSC_TEST_CHANGING_H

#include "side.h"

#define CHANGING_PATH	32

extern char dir[CHANGING_PATH];

const char *in(const char *name);
int make_dir(void **state);
int remove_dir(void **state);
void put(const char *name);
void touch(const char *name);
void make(const char *name);
void move(const char *from, const char *to);
void drop(const char *name);
void a_file(void);
void read_line(const char *path, char line[512]);

#endif
