// SPDX-License-Identifier: GPL-2.0-only
/* reader.c, watch.c: a reader that watches the files of its configuration. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "changing.h"
#include "reload/intake.h"
#include "reload/reader.h"

/* More than any answer takes, in ms */
#define LONG_MS	20000

/**
 * struct rig - a reader, and a daemon's end of it
 * @pid: the reader
 * @fd: leads to it
 * @intake: the daemon's end
 * @conf: the configuration
 */
struct rig {
	pid_t pid;
	int fd;
	struct ksc_intake *intake;
	char conf[64];
};

static void write_conf(const struct rig *rig, const char *daemon)
{
	FILE *f = fopen(rig->conf, "w");

	assert_non_null(f);
	assert_true(fprintf(f, "[daemon]\n%s[credential c]\nrole = client\ntrust = %s\n", daemon,
			    in("a/file")) > 0);
	assert_int_equal(fclose(f), 0);
}

static void load(struct rig *rig, int error)
{
	struct ksc_handed *handed = NULL;

	assert_int_equal(ksc_intake_load(rig->intake, LONG_MS, &handed), error);
	ksc_handed_free(handed);
}

/* The file is there, the configuration elsewhere. */
static void start(struct rig *rig)
{
	make("conf");
	a_file();
	snprintf(rig->conf, sizeof(rig->conf), "%s/conf/conf", dir);
	write_conf(rig, "");
	rig->fd = ksc_reader_start(rig->conf, &rig->pid);
	assert_true(rig->fd >= 0);
	rig->intake = ksc_intake_new(rig->fd);
	assert_non_null(rig->intake);
	load(rig, 0);
	assert_false(ksc_intake_changed(rig->intake));
}

static void stop(struct rig *rig)
{
	int status;

	ksc_intake_free(rig->intake);
	assert_int_equal(waitpid(rig->pid, &status, 0), rig->pid);
	assert_int_equal(status, 0);
}

static bool told_within(struct rig *rig, int ms)
{
	struct pollfd p = { .fd = rig->fd, .events = POLLIN };
	struct ksc_handed *handed;

	if (poll(&p, 1, ms) != 1)
		return false;
	assert_int_equal(ksc_intake_take(rig->intake, &handed), -EAGAIN);
	return ksc_intake_changed(rig->intake);
}

static void told(struct rig *rig)
{
	assert_true(told_within(rig, LONG_MS));
}

/* How many directories it watches, by /proc. */
static unsigned int count_watches(pid_t pid)
{
	char path[64], line[256];
	unsigned int n = 0;
	int fd;
	FILE *f;

	for (fd = 0; fd < 64; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
		f = fopen(path, "r");
		while (f && fgets(line, sizeof(line), f))
			n += !strncmp(line, "inotify ", 8);
		if (f)
			fclose(f);
	}
	return n;
}

/* It has them some time after it has handed over the last file. */
static void await_watches(const struct rig *rig, unsigned int n)
{
	unsigned int found = n + 1;
	int i;

	for (i = 0; i < LONG_MS && found != n; i++) {
		found = count_watches(rig->pid);
		usleep(1000);
	}
	assert_int_equal(found, n);
}

static void reader_tells(void **state)
{
	struct rig rig;
	int i;

	(void)state;
	start(&rig);
	for (i = 0; i < 3; i++) {
		put("a/new");
		move("a/new", "a/file");
		told(&rig);
		/* once, whatever is changed until it is loaded */
		put("a/file");
		put("a/file");
		assert_false(told_within(&rig, 300));
		load(&rig, 0);
		/* what was changed before that is no news */
		assert_false(told_within(&rig, 300));
	}
	stop(&rig);
}

/* What is changed in the same moment as it is loaded is not missed. */
static void reader_misses_nothing(void **state)
{
	struct rig rig;
	uint32_t i;

	(void)state;
	start(&rig);
	for (i = 2; i < 22; i++) {
		assert_int_equal(ksc_intake_ask(rig.intake), 0);
		usleep(i * 200);
		drop("a/file");
		for (;;) {
			struct pollfd p = { .fd = rig.fd, .events = POLLIN };
			struct ksc_handed *handed = NULL;
			struct ksc_file file = { 0 };
			int rc;

			assert_int_equal(poll(&p, 1, LONG_MS), 1);
			rc = ksc_intake_take(rig.intake, &handed);
			if (rc == -EAGAIN)
				continue;
			assert_int_equal(rc, 0);
			/* either it was loaded as it is now, or there is news of it */
			rc = ksc_handed_file(handed, in("a/file"), &file);
			ksc_handed_free(handed);
			if (rc != -ENOENT && !ksc_intake_changed(rig.intake))
				told(&rig);
			break;
		}
		put("a/file");
	}
	stop(&rig);
}

static void reader_watches_less(void **state)
{
	/* "/", "/tmp", the test's and the file's, but not the configuration's */
	const unsigned int n = 4;
	struct rig rig;

	(void)state;
	if (geteuid())
		skip();
	start(&rig);
	await_watches(&rig, n);
	/* as many, after any number of loads */
	load(&rig, 0);
	load(&rig, 0);
	await_watches(&rig, n);
	write_conf(&rig, "watch = no\n");
	load(&rig, 0);
	await_watches(&rig, 0);
	put("a/file");
	write_conf(&rig, "watch = yes\n");
	load(&rig, 0);
	await_watches(&rig, n);
	put("a/file");
	told(&rig);
	stop(&rig);
}

/* Without a configuration, the files of the last one are watched. */
static void reader_keeps_watch(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig);
	drop("conf/conf");
	load(&rig, 0);
	assert_false(told_within(&rig, 300));
	put("a/file");
	told(&rig);
	/* the next load has no more success, but the files may change once more */
	load(&rig, 0);
	put("a/file");
	told(&rig);
	stop(&rig);
}

/* What a process has had of a CPU */
static unsigned long cpu_ticks(pid_t pid)
{
	char path[32], line[512], *at;
	unsigned long user;
	int i;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	read_line(path, line);
	/* behind the name, which may have anything in it, there are eleven others */
	at = strrchr(line, ')');
	for (i = 0; at && i < 12; i++)
		at = strchr(at + 1, ' ');
	if (!at) {
		fail_msg("this is not understood: %s", line);
		return 0;
	}
	user = strtoul(at, &at, 10);
	return user + strtoul(at, NULL, 10);
}

static long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A process that creates files without end in a watched directory does not use up a CPU. */
static void reader_rests(void **state)
{
	const long begin = now_ms();
	unsigned long before, used;
	struct rig rig;
	int i;

	(void)state;
	start(&rig);
	before = cpu_ticks(rig.pid);
	while (now_ms() - begin < 1500)
		for (i = 0; i < 10; i++)
			put(i % 2 ? "a/x" : "a/y");
	used = (cpu_ticks(rig.pid) - before) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
	assert_in_range(used, 0, (now_ms() - begin) / 3);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(reader_tells, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(reader_misses_nothing, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(reader_watches_less, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(reader_keeps_watch, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(reader_rests, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("watch_reader", tests, NULL, NULL);
}
