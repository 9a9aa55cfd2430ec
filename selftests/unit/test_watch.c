// SPDX-License-Identifier: GPL-2.0-only
/* watch.c: files that change, in all common ways. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "changing.h"
#include "process/log.h"
#include "reload/watch.h"

static struct ksc_watch *watch_paths(const char *const *paths, size_t n)
{
	struct ksc_watch *watch = ksc_watch_new();
	size_t i;

	assert_non_null(watch);
	for (i = 0; i < n; i++)
		ksc_watch_add(watch, paths[i]);
	ksc_watch_complete(watch);
	return watch;
}

static struct ksc_watch *watch_path(const char *path)
{
	return watch_paths(&path, 1);
}

/* ---- what can be done to a file ---- */

static void sh(const char *commands)
{
	char text[512];

	assert_true(snprintf(text, sizeof(text), "set -e; cd %s; %s", dir, commands) <
		    (int)sizeof(text));
	assert_int_equal(system(text), 0); /* NOLINT(cert-env33-c): our own names */
}

#define FILE_IN_A	"mkdir a; echo >a/file"
/* Each renewal is a file of its own, and the link another one. */
#define CERTBOT		"mkdir archive live; echo >archive/file1; ln -s live a;" \
			"ln -s ../archive/file1 live/file"
/* All files of a volume are replaced by one link. */
#define KUBERNETES	"mkdir -p a/..1; echo >a/..1/file; ln -s ..1 a/..data;" \
			"ln -s ..data/file a/file"
#define ABSOLUTE	"mkdir a b c; echo >c/file; ln -s $PWD/b/../c/./file a/file"
#define DANGLING	"mkdir a b; ln -s ../b/file a/file"
#define ENDLESS		"mkdir a; ln -s file2 a/file; ln -s file a/file2"

/**
 * struct shape - what is done
 * @prepare: before "a/file" is watched
 * @change: what is to be noticed
 */
struct shape {
	const char *prepare;
	const char *change;
};

static const struct shape list[] = {
	{ FILE_IN_A, "echo >a/new; mv a/new a/file" },
	{ FILE_IN_A, "echo >>a/file" },
	{ FILE_IN_A, "rm a/file" },
	{ FILE_IN_A, "mv a/file x" },
	{ FILE_IN_A, "chmod 640 a/file" },
	{ FILE_IN_A, "chmod 700 a" },
	{ FILE_IN_A, "mkdir b; echo >b/file; mv a old; mv b a" },
	{ FILE_IN_A, "rm -r a" },
	{ "mkdir a", "echo >a/file" },
	{ "mkdir a", "echo >a/new; mv a/new a/file" },
	{ "mkdir a; echo >x", "ln x a/file" },
	{ "mkdir a", "ln -s /etc/passwd a/file" },
	/* that is all that is to be noticed of the way */
	{ ":", "mkdir a" },
	{ ":", CERTBOT },
	{ CERTBOT, "echo >archive/file2; ln -s ../archive/file2 new; mv new live/file" },
	{ CERTBOT, "echo >archive/file1" },
	{ CERTBOT, "mkdir b; echo >b/file; ln -s b new; mv -T new a" },
	{ KUBERNETES, "mkdir a/..2; echo >a/..2/file; ln -s ..2 a/new; mv -T a/new a/..data" },
	{ ABSOLUTE, "echo >c/new; mv c/new c/file" },
	{ DANGLING, "echo >b/file" },
	{ ENDLESS, "ln -s /etc/passwd a/new; mv a/new a/file2" },
};

static void shapes(void **state)
{
	struct ksc_watch *watch;
	size_t i;

	for (i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
		sh(list[i].prepare);
		watch = watch_path(in("a/file"));
		assert_true(ksc_watch_is_complete(watch));
		assert_false(ksc_watch_changed(watch));
		/* what does not count is not there afterwards either */
		put("unrelated");
		drop("unrelated");
		assert_false(ksc_watch_changed(watch));
		sh(list[i].change);
		/* nothing has to be waited for */
		if (!ksc_watch_changed(watch))
			fail_msg("was not noticed: %s", list[i].change);
		ksc_watch_free(watch);
		assert_int_equal(remove_dir(state), 0);
		assert_int_equal(make_dir(state), 0);
	}
}

