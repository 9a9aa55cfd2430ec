// SPDX-License-Identifier: GPL-2.0-only
/* The module's parameters, and others of the kernel's, as the tests set them. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define PARAMETERS "/sys/module/kschannel/parameters/"

/**
 * struct kept - what a file of the kernel's held before the program wrote to it
 * @path: its path
 * @fd: the file, as the program may be in another namespace when it ends
 * @text: that
 * @len: its length
 */
struct kept {
	char path[96];
	int fd;
	char text[160];
	size_t len;
};

static struct kept kept[64];
static size_t kept_count;
/* its children end, too */
static pid_t keeper;

/**
 * t_put_back() - let the files that were kept hold what they held
 *
 * At the program's end, in a signal handler if that is its end.
 */
void t_put_back(void)
{
	if (getpid() != keeper)
		return;
	while (kept_count) {
		const struct kept *k = &kept[--kept_count];

		/* debugfs knows no positions */
		if (pwrite(k->fd, k->text, k->len, 0) != (ssize_t)k->len &&
		    write(k->fd, k->text, k->len) != (ssize_t)k->len)
			dprintf(STDOUT_FILENO, "# %s is not what it was\n", k->path);
		close(k->fd);
	}
}

/**
 * t_keep() - put a file of the kernel's back when the program ends, even if it takes too long
 * @path: its path; nothing happens if it is not there
 */
void t_keep(const char *path)
{
	struct kept *k = &kept[kept_count];
	ssize_t len;
	int fd;

	for (size_t i = 0; i < kept_count; i++) {
		if (!strcmp(kept[i].path, path))
			return;
	}
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return;
	assert_in_range(kept_count, 0, ARRAY_SIZE(kept) - 1);
	assert_in_range(strlen(path), 1, sizeof(k->path) - 1);
	len = SYS(read(fd, k->text, sizeof(k->text)));
	k->fd = fd;
	assert_in_range(len, 1, sizeof(k->text) - 1);
	if (!keeper)
		SYS(atexit(t_put_back));
	keeper = getpid();
	k->len = (size_t)len;
	memcpy(k->path, path, strlen(path) + 1);
	kept_count++;
}

static FILE *open_parameter(const char *name, const char *mode)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), PARAMETERS "%s", name);
	if (*mode == 'w')
		t_keep(path);
	file = fopen(path, mode);
	assert_non_null(file);
	return file;
}

/**
 * t_failpoint() - widen the window of a race, and close the others
 * @at: which
 * @ms: how long
 * Return: whether the module can do that
 */
bool t_failpoint(enum t_failpoint at, unsigned int ms)
{
	static const char path[] = PARAMETERS "failpoint_ms";
	char text[64];
	size_t len = 0;
	int fd;

	t_keep(path);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	for (int i = 0; i < T_FAILPOINTS; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? "," : "",
					i == (int)at ? ms : 0);
	SYS(write(fd, text, len));
	close(fd);
	return true;
}

/* A thread's state, as proc(5) has it; 0 if it has ended */
static char thread_state(pid_t tid)
{
	char path[64], text[256], *end;
	FILE *file;
	size_t n;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

/**
 * t_await_held() - wait until a thread is at a failpoint, or has left it
 * @at: the thread, as soon as that is not 0
 * @is: which of these
 *
 * Only there does it sleep for long and can't be interrupted.
 */
void t_await_held(atomic_int *at, bool is)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	pid_t tid;

	while (!(tid = atomic_load(at)) || (thread_state(tid) == 'D') != is) {
		if (t_now_ms() > end)
			fail_msg("the thread is%s held", is ? " not" : "");
		nanosleep(&pause, NULL);
	}
}

/**
 * t_await_asleep() - wait until a thread waits in its call
 * @at: the thread, as soon as that is not 0
 */
void t_await_asleep(atomic_int *at)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	pid_t tid;

	while (!(tid = atomic_load(at)) || thread_state(tid) != 'S') {
		if (t_now_ms() > end)
			fail_msg("the thread does not wait");
		nanosleep(&pause, NULL);
	}
}

/**
 * t_set_parameter() - write a parameter of the module
 * @name: its name
 * @value: the value
 */
void t_set_parameter(const char *name, unsigned int value)
{
	FILE *file = open_parameter(name, "we");

	fprintf(file, "%u", value);
	assert_int_equal(fclose(file), 0);
}

/**
 * t_flood_limits() - how much without data a peer may send
 * @dataless: records in a row, 0 for any number
 * @key_updates: KeyUpdates a second, 0 for any number
 */
void t_flood_limits(unsigned int dataless, unsigned int key_updates)
{
	t_set_parameter("max_dataless", dataless);
	t_set_parameter("max_key_updates", key_updates);
}

/**
 * t_unlimited() - setup of tests in which a peer may send any number of records without data
 * @state: cmocka's
 * Return: 0
 */
int t_unlimited(void **state)
{
	t_setup(state);
	t_flood_limits(0, 0);
	return 0;
}

/**
 * t_limited() - their teardown
 * @state: cmocka's
 * Return: 0
 */
int t_limited(void **state)
{
	(void)state;
	t_flood_limits(T_DATALESS, T_KEY_UPDATES);
	return 0;
}

/**
 * t_parameter() - read a parameter of the module
 * @name: its name
 *
 * Return: the number
 */
unsigned int t_parameter(const char *name)
{
	FILE *file = open_parameter(name, "re");
	char text[16] = "", *end;
	unsigned long value;

	assert_non_null(fgets(text, sizeof(text), file));
	fclose(file);
	value = strtoul(text, &end, 10);
	assert_true(end > text);
	return (unsigned int)value;
}
