// SPDX-License-Identifier: GPL-2.0-only
/*
 * The confined daemon neither opens files nor looks up accounts: the reader does, and hands over
 * what the configuration names. It is kept here while the configuration is being loaded.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "config/handed.h"
#include "config/read.h"

/* Size of a number as text */
#define ID_TEXT	12
#define N_KINDS	(KSC_KIND_MEMBERS + 1)

/**
 * struct part - an item that was handed over
 * @hh: its place in the table of its kind
 * @name: its name; for members, the group's ID
 * @error: why it is missing, as a negative errno, or 0
 * @uid: ID of an account
 * @gid: ID of an account's primary group, or of a group
 * @file: a file
 * @uids: members of a group
 * @n: number of members
 */
struct part {
	UT_hash_handle hh;
	char *name;
	int error;
	uid_t uid;
	gid_t gid;
	struct ksc_file file;
	uid_t *uids;
	size_t n;
};

/**
 * struct ksc_handed - everything that was handed over
 * @parts: for each kind, a hash table by name
 * @bytes: size of all files in bytes
 */
struct ksc_handed {
	struct part *parts[N_KINDS];
	size_t bytes;
};

/* Of this thread's load; another thread may receive the next one meanwhile. */
static _Thread_local const struct ksc_handed *used;

/**
 * ksc_handed_new() - allocate an empty set
 *
 * Return: the set, or NULL if out of memory
 */
struct ksc_handed *ksc_handed_new(void)
{
	return calloc(1, sizeof(struct ksc_handed));
}

static void free_part(struct part *part)
{
	ksc_file_free(&part->file);
	free(part->uids);
	free(part->name);
	free(part);
}

/**
 * ksc_handed_free() - free a set
 * @handed: the set, or NULL
 */
void ksc_handed_free(struct ksc_handed *handed)
{
	int kind;

	if (!handed)
		return;
	if (used == handed)
		used = NULL;
	for (kind = 0; kind < N_KINDS; kind++)
		KSC_HASH_FREE(handed->parts[kind], free_part);
	free(handed);
}

/**
 * ksc_handed_use() - set where this thread finds files and accounts
 * @handed: the set; NULL to open files and look up accounts directly
 */
void ksc_handed_use(const struct ksc_handed *handed)
{
	used = handed;
}

/**
 * ksc_handed_used() - get where this thread finds files and accounts
 *
 * Return: the argument of ksc_handed_use()
 */
const struct ksc_handed *ksc_handed_used(void)
{
	return used;
}

/**
 * ksc_handed_fault() - describe why an item is missing
 * @error: a positive errno
 *
 * Return: the text
 */
const char *ksc_handed_fault(int error)
{
	switch (error) {
	case EDQUOT:
		return "the files exceed 256 MiB in total";
	case ESTALE:
		return "the configuration changed while it was read";
	}
	return strerror(error);
}

static struct part *find(const struct ksc_handed *handed, enum ksc_kind kind, const char *name)
{
	struct part *part;

	HASH_FIND_STR(handed->parts[kind], name, part);
	return part;
}

/* Finds or creates the part with a name; NULL if out of memory. */
static struct part *add(struct ksc_handed *handed, enum ksc_kind kind, const char *name)
{
	struct part *part = find(handed, kind, name);

	if (part)
		return part;
	part = calloc(1, sizeof(*part));
	if (!part)
		return NULL;
	part->name = strdup(name);
	if (part->name)
		HASH_ADD_KEYPTR(hh, handed->parts[kind], part->name, strlen(name), part);
	if (ksc_hash_added(&part->hh))
		return part;
	free_part(part);
	return NULL;
}

/**
 * ksc_handed_add_file() - add a file
 * @handed: the set
 * @path: its path
 * @error: why it is missing, as a negative errno, or 0
 * @fd: its contents, unless it is missing; read, but not closed
 * @way: its directories, consumed
 *
 * An error is reported to the caller who looks for the file. Of two, the first counts.
 *
 * Return: 0 or -ENOMEM
 */
int ksc_handed_add_file(struct ksc_handed *handed, const char *path, int error, int fd,
			struct ksc_way *way)
{
	struct part *part = add(handed, KSC_KIND_FILE, path);

	if (!part)
		return -ENOMEM;
	if (part->file.path)
		return 0;
	part->file.path = part->name;
	part->error = error ? error : ksc_file_take(&part->file, fd);
	part->file.way = *way;
	*way = (struct ksc_way) { 0 };
	handed->bytes += part->file.data.size;
	if (handed->bytes <= KSC_MAX_HANDED)
		return 0;
	handed->bytes -= part->file.data.size;
	ksc_file_free(&part->file);
	part->error = -EDQUOT;
	return 0;
}

/**
 * ksc_handed_add_account() - add an account
 * @handed: the set
 * @name: its name
 * @error: why it is missing, as a negative errno, or 0
 * @uid: its user ID
 * @gid: its primary group
 *
 * Return: 0 or -ENOMEM
 */
int ksc_handed_add_account(struct ksc_handed *handed, const char *name, int error, uid_t uid,
			   gid_t gid)
{
	struct part *part = add(handed, KSC_KIND_ACCOUNT, name);

	if (!part)
		return -ENOMEM;
	part->error = error;
	part->uid = uid;
	part->gid = gid;
	return 0;
}

/**
 * ksc_handed_add_group() - add a group
 * @handed: the set
 * @name: its name
 * @error: why it is missing, as a negative errno, or 0
 * @gid: its group ID
 *
 * Return: 0 or -ENOMEM
 */
int ksc_handed_add_group(struct ksc_handed *handed, const char *name, int error, gid_t gid)
{
	struct part *part = add(handed, KSC_KIND_GROUP, name);

	if (!part)
		return -ENOMEM;
	part->error = error;
	part->gid = gid;
	return 0;
}

/**
 * ksc_handed_add_members() - add more members of a group
 * @handed: the set
 * @gid: the group
 * @error: why they are unknown, as a negative errno, or 0
 * @uids: user IDs
 * @n: number of members
 *
 * Return: 0, -E2BIG or -ENOMEM
 */
int ksc_handed_add_members(struct ksc_handed *handed, gid_t gid, int error, const uid_t *uids,
			   size_t n)
{
	char name[ID_TEXT];
	struct part *part;
	uid_t *bigger;

	snprintf(name, sizeof(name), "%u", gid);
	part = add(handed, KSC_KIND_MEMBERS, name);
	if (!part)
		return -ENOMEM;
	part->error = error;
	if (!n)
		return 0;
	if (n > KSC_MAX_MEMBERS - part->n)
		return -E2BIG;
	bigger = reallocarray(part->uids, part->n + n, sizeof(*bigger));
	if (!bigger)
		return -ENOMEM;
	part->uids = bigger;
	memcpy(bigger + part->n, uids, n * sizeof(*uids));
	part->n += n;
	return 0;
}

/* If an item was not handed over, the configuration changed while it was read. */
static int fault(const struct part *part)
{
	return part ? part->error : -ESTALE;
}

/**
 * ksc_handed_file() - find a file
 * @handed: the set
 * @path: its path
 * @file: filled in; its contents belong to @handed
 *
 * Return: 0; or a negative errno, -ESTALE if it was not handed over
 */
int ksc_handed_file(const struct ksc_handed *handed, const char *path, struct ksc_file *file)
{
	const struct part *part = find(handed, KSC_KIND_FILE, path);

	if (fault(part))
		return fault(part);
	*file = part->file;
	file->borrowed = true;
	return 0;
}

/**
 * ksc_handed_account() - find an account
 * @handed: the set
 * @name: its name
 * @uid: set to its user ID
 * @gid: set to its primary group
 *
 * Return: 0; or a negative errno, -ESTALE if it was not handed over
 */
int ksc_handed_account(const struct ksc_handed *handed, const char *name, uid_t *uid, gid_t *gid)
{
	const struct part *part = find(handed, KSC_KIND_ACCOUNT, name);

	if (fault(part))
		return fault(part);
	*uid = part->uid;
	*gid = part->gid;
	return 0;
}

/**
 * ksc_handed_group() - find a group
 * @handed: the set
 * @name: its name
 * @gid: set to its group ID
 *
 * Return: 0; or a negative errno, -ESTALE if it was not handed over
 */
int ksc_handed_group(const struct ksc_handed *handed, const char *name, gid_t *gid)
{
	const struct part *part = find(handed, KSC_KIND_GROUP, name);

	if (fault(part))
		return fault(part);
	*gid = part->gid;
	return 0;
}

/**
 * ksc_handed_members() - find the members of a group
 * @handed: the set
 * @gid: the group
 * @uids: set to an array of user IDs, or NULL; the caller frees it
 * @n: set to their number
 *
 * Return: 0; or a negative errno, -ESTALE if they were not handed over
 */
int ksc_handed_members(const struct ksc_handed *handed, gid_t gid, uid_t **uids, size_t *n)
{
	const struct part *part;
	char name[ID_TEXT];

	snprintf(name, sizeof(name), "%u", gid);
	part = find(handed, KSC_KIND_MEMBERS, name);
	if (fault(part))
		return fault(part);
	if (!part->n)
		return 0;
	*uids = calloc(part->n, sizeof(**uids));
	if (!*uids)
		return -ENOMEM;
	memcpy(*uids, part->uids, part->n * sizeof(**uids));
	*n = part->n;
	return 0;
}