/* Deleted and made again, with a look at it in between. */
static void again(void **state)
{
	struct ksc_watch *watch;

	(void)state;
	a_file();
	watch = watch_path(in("a/file"));
	drop("a/file");
	assert_true(ksc_watch_changed(watch));
	while (ksc_watch_changed(watch))
		;
	put("a/file");
	assert_true(ksc_watch_changed(watch));
	ksc_watch_free(watch);
}

/* Files that are read, and others in the same directories, are no changes. */
static void unrelated(void **state)
{
	struct ksc_watch *watch;
	char buf[4];
	int fd, i;

	(void)state;
	sh(CERTBOT);
	watch = watch_path(in("a/file"));
	fd = open(in("a/file"), O_RDONLY);
	assert_true(fd >= 0);
	assert_int_equal(read(fd, buf, sizeof(buf)), 1);
	close(fd);
	for (i = 0; i < 100; i++) {
		put("archive/file");
		put("live/file1");
		put("archive/file10");
		move("archive/file10", "live/file10");
		drop("live/file10");
	}
	assert_false(ksc_watch_changed(watch));
	ksc_watch_free(watch);
}

static void unmounted(void **state)
{
	const int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	struct ksc_watch *watch;

	(void)state;
	make("a");
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("x", in("a"), "tmpfs", 0, NULL)) {
		close(here);
		skip();
	}
	put("a/file");
	watch = watch_path(in("a/file"));
	assert_false(ksc_watch_changed(watch));
	assert_int_equal(umount(in("a")), 0);
	assert_true(ksc_watch_changed(watch));
	ksc_watch_free(watch);
	assert_int_equal(setns(here, CLONE_NEWNS), 0);
	close(here);
}

/* ---- bounds ---- */

/* Looks at what has happened until all has been; says whether something of it counts. */
static bool changed_at_last(struct ksc_watch *watch)
{
	struct pollfd p = { .fd = ksc_watch_fd(watch), .events = POLLIN };
	bool changed = false;

	while (!changed && poll(&p, 1, 0) == 1)
		changed = ksc_watch_changed(watch);
	return changed;
}

/* A process that creates files without end delays others by one pass, and hides no change. */
static void overflow(void **state)
{
	struct ksc_watch *watch;
	unsigned long most, i;
	char line[512];

	(void)state;
	read_line("/proc/sys/fs/inotify/max_queued_events", line);
	most = strtoul(line, NULL, 10);
	if (most > 100000)
		skip();
	a_file();
	watch = watch_path(in("a/file"));
	put("a/x");
	put("a/y");
	for (i = 0; i < 4000; i++)
		touch(i % 2 ? "a/x" : "a/y");
	/* there is more than it looks at in a turn */
	assert_false(ksc_watch_changed(watch));
	assert_false(changed_at_last(watch));
	for (i = 0; i < most; i++)
		touch(i % 2 ? "a/x" : "a/y");
	put("a/file");
	assert_true(changed_at_last(watch));
	ksc_watch_free(watch);
}

