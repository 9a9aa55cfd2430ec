/* SPDX-License-Identifier: GPL-2.0-only */
/* landlock.c: restricts which files can be opened. */
#ifndef KSC_LANDLOCK_H
#define KSC_LANDLOCK_H

int ksc_landlock_seal(void);
int ksc_landlock_read_only(void);

#endif
