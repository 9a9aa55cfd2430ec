/* SPDX-License-Identifier: GPL-2.0-only */
/* printable.c: makes text safe to show that contains names from peers. */
#ifndef KSC_PRINTABLE_H
#define KSC_PRINTABLE_H

#include <stddef.h>

size_t ksc_printable(char *out, size_t size, const char *text);

#endif