static void log_to_file(void)
{
	const int fd = open(in("log"), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	ksc_log_open(fd);
}

static bool logged(const char *what)
{
	FILE *f = fopen(in("log"), "r");
	char line[1024];
	bool found = false;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		found |= !!strstr(line, what);
	fclose(f);
	return found;
}

static void numbered(char path[64], const char *what, unsigned int i, const char *more)
{
	snprintf(path, 64, "%s/%s%u%s", dir, what, i, more);
}

/* Names beyond the limit are logged, and the rest is watched. */
static void many_names(void **state)
{
	static char names[KSC_WATCH_NAMES + 3][64];
	static const char *paths[KSC_WATCH_NAMES + 3];
	struct ksc_watch *watch;
	unsigned int i;

	(void)state;
	for (i = 0; i < KSC_WATCH_NAMES + 3; i++) {
		numbered(names[i], "n", i, "");
		paths[i] = names[i];
	}
	log_to_file();
	/* those on the way have names, too, and some may have the hashes of others */
	watch = watch_paths(paths, KSC_WATCH_NAMES - 100);
	assert_false(logged("event=watch-incomplete"));
	ksc_watch_free(watch);
	watch = watch_paths(paths, KSC_WATCH_NAMES + 3);
	assert_true(logged("event=watch-incomplete files="));
	assert_true(logged("the paths have more than 4096 directories or 16384 names"));
	assert_false(ksc_watch_changed(watch));
	put("n0");
	assert_true(ksc_watch_changed(watch));
	while (ksc_watch_changed(watch))
		;
	put("n7000");
	assert_true(ksc_watch_changed(watch));
	ksc_watch_free(watch);
}

static void many_dirs(void **state)
{
	static char names[KSC_WATCH_DIRS + 10][64];
	static const char *paths[KSC_WATCH_DIRS + 10];
	struct ksc_watch *watch;
	unsigned int i;
	char name[64];

	(void)state;
	for (i = 0; i < KSC_WATCH_DIRS + 10; i++) {
		numbered(name, "d", i, "");
		assert_int_equal(mkdir(name, 0700), 0);
		numbered(names[i], "d", i, "/file");
		paths[i] = names[i];
	}
	log_to_file();
	watch = watch_paths(paths, KSC_WATCH_DIRS - 10);
	/* the kernel's limit may be lower */
	if (!logged("max_user_watches")) {
		assert_false(logged("event=watch-incomplete"));
		ksc_watch_free(watch);
		watch = watch_paths(paths, KSC_WATCH_DIRS + 10);
		assert_true(logged("the paths have more than 4096 directories"));
	}
	put("d0/file");
	assert_true(ksc_watch_changed(watch));
	while (ksc_watch_changed(watch))
		;
	/* this one is not watched itself, but that there is such a directory is */
	put("d4105/file");
	assert_false(ksc_watch_changed(watch));
	move("d4105", "x");
	assert_true(ksc_watch_changed(watch));
	ksc_watch_free(watch);
}

static void bad_paths(void **state)
{
	static char longest[PATH_MAX + 100], name[NAME_MAX + 20];
	struct ksc_watch *watch;

	(void)state;
	log_to_file();
	memset(longest, 'x', sizeof(longest) - 1);
	longest[0] = '/';
	watch = watch_path(longest);
	assert_true(logged("File name too long"));
	ksc_watch_free(watch);
	log_to_file();
	memset(name, 'y', sizeof(name) - 1);
	name[0] = '/';
	watch = watch_path(name);
	assert_true(logged("File name too long"));
	ksc_watch_free(watch);
	/* nothing is wrong with these */
	log_to_file();
	ksc_watch_free(watch_path("/"));
	ksc_watch_free(watch_path("//etc//passwd/"));
	ksc_watch_free(watch_path("/etc/passwd/nothing"));
	ksc_watch_free(watch_path("/../../etc/."));
	assert_false(logged("event=watch-incomplete"));
}

/* ---- one process adds, another waits ---- */

static void two_processes(void **state)
{
	struct ksc_watch *watch = ksc_watch_new();
	int status, complete;
	pid_t pid;

	(void)state;
	a_file();
	for (complete = 0; complete < 2; complete++) {
		pid = fork();
		if (!pid) {
			ksc_watch_add(watch, in("a/file"));
			if (complete)
				ksc_watch_complete(watch);
			ksc_watch_free(watch);
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		assert_int_equal(ksc_watch_is_complete(watch), complete);
	}
	put("x");
	assert_false(ksc_watch_changed(watch));
	put("a/file");
	assert_true(ksc_watch_changed(watch));
	ksc_watch_free(watch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(shapes, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(again, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(unrelated, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(unmounted, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(overflow, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(many_names, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(many_dirs, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(bad_paths, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(two_processes, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("watch", tests, NULL, NULL);
}
