// SPDX-License-Identifier: GPL-2.0-only
/*
 * Noticing that files are no longer what they were, whatever has been replaced: a file, a
 * directory above it, or a link on the way, as certbot and Kubernetes do. So each name on the
 * way is watched for in the directory that it is in, also one that is not there.
 *
 * Two processes do it together: the one of a load walks the ways and adds watches to what the
 * reader has made, and ends. The reader waits for changes, and sees nothing of what is walked
 * but numbers in memory that they share: a watch's, and a hash of a name. Names of the same
 * hash cause a load for nothing.
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

/* Half of them are empty at least. */
#define SLOTS		(2 * KSC_WATCH_NAMES)
/* As many as the kernel follows. */
#define MAX_LINKS	40
/* Reads of events before others have their turn */
#define AT_ONCE		16

/*
 * A file that is written to counts once it is closed. Attributes do, as they say who may use a
 * key. What becomes of a directory itself is an event of the one above it.
 */
#define EVENTS	(IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_CLOSE_WRITE | IN_ATTRIB)

/**
 * struct slot - a name that counts
 * @wd: the watch of the directory that it is in; 0 in an empty slot
 * @hash: of the name
 */
struct slot {
	int wd;
	uint32_t hash;
};

/**
 * struct table - what both processes see
 * @complete: all names are in it that were to be
 * @slots: the names
 */
struct table {
	uint32_t complete;
	struct slot slots[SLOTS];
};

/**
 * struct ksc_watch - the names that are watched for
 * @fd: the inotify instance, of both processes
 * @table: the names
 * @n_names: how many, as known to who adds them
 * @n_dirs: and the directories
 * @last_wd: the last directory's watch, of the highest number
 * @n_missed: how many paths are not watched, or not all of the way
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
 * struct walk - a way that is walked
 * @dir: the directory that has been reached
 * @links: how many links there were
 * @error: the first that there was, as a negative errno, or 0
 * @rest: names of what is left of it
 */
struct walk {
	int dir;
	unsigned int links;
	int error;
	char rest[PATH_MAX];
};

/**
 * ksc_watch_new() - watch for nothing as yet
 *
 * Return: the watch, of this process and those that it forks; or NULL and errno says why
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
 * ksc_watch_free() - watch no more, as far as this process has a part in it
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
 * ksc_watch_fd() - what is readable when something has happened
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

/* The slot that a name has, or would have; NULL if there is none left. */
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

/* Returns the number of a directory's watch, the same whenever it is asked; or a negative errno. */
static int watch_dir(struct ksc_watch *watch, int dir)
{
	char path[32];
	int wd;

	/* what has no other name that is as good: directories can change places while we look */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", dir);
	wd = inotify_add_watch(watch->fd, path, EVENTS | IN_ONLYDIR | IN_EXCL_UNLINK);
	if (wd < 0)
		return -errno;
	/* numbers only grow */
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

/* Takes @to. What is no directory, or not there, is the way's end: returns whether it is not. */
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

	/* who opens it finds out */
	if (++walk->links > MAX_LINKS ||
	    snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= (int)sizeof(rest))
		return false;
	memcpy(walk->rest, rest, sizeof(rest));
	return *target != '/' || go(walk, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* The next name on the way, "" at its end. */
static void take_name(struct walk *walk, char name[PATH_MAX])
{
	const char *from = walk->rest + strspn(walk->rest, "/");
	const size_t len = strcspn(from, "/");

	memcpy(name, from, len);
	name[len] = '\0';
	memmove(walk->rest, from + len, strlen(from + len) + 1);
}

/*
 * A name is watched for before it is looked at, so that no change of it is missed. Returns
 * whether there is more of the way.
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
 * @path: its name, absolute, which has to stay until the watch is complete
 *
 * What was changed before this was called is not noticed, so it is to be opened later.
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
		return "there are more than 4096 directories or 16384 names on the ways to all";
	case ENOSPC:
		return "fs.inotify.max_user_watches is reached";
	}
	return strerror(error);
}

/**
 * ksc_watch_complete() - all has been added; what is not watched is told in the log
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
 * ksc_watch_is_complete() - whether all has been added
 * @watch: the watch, to which nobody adds at the moment
 *
 * Return: whether it has
 */
bool ksc_watch_is_complete(const struct ksc_watch *watch)
{
	return watch->table->complete;
}

static bool counts(struct ksc_watch *watch, const struct inotify_event *event)
{
	const struct slot *slot;

	/* of events that were lost, one may have been ours */
	if (event->mask & (IN_Q_OVERFLOW | IN_UNMOUNT))
		return true;
	if (!event->len)
		return false;
	slot = find(watch->table, event->wd, hash_name(event->name, strlen(event->name)));
	return slot && slot->wd;
}

/**
 * ksc_watch_changed() - look at what has happened
 * @watch: the watch, to which nobody adds any more
 *
 * There may be more afterwards: somebody can have things happen without end.
 *
 * Return: whether a file has changed, or may have
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
