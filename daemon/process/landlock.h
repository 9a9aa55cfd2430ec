/* SPDX-License-Identifier: GPL-2.0-only */
/* landlock.c: which files can be opened at all. */
#ifndef KSC_LANDLOCK_H
#define KSC_LANDLOCK_H

int ksc_landlock_seal(void);
int ksc_landlock_read_only(void);

#endif
