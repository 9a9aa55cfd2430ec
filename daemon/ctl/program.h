/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a library can be preloaded into a program. */
#ifndef KSC_CTL_PROGRAM_H
#define KSC_CTL_PROGRAM_H

int ctl_find_program(const char *name, char *path);
const char *ctl_cannot_preload(const char *path);

#endif /* KSC_CTL_PROGRAM_H */
