/* SPDX-License-Identifier: GPL-2.0-only */
/* handed.c: what the reader has handed over for one load of the configuration. */
#ifndef KSC_HANDED_H
#define KSC_HANDED_H

#include <stddef.h>
#include <sys/types.h>

#include "engine/file.h"

/* Maximum size of all files in bytes. */
#define KSC_MAX_HANDED	(256U << 20)

/* Maximum number of a group's members; some directories have groups of all users. */
#define KSC_MAX_MEMBERS	65536U

/* enum ksc_kind - kinds of items that a configuration names */
enum ksc_kind {
	KSC_KIND_FILE,
	KSC_KIND_ACCOUNT,
	KSC_KIND_GROUP,
	KSC_KIND_MEMBERS,
};

struct ksc_handed;

struct ksc_handed *ksc_handed_new(void);
void ksc_handed_free(struct ksc_handed *handed);
void ksc_handed_use(const struct ksc_handed *handed);
const struct ksc_handed *ksc_handed_used(void);
const char *ksc_handed_fault(int error);

int ksc_handed_add_file(struct ksc_handed *handed, const char *path, int error, int fd,
			struct ksc_way *way);
int ksc_handed_add_account(struct ksc_handed *handed, const char *name, int error, uid_t uid,
			   gid_t gid);
int ksc_handed_add_group(struct ksc_handed *handed, const char *name, int error, gid_t gid);
int ksc_handed_add_members(struct ksc_handed *handed, gid_t gid, int error, const uid_t *uids,
			   size_t n);

int ksc_handed_file(const struct ksc_handed *handed, const char *path, struct ksc_file *file);
int ksc_handed_account(const struct ksc_handed *handed, const char *name, uid_t *uid,
		       gid_t *gid);
int ksc_handed_group(const struct ksc_handed *handed, const char *name, gid_t *gid);
int ksc_handed_members(const struct ksc_handed *handed, gid_t gid, uid_t **uids, size_t *n);

#endif
