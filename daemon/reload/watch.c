// SPDX-License-Identifier: GPL-2.0-only
/*
 * Notices that files have changed, whatever was replaced: a file, a directory above it, or a
 * symlink on its path, as certbot and Kubernetes do. So each name on the path is watched in its
 * directory, even if it does not exist.
 *
 * Two processes share the work: the process of a load walks the paths, adds watches to the inotify
 * instance of the reader, and exits. The reader waits for events. It only sees numbers in shared
 * memory: that of a watch, and the hash of a name. If two names have the same hash, an unnecessary
 * load follows.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <unistd.h>

#include "process/log.h"
#include "reload/watch.h"

/* At least half of the slots are empty. */
#define SLOTS		(2 * KSC_WATCH_NAMES)
/* The kernel's limit. */
#define MAX_LINKS	40
/* Maximum number of reads of events in one call */
#define AT_ONCE		16

/*
 * A write counts once the file is closed. Attributes count, because they decide who may use a key.
 * Changes of a directory itself are events of its parent.
 */
#define EVENTS	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB)

/**
 * struct slot - a watched name
 * @wd: watch of its directory; 0 in an empty slot
 * @hash: hash of the name
 */
struct slot {
	int wd;
	uint32_t hash;
};

/**
 * struct table - memory that both processes share
 * @complete: all names were added
 * @slots: the names
 */
struct table {
	uint32_t complete;
	struct slot slots[SLOTS];
};

/**
 * struct ksc_watch - watched names
 * @fd: inotify instance, which both processes share
 * @table: the names
 * @n_names: number of names, in the process that adds them
 * @n_dirs: number of directories, likewise
 * @last_wd: watch of the last directory, which has the highest number
 * @n_missed: number of paths that are not watched completely
 * @missed: the first of these
 * @error: why, as a negative errno
 */
struct ksc_watch {
	int fd;
	struct table *table;
	unsigned int n_names;
	unsigned int n_dirs;
	int last_wd;
	unsigned int n_missed;
	const char *missed;
	int error;
};

/**
 * struct walk - state of a path walk
 * @dir: the present directory
 * @links: number of symlinks so far
 * @error: the first error as a negative errno, or 0
 * @rest: the rest of the path
 */
struct walk {
	int dir;
	unsigned int links;
	int error;
	char rest[PATH_MAX];
};

/**
 * ksc_watch_new() - allocate a watch without names
 *
 * Return: the watch, shared with processes that are forked later; or NULL with errno
 */
struct ksc_watch *ksc_watch_new(void)
{
	struct ksc_watch *watch = calloc(1, sizeof(*watch));
	int error;

	if (!watch)
		return NULL;
	watch->table = mmap(NULL, sizeof(*watch->table), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (watch->table != MAP_FAILED) {
		watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
		if (watch->fd >= 0)
			return watch;
		error = errno;
		munmap(watch->table, sizeof(*watch->table));
		errno = error;
	}
	free(watch);
	return NULL;
}

/**
 * ksc_watch_free() - free this process's share of a watch
 * @watch: the watch, or NULL
 */
void ksc_watch_free(struct ksc_watch *watch)
{
	if (!watch)
		return;
	munmap(watch->table, sizeof(*watch->table));
	close(watch->fd);
	free(watch);
}

/**
 * ksc_watch_fd() - get the descriptor that is readable after an event
 * @watch: the watch
 *
 * Return: a descriptor
 */
int ksc_watch_fd(const struct ksc_watch *watch)
{
	return watch->fd;
}

/* FNV-1a */
static uint32_t hash_name(const char *name, size_t len)
{
	uint32_t hash = 2166136261U;
	size_t i;

	for (i = 0; i < len; i++)
		hash = (hash ^ (uint8_t)name[i]) * 16777619U;
	return hash;
}

/* The slot of a name, or an empty one for it; NULL if the table is full. */
static struct slot *find(struct table *table, int wd, uint32_t hash)
{
	const uint32_t first = hash ^ (uint32_t)wd * 2654435761U;
	uint32_t i;

