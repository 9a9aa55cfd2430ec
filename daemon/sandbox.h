/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox.c: what the daemon gives up once it has everything it needs. */
#ifndef KSC_SANDBOX_H
#define KSC_SANDBOX_H

#include "config.h"

int ksc_sandbox_drop(const struct ksc_config *config);
int ksc_sandbox_confine(void);
int ksc_sandbox_seal(void);
int ksc_sandbox_reader(void);
int ksc_sandbox_load(void);

#endif
