/* SPDX-License-Identifier: GPL-2.0-only */
/* printable.c: text that is safe to show, whoever has chosen the names in it. */
#ifndef KSC_PRINTABLE_H
#define KSC_PRINTABLE_H

#include <stddef.h>

size_t ksc_printable(char *out, size_t size, const char *text);

#endif
