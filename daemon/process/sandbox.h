/* SPDX-License-Identifier: GPL-2.0-only */
/* sandbox.c: drops privileges once the daemon has everything it needs. */
#ifndef KSC_SANDBOX_H
#define KSC_SANDBOX_H

#include <stdbool.h>
#include <sys/types.h>

int ksc_sandbox_drop(bool has_user, uid_t uid, gid_t gid);
int ksc_sandbox_confine(void);
int ksc_sandbox_seal(void);
int ksc_sandbox_reader(void);
int ksc_sandbox_load(void);

#endif