	for (i = 0; i < SLOTS; i++) {
		struct slot *slot = &table->slots[(first + i) % SLOTS];

		if (!slot->wd || (slot->wd == wd && slot->hash == hash))
			return slot;
	}
	return NULL;
}

/* Returns the number of a directory's watch, the existing one if any; or a negative errno. */
static int watch_dir(struct ksc_watch *watch, int dir)
{
	char path[32];
	int wd;

	/* the directory's own path is not reliable: directories can be renamed meanwhile */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(watch->fd, path, EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK);
	if (wd < 0)
		return -errno;
	/* numbers of new watches only grow */
	if (wd <= watch->last_wd)
		return wd;
	if (watch->n_dirs == KSC_WATCH_DIRS) {
		inotify_rm_watch(watch->fd, wd);
		return -E2BIG;
	}
	watch->n_dirs++;
	watch->last_wd = wd;
	return wd;
}

static int watch_name(struct ksc_watch *watch, int dir, const char *name)
{
	const uint32_t hash = hash_name(name, strlen(name));
	const int wd = watch_dir(watch, dir);
	struct slot *slot;

	if (wd < 0)
		return wd;
	slot = find(watch->table, wd, hash);
	if (slot && slot->wd)
		return 0;
	if (!slot || watch->n_names == KSC_WATCH_NAMES)
		return -E2BIG;
	*slot = (struct slot) { .wd = wd, .hash = hash };
	watch->n_names++;
	return 0;
}

static void note_error(struct walk *walk, int error)
{
	if (!walk->error)
		walk->error = error;
}

/* Consumes @to, or errno if it is -1. Returns false if the walk ends, also without an error. */
static bool go(struct walk *walk, int to)
{
	if (to < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			note_error(walk, -errno);
		return false;
	}
	close(walk->dir);
	walk->dir = to;
	return true;
}

static bool follow(struct walk *walk, const char *target)
{
	char rest[PATH_MAX];

	/* open() of the path reports the error */
	if (++walk->links > MAX_LINKS ||
	    snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return false;
	memcpy(walk->rest, rest, sizeof(rest));
	return *target != '/' || go(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Takes the next name off the path, "" at its end. */
static void take_name(struct walk *walk, char name[PATH_MAX])
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	const size_t len = strcspn(from, "/");

	memcpy(name, from, len);
	name[len] = '\0';
	memmove(walk->rest, from + len, strlen(from + len) + 1);
}

/*
 * Watches the next name before its lookup, so that no change is missed. Returns false at the
 * path's end.
 */
static bool step(struct ksc_watch *watch, struct walk *walk)
{
	char name[PATH_MAX], target[PATH_MAX];
	ssize_t len;
	int rc;

	take_name(walk, name);
	if (!*name)
		return false;
	if (!strcmp(name, "."))
		return true;
	rc = strcmp(name, "..") ? watch_name(watch, walk->dir, name) : 0;
	if (rc)
		note_error(walk, rc);
	len = readlinkat(walk->dir, name, target, sizeof(target) - 1);
	if (len >= 0) {
		target[len] = '\0';
		return follow(walk, target);
	}
	return go(walk, openat(walk->dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

/**
 * ksc_watch_add() - watch a file
 * @watch: the watch, not complete
 * @path: its absolute path, not copied, valid until the watch is complete
 *
 * Earlier changes are not noticed, so the file must be opened after this call.
 */
void ksc_watch_add(struct ksc_watch *watch, const char *path)
{
	struct walk walk = { .dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) };

	if (walk.dir < 0)
		walk.error = -errno;
	else if (snprintf(walk.rest, sizeof(walk.rest), "%s", path) >= (int)sizeof(walk.rest))
		walk.error = -ENAMETOOLONG;
	while (walk.dir >= 0 && step(watch, &walk))
		;
	if (walk.dir >= 0)
		close(walk.dir);
	if (walk.error && !watch->n_missed++) {
		watch->missed = path;
		watch->error = walk.error;
	}
}

static const char *fault(int error)
{
	switch (error) {
	case E2BIG:
		return "the paths have more than 4096 directories or 16384 names";
	case ENOSPC:
		return "fs.inotify.max_user_watches is reached";
	}
	return strerror(error);
}

/**
 * ksc_watch_complete() - finish adding; what is not watched is logged
 * @watch: the watch
 */
void ksc_watch_complete(struct ksc_watch *watch)
{
	if (watch->n_missed)
		ksc_log(KSC_LOG_WARNING, "event=watch-incomplete files=%u reason=\"%s\" file=%s",
			watch->n_missed, fault(-watch->error), watch->missed);
	watch->table->complete = 1;
}

/**
 * ksc_watch_is_complete() - check whether everything was added
 * @watch: the watch, to which no process is adding
 *
 * Return: whether it was
 */
bool ksc_watch_is_complete(const struct ksc_watch *watch)
{
	return watch->table->complete;
}

static bool counts(struct ksc_watch *watch, const struct inotify_event *event)
{
	const struct slot *slot;

	/* a lost event may have been for a watched name */
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		return true;
	if (!event->len)
		return false;
	slot = find(watch->table, event->wd, hash_name(event->name, strlen(event->name)));
	return slot && slot->wd;
}

/**
 * ksc_watch_changed() - read events
 * @watch: the watch, complete
 *
 * A limited number is read, because events can arrive endlessly. More can be left.
 *
 * Return: whether a file has changed, or may have changed
 */
bool ksc_watch_changed(struct ksc_watch *watch)
{
	char buf[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *event;
	ssize_t len, at;
	int i;

	for (i = 0; i < AT_ONCE; i++) {
		len = read(watch->fd, buf, sizeof(buf));
		for (at = 0; at < len; at += (ssize_t)(sizeof(*event) + event->len)) {
			event = (const struct inotify_event *)(buf + at);
			if (counts(watch, event))
				return true;
		}
		if (len <= 0)
			break;
	}
	return false;
}
