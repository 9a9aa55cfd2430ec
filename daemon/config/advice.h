/* SPDX-License-Identifier: GPL-2.0-only */
/* advice.c: warns of certificates that peers will not accept, and of what is never used. */
#ifndef KSC_ADVICE_H
#define KSC_ADVICE_H

#include "config/config.h"

void ksc_advice_give(const struct ksc_config *config, const char *path);

#endif
