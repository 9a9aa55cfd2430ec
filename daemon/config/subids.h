/* SPDX-License-Identifier: GPL-2.0-only */
/* subids.c: subordinate user IDs and their owners, from subuid(5). */
#ifndef KSC_SUBIDS_H
#define KSC_SUBIDS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kschannel.h>

#include "engine/file.h"

#define KSC_SUBUID_FILE	"/etc/subuid"

/* Maximum number of ranges, which are searched for each connection; more are ignored. */
#define KSC_MAX_SUBIDS	16384

/**
 * struct ksc_subid - a range of subordinate user IDs
 * @owner: its owner, by name or number
 * @start: the first ID
 * @count: number of IDs
 * @line: line number
 */
struct ksc_subid {
	char owner[KSC_MAX_NAME + 1];
	uint32_t start;
	uint32_t count;
	unsigned int line;
};

/**
 * struct ksc_owned - a range whose owner was looked up
 * @owner: user ID of its owner; the first ID if that is unknown
 * @start: the first ID
 * @count: number of IDs
 */
struct ksc_owned {
	uid_t owner;
	uint32_t start;
	uint32_t count;
};

/**
 * struct ksc_subids - all ranges
 * @list: the ranges, in the order of the file
 * @n: number of ranges
 */
struct ksc_subids {
	struct ksc_owned *list;
	size_t n;
};

/**
 * typedef ksc_subid_fn - handle a line
 * @ptr: argument of ksc_subids_parse()
 * @subid: the range; only the line number is set for an invalid line
 * @why: why the line is invalid, or NULL
 *
 * Return: 0, or a negative errno that stops the parser
 */
typedef int ksc_subid_fn(void *ptr, const struct ksc_subid *subid, const char *why);

int ksc_subids_parse(const gnutls_datum_t *text, ksc_subid_fn *take, void *ptr);
int ksc_subids_load(struct ksc_subids *subids, const char *path);
uid_t ksc_subids_owner(const struct ksc_subids *subids, uid_t uid);
void ksc_subids_free(struct ksc_subids *subids);

#endif
