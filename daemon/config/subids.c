// SPDX-License-Identifier: GPL-2.0-only
/*
 * A user can own ranges of subordinate user IDs for its containers (subuid(5)). All users of a
 * range count as its owner: otherwise a user with 65536 of them would get a user's limits as many
 * times. If the owner of a range is unknown, its users count as one: the first of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kschannel.h>

#include "config/account.h"
#include "config/find.h"
#include "config/handed.h"
#include "config/subids.h"
#include "config/value.h"
#include "process/log.h"

/* Maximum number of invalid lines that are logged. */
#define MAX_WARNINGS	10
/* Longer than any valid line. */
#define MAX_LINE	512

/* A range cannot contain root. */
static const char *take_range(char *line, struct ksc_subid *subid)
{
	char *rest = line, *owner = strsep(&rest, ":"), *start = strsep(&rest, ":");
	uint32_t count;

	if (!start || !rest || strchr(rest, ':'))
		return "expected OWNER:START:COUNT";
	if (!*owner || strlen(owner) > KSC_MAX_NAME)
		return "the owner is missing";
	if (!ksc_is_id(start, &subid->start) || !subid->start)
		return "the start is not a number above 0";
	if (!ksc_is_id(rest, &count) || !count || count > UINT32_MAX - subid->start)
		return "the count is out of range";
	subid->count = count;
	snprintf(subid->owner, sizeof(subid->owner), "%s", owner);
	return NULL;
}

/**
 * ksc_subids_parse() - parse the file
 * @text: its contents
 * @take: called for each line that is not empty
 * @ptr: argument of @take
 *
 * Return: 0, or what @take has returned
 */
int ksc_subids_parse(const gnutls_datum_t *text, ksc_subid_fn *take, void *ptr)
{
	const char *at = (const char *)text->data, *const end = at + text->size;
	struct ksc_subid subid = { .line = 0 };
	unsigned int n = 0;
	int rc = 0;

	while (!rc && at < end) {
		const char *newline = memchr(at, '\n', (size_t)(end - at));
		const size_t len = (size_t)((newline ? newline : end) - at);
		const char *why = NULL;
		char line[MAX_LINE];

		subid.line++;
		if (len >= sizeof(line) || memchr(at, '\0', len)) {
			rc = take(ptr, &subid, "the line is too long or has a NUL in it");
		} else if (len && *at != '#') {
			memcpy(line, at, len);
			line[len] = '\0';
			why = take_range(line, &subid);
			if (!why && n++ == KSC_MAX_SUBIDS) {
				take(ptr, &subid, "too many ranges: the rest is ignored");
				return 0;
			}
			rc = take(ptr, &subid, why);
		}
		at += len + 1;
	}
	return rc;
}

/**
 * struct load - state of a load
 * @path: path of the file
 * @subids: the ranges
 * @room: capacity of @subids
 * @wrong: number of invalid lines
 */
struct load {
	const char *path;
	struct ksc_subids *subids;
	size_t room;
	unsigned int wrong;
};

static int add(struct load *load, const struct ksc_subid *subid, uid_t owner)
{
	struct ksc_subids *subids = load->subids;
	struct ksc_owned *bigger;

	if (subids->n == load->room) {
		load->room = load->room ? 2 * load->room : 16;
		bigger = reallocarray(subids->list, load->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		subids->list = bigger;
	}
	subids->list[subids->n++] = (struct ksc_owned) {
		.owner = owner, .start = subid->start, .count = subid->count,
	};
	return 0;
}

static void warn(struct load *load, unsigned int line, const char *what, const char *why)
{
	if (++load->wrong <= MAX_WARNINGS)
		ksc_log(KSC_LOG_WARNING, "%s:%u: %s%s", load->path, line, what, why);
}

static int take(void *ptr, const struct ksc_subid *subid, const char *why)
{
	struct load *load = ptr;
	uint32_t owner;
	gid_t own;
	int rc = 0;

	if (why) {
		warn(load, subid->line, "", why);
		return 0;
	}
	if (!ksc_is_id(subid->owner, &owner))
		rc = ksc_account_find(subid->owner, &owner, &own);
	if (rc == -ENOMEM)
		return rc;
	if (rc && rc != -ENOENT)
		warn(load, subid->line, "the owner is not found: ",
		     rc == -ESTALE ? "not in time" : ksc_handed_fault(-rc));
	/*
	 * The IDs may still be in use by the user who created the range, or by the present owner of
	 * the name. No other user can be taken for the first of them, because it is in the range
	 * itself.
	 */
	return add(load, subid, rc ? subid->start : owner);
}

/**
 * ksc_subids_load() - load the file
 * @subids: set to its ranges, which the caller frees; empty without a file
 * @path: its path
 *
 * Invalid lines are logged and ignored: the file belongs to the system. A range whose owner is not
 * found counts as its first user.
 *
 * Return: 0 or -ENOMEM
 */
int ksc_subids_load(struct ksc_subids *subids, const char *path)
{
	struct load load = { .path = path, .subids = subids };
	struct ksc_file raw;
	int rc = ksc_file_find(&raw, path);

	*subids = (struct ksc_subids) { 0 };
	if (!rc)
		rc = ksc_subids_parse(&raw.data, take, &load);
	else if (rc != -ENOENT && rc != -ENOMEM)
		ksc_log(KSC_LOG_WARNING, "%s: %s", path, ksc_file_fault(-rc));
	ksc_file_free(&raw);
	if (load.wrong > MAX_WARNINGS)
		ksc_log(KSC_LOG_WARNING, "%s: %u more lines are wrong", path,
			load.wrong - MAX_WARNINGS);
	return rc == -ENOMEM ? rc : 0;
}

/**
 * ksc_subids_owner() - find the user that a user counts as
 * @subids: the ranges
 * @uid: the user
 *
 * Return: the owner of the first range with that user, or the user itself
 */
uid_t ksc_subids_owner(const struct ksc_subids *subids, uid_t uid)
{
	size_t i;

	for (i = 0; i < subids->n; i++)
		if (uid - subids->list[i].start < subids->list[i].count &&
		    uid >= subids->list[i].start)
			return subids->list[i].owner;
	return uid;
}

/**
 * ksc_subids_free() - free the ranges
 * @subids: the ranges
 */
void ksc_subids_free(struct ksc_subids *subids)
{
	free(subids->list);
	*subids = (struct ksc_subids) { 0 };
}
