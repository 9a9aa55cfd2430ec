/* SPDX-License-Identifier: GPL-2.0-only */
/* Helpers that the C library lacks. */
#ifndef KSC_UTIL_H
#define KSC_UTIL_H

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif
