// SPDX-License-Identifier: GPL-2.0-only
/*
 * A daemon that is confined opens no file and asks for no account: the reader does, and
 * hands over what the configuration names. It is kept here while the configuration is
 * loaded from it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "config/handed.h"
#include "config/read.h"

/* Of a number. */
#define ID_TEXT	12
#define N_KINDS	(KSC_KIND_MEMBERS + 1)

/**
 * struct part - a thing that was handed over
 * @hh: its place among those of its kind
 * @name: its name; of members, the group's number
 * @error: why there is none, as a negative errno, or 0
 * @uid: an account's
 * @gid: an account's or a group's
 * @file: a file
 * @uids: members
 * @n: how many
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
 * struct ksc_handed - all that was handed over
 * @parts: for each kind, hash table by name
 * @bytes: of files
 */
struct ksc_handed {
	struct part *parts[N_KINDS];
	size_t bytes;
};

/* By who loads: another thread may take what is handed over next. */
static _Thread_local const struct ksc_handed *used;

/**
 * ksc_handed_new() - begin
 *
 * Return: nothing as yet, or NULL without memory
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
 * ksc_handed_free() - forget all of it
 * @handed: what was handed over, or NULL
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
 * ksc_handed_use() - have files and accounts found there alone, by this thread
 * @handed: where; NULL to look for them directly
 */
void ksc_handed_use(const struct ksc_handed *handed)
{
	used = handed;
}

/**
 * ksc_handed_used() - where files and accounts are to be found
 *
 * Return: as ksc_handed_use() was told
 */
const struct ksc_handed *ksc_handed_used(void)
{
	return used;
}

/**
 * ksc_handed_fault() - say why something is not there
 * @error: a positive errno
 *
 * Return: the text
 */
const char *ksc_handed_fault(int error)
{
	switch (error) {
	case EDQUOT:
		return "the files are larger than 256 MiB together";
	case ESTALE:
		return "the configuration has changed meanwhile";
	}
	return strerror(error);
}

static struct part *find(const struct ksc_handed *handed, enum ksc_kind kind, const char *name)
{
	struct part *part;

	HASH_FIND_STR(handed->parts[kind], name, part);
	return part;
}

/* The part of that name, which may be there already; NULL without memory. */
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
 * ksc_handed_add_file() - take a file
 * @handed: where to
 * @path: its name
 * @error: why there is none, as a negative errno, or 0
 * @fd: its content, if there is one; it is read, and stays the caller's
 * @way: the way into it, which is taken from the caller
 *
 * What is wrong with the file is told to who looks for it. Of two, the first counts.
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
 * ksc_handed_add_account() - take an account
 * @handed: where to
 * @name: its name
 * @error: why there is none, as a negative errno, or 0
 * @uid: its number
 * @gid: its own group
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
 * ksc_handed_add_group() - take a group
 * @handed: where to
 * @name: its name
 * @error: why there is none, as a negative errno, or 0
 * @gid: its number
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
 * ksc_handed_add_members() - take members of a group, more than those that there are
 * @handed: where to
 * @gid: the group
 * @error: why they are not known, as a negative errno, or 0
 * @uids: accounts
 * @n: how many
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

/* Of what was not handed over, nothing is known: the file has become another one meanwhile. */
static int fault(const struct part *part)
{
	return part ? part->error : -ESTALE;
}

/**
 * ksc_handed_file() - find a file
 * @handed: where
 * @path: its name
 * @file: set to it; its content stays in @handed
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
 * @handed: where
 * @name: its name
 * @uid: set to its number
 * @gid: set to its own group
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
 * @handed: where
 * @name: its name
 * @gid: set to its number
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
 * @handed: where
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed
 * @n: set to how many
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
