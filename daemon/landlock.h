/* SPDX-License-Identifier: GPL-2.0-only */
/* landlock.c: which files can be opened at all. */
#ifndef KSC_LANDLOCK_H
#define KSC_LANDLOCK_H

#include "config.h"

int ksc_landlock_seal(const struct ksc_config *config);

#endif
