/* SPDX-License-Identifier: GPL-2.0-only */
/* account.c: looks up accounts and groups by name. */
#ifndef KSC_ACCOUNT_H
#define KSC_ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

int ksc_account_find(const char *name, uid_t *uid, gid_t *gid);
int ksc_group_find(const char *name, gid_t *gid);
int ksc_group_members(gid_t gid, uid_t **uids, size_t *n);

#endif
