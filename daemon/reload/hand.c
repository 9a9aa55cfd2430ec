// SPDX-License-Identifier: GPL-2.0-only
/*
 * A load: hands over to the daemon the configuration and everything that it names. The process
 * that runs it does nothing else (reader.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "config/account.h"
#include "config/read.h"
#include "config/settings.h"
#include "config/subids.h"
#include "config/value.h"
#include "config/wants.h"
#include "config/way.h"
#include "engine/access.h"
#include "reload/hand.h"
#include "reload/handover.h"

/* A descriptor in flight counts until it is received. */
#define TRIES		100
#define TRY_MS		10

/* From <linux/memfd.h>, if that is recent enough. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	8U
#endif

/**
 * struct load - a load
 * @sock: socket to the daemon
 * @number: its number
 * @watch: watch for its files, or NULL
 * @gids: groups whose members are needed
 * @n_gids: number of groups
 * @room: capacity of @gids
 * @owners: names of owners of subordinate IDs
 * @n_owners: number of owners
 * @owners_room: capacity of @owners
 * @enough: called when only the owners are left
 */
struct load {
	int sock;
	uint32_t number;
	struct ksc_watch *watch;
	gid_t *gids;
	size_t n_gids;
	size_t room;
	char **owners;
	size_t n_owners;
	size_t owners_room;
	int enough;
};

static ssize_t send_with(int sock, struct msghdr *msg)
{
	ssize_t len = -1;
	int i;

	for (i = 0; i < TRIES; i++) {
		len = sendmsg(sock, msg, MSG_NOSIGNAL);
		if (len >= 0 || errno != ETOOMANYREFS)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = TRY_MS * 1000000 }, NULL);
	}
	return len;
}

