/* SPDX-License-Identifier: GPL-2.0-only */
/* subids.c: the numbers of users that belong to others, as subuid(5) has them. */
#ifndef KSC_SUBIDS_H
#define KSC_SUBIDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kschannel.h>

#include "engine/file.h"

#define KSC_SUBUID_FILE	"/etc/subuid"

/* More are passed over: each connection looks for its user among them. */
#define KSC_MAX_SUBIDS	16384

/**
 * struct ksc_subid - a range of users
 * @owner: whose it is, by name or number
 * @start: the first
 * @count: how many
 * @line: the line that says so
 */
struct ksc_subid {
	char owner[KSC_MAX_NAME + 1];
	uint32_t start;
	uint32_t count;
	unsigned int line;
};

/**
 * struct ksc_owned - likewise, as it is looked for
 * @owner: whose it is; the first where that is not known
 * @start: the first
 * @count: how many
 */
struct ksc_owned {
	uid_t owner;
	uint32_t start;
	uint32_t count;
};

/**
 * struct ksc_subids - all ranges
 * @list: in the order of the file
 * @n: how many
 */
struct ksc_subids {
	struct ksc_owned *list;
	size_t n;
};

/**
 * typedef ksc_subid_fn - a line that names a range, or is wrong
 * @ptr: whose
 * @subid: the range, of a line that is wrong its number alone
 * @why: what is wrong with it, or NULL
 *
 * Return: 0, or a negative errno that ends it
 */
typedef int ksc_subid_fn(void *ptr, const struct ksc_subid *subid, const char *why);

int ksc_subids_parse(const gnutls_datum_t *text, ksc_subid_fn *take, void *ptr);
int ksc_subids_load(struct ksc_subids *subids, const char *path);
uid_t ksc_subids_owner(const struct ksc_subids *subids, uid_t uid);
void ksc_subids_free(struct ksc_subids *subids);

#endif