/* Exits if the daemon is gone. */
static void hand(const struct load *load, struct ksc_handover *head, const char *name,
		 const void *items, size_t size, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec parts[] = {
		{ .iov_base = head, .iov_len = sizeof(*head) },
		{ .iov_base = (void *)name, .iov_len = strlen(name) },
		{ .iov_base = (void *)items, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 3 };
	struct cmsghdr *cmsg;

	head->load = load->number;
	head->name_len = (uint32_t)strlen(name);
	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (send_with(load->sock, &msg) < 0)
		_exit(EXIT_FAILURE);
}

static int want_members(struct load *load, gid_t gid)
{
	gid_t *bigger;

	if (load->n_gids == load->room) {
		load->room = load->room ? 2 * load->room : 16;
		bigger = reallocarray(load->gids, load->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		load->gids = bigger;
	}
	load->gids[load->n_gids++] = gid;
	return 0;
}

/* The groups whose members may be able to read the file. */
static int want_readers(struct load *load, const struct ksc_way *way)
{
	size_t i;
	int rc = 0;

	if (ksc_access_asks_group(&way->file, KSC_ACCESS_READ))
		rc = want_members(load, way->file.gid);
	for (i = 0; !rc && i < way->n; i++)
		if (ksc_access_asks_group(&way->doors[i], KSC_ACCESS_ENTER))
			rc = want_members(load, way->doors[i].gid);
	return rc;
}

/*
 * A file may be on a network file system whose server hangs, and may change: the daemon must not
 * wait for it. The contents do not pass through this process's memory, because they may be a key.
 */
static int copy_file(int from)
{
	int to = memfd_create("", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL), rc = 0;
	ssize_t len, left = KSC_MAX_FILE + 1;

	/* kernels before 6.3 do not support MFD_NOEXEC_SEAL */
	if (to < 0 && errno == EINVAL)
		to = memfd_create("", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		return -errno;
	do {
		len = sendfile(to, from, NULL, (size_t)left);
		if (len < 0)
			rc = -errno;
		left -= len;
	} while (len > 0 && left > 0);
	if (!rc && !left)
		rc = -EFBIG;
	if (!rc && fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
			 F_SEAL_WRITE))
		rc = -errno;
	if (!rc)
		return to;
	close(to);
	return rc;
}

static int hand_copy(struct load *load, const char *path, int copy, const struct ksc_way *way)
{
	struct ksc_handover head = {
		.kind = KSC_KIND_FILE, .error = copy < 0 ? copy : 0, .known = way->known,
		.file = way->file, .n = (uint32_t)way->n,
	};
	const int rc = way->known ? want_readers(load, way) : 0;

	if (!rc)
		hand(load, &head, path, way->doors, way->n * sizeof(*way->doors), copy);
	return rc;
}

/* @copy is set to the descriptor that was handed over, which the caller closes, or to its errno. */
static int hand_file(struct load *load, const char *path, int *copy)
{
	struct ksc_way way = { 0 };
	struct stat st;
	const int fd = ksc_file_open(path, &st);
	int rc = 0;

	*copy = fd < 0 ? fd : copy_file(fd);
	if (*copy >= 0)
		rc = ksc_way_find(&way, fd, path, &st);
	if (fd >= 0)
		close(fd);
	if (!rc)
		rc = hand_copy(load, path, *copy, &way);
	ksc_way_free(&way);
	return rc;
}

static int hand_named_file(struct load *load, const char *path)
{
	int copy;
	const int rc = hand_file(load, path, &copy);

	if (copy >= 0)
		close(copy);
	return rc;
}

static int hand_account(struct load *load, const char *name)
{
	struct ksc_handover head = { .kind = KSC_KIND_ACCOUNT };

	head.error = ksc_account_find(name, &head.uid, &head.gid);
	hand(load, &head, name, NULL, 0, -1);
	return 0;
}

static int hand_group(struct load *load, const char *name, bool members)
{
	struct ksc_handover head = { .kind = KSC_KIND_GROUP };

	head.error = ksc_group_find(name, &head.gid);
	hand(load, &head, name, NULL, 0, -1);
	return members && !head.error ? want_members(load, head.gid) : 0;
}

static int hand_members(struct load *load, gid_t gid)
{
	struct ksc_handover head = { .kind = KSC_KIND_MEMBERS, .gid = gid };
	size_t n, at = 0;
	uid_t *uids;

	head.error = ksc_group_members(gid, &uids, &n);
	if (head.error)
		n = 0;
	do {
		head.n = (uint32_t)(n - at < KSC_HANDOVER_MEMBERS ? n - at : KSC_HANDOVER_MEMBERS);
		hand(load, &head, "", uids + at, head.n * sizeof(*uids), -1);
		at += head.n;
	} while (at < n);
	free(uids);
	return 0;
}

static int compare_gids(const void *a, const void *b)
{
	const gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

static int hand_all_members(struct load *load)
{
	size_t i;
	int rc = 0;

	if (load->n_gids)
		qsort(load->gids, load->n_gids, sizeof(*load->gids), compare_gids);
	for (i = 0; !rc && i < load->n_gids; i++)
		if (!i || load->gids[i] != load->gids[i - 1])
			rc = hand_members(load, load->gids[i]);
	return rc;
}

static int hand_want(struct load *load, const struct ksc_want *want)
{
	switch (want->kind) {
	case KSC_KIND_FILE:
		return hand_named_file(load, want->name);
	case KSC_KIND_ACCOUNT:
		return hand_account(load, want->name);
	case KSC_KIND_GROUP:
		return hand_group(load, want->name, want->members);
	case KSC_KIND_MEMBERS:
		return want_members(load, (gid_t)strtoul(want->name, NULL, 10));
	}
	return -EINVAL;
}

static int want_owner(void *ptr, const struct ksc_subid *subid, const char *why)
{
	struct load *load = ptr;
	char **bigger;
	uint32_t id;

	if (why || ksc_is_id(subid->owner, &id))
		return 0;
	if (load->n_owners == load->owners_room) {
		load->owners_room = load->owners_room ? 2 * load->owners_room : 16;
		bigger = reallocarray(load->owners, load->owners_room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		load->owners = bigger;
	}
	load->owners[load->n_owners] = strdup(subid->owner);
	return load->owners[load->n_owners++] ? 0 : -ENOMEM;
}

static int compare_owners(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Each owner once, after everything else: an account service that fails, or is slow for each of
 * thousands of owners, must not hold up the rest.
 */
static void hand_owners(struct load *load)
{
	size_t i;

	/* a failure does not matter */
	(void)!write(load->enough, "", 1);
	if (load->n_owners)
		qsort(load->owners, load->n_owners, sizeof(*load->owners), compare_owners);
	for (i = 0; i < load->n_owners; i++)
		if (!i || strcmp(load->owners[i], load->owners[i - 1]))
			hand_account(load, load->owners[i]);
}

/* The subordinate IDs. The file grants no access, so it does not matter who can read it. */
static int hand_subids(struct load *load)
{
	const struct ksc_way way = { 0 };
	struct ksc_file raw = { 0 };
	struct stat st;
	const int fd = ksc_file_open(KSC_SUBUID_FILE, &st);
	const int copy = fd < 0 ? fd : copy_file(fd);
	int rc = hand_copy(load, KSC_SUBUID_FILE, copy, &way);

	if (fd >= 0)
		close(fd);
	if (copy < 0)
		return rc;
	if (!rc)
		rc = ksc_file_take(&raw, copy);
	if (!rc)
		rc = ksc_subids_parse(&raw.data, want_owner, load);
	ksc_file_free(&raw);
	close(copy);
	return rc;
}

/* Called before files are read, and before account lookups run third-party code. */
static void watch_files(struct load *load, const struct ksc_wants *wants)
{
	size_t i;

	if (!load->watch)
		return;
	for (i = 0; i < wants->n && !wants->unwatched; i++)
		if (wants->list[i].kind == KSC_KIND_FILE)
			ksc_watch_add(load->watch, wants->list[i].name);
	ksc_watch_complete(load->watch);
	ksc_watch_free(load->watch);
	load->watch = NULL;
}

static int hand_wants(struct load *load, struct ksc_settings *file)
{
	struct ksc_wants wants = { 0 };
	int rc = ksc_wants_collect(&wants, file);
	size_t i;

	if (!rc)
		watch_files(load, &wants);
	for (i = 0; !rc && i < wants.n; i++)
		rc = hand_want(load, &wants.list[i]);
	ksc_wants_free(&wants);
	if (!rc)
		rc = hand_subids(load);
	if (!rc)
		rc = hand_all_members(load);
	if (!rc)
		hand_owners(load);
	return rc;
}

static int hand_named(struct load *load, const char *path, int config)
{
	struct ksc_settings file;
	struct ksc_file raw = { 0 };
	int rc = ksc_file_take(&raw, config);

	if (!rc) {
		rc = ksc_settings_take(&file, path, &raw, NULL) ? -ENOMEM :
								  hand_wants(load, &file);
		ksc_settings_free(&file);
	}
	ksc_file_free(&raw);
	return rc;
}

/* The daemon gets the same text that is parsed here. */
static int hand_config(struct load *load, const char *path)
{
	int copy, rc = hand_file(load, path, &copy);

	if (copy >= 0) {
		if (!rc)
			rc = hand_named(load, path, copy);
		close(copy);
	}
	return rc;
}

static void free_load(struct load *load)
{
	while (load->n_owners)
		free(load->owners[--load->n_owners]);
	free(load->owners);
	free(load->gids);
}

/**
 * ksc_hand_word() - send the daemon a message without contents
 * @sock: socket to the daemon
 * @number: number of the load
 * @kind: KSC_HANDOVER_END or KSC_HANDOVER_CHANGED
 * @error: with KSC_HANDOVER_END, a negative errno or 0
 */
void ksc_hand_word(int sock, uint32_t number, uint32_t kind, int error)
{
	const struct load load = { .sock = sock, .number = number };
	struct ksc_handover head = { .kind = kind, .error = error };

	hand(&load, &head, "", NULL, 0, -1);
}

/**
 * ksc_hand_config() - hand over the configuration and what it names
 * @sock: socket to the daemon
 * @number: number of the load
 * @path: the configuration
 * @watch: watch for its files, freed once they have been added; or NULL
 * @enough: called when only owners of subordinate IDs are left
 *
 * Return: 0 or a negative errno; exits if the daemon is gone
 */
int ksc_hand_config(int sock, uint32_t number, const char *path, struct ksc_watch *watch,
		    int enough)
{
	struct load load = { .sock = sock, .number = number, .watch = watch, .enough = enough };
	const int rc = hand_config(&load, path);

	free_load(&load);
	return rc;
}
