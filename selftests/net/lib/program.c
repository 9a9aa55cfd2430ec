// SPDX-License-Identifier: GPL-2.0-only
/*
 * What any program of tests needs: its main function, checks that name what failed, threads,
 * the time, data, and facts about the machine.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "../../random.h"
#include "net.h"

/**
 * t_sys() - insist on a system call
 * @ret: what it returned
 * @what: the call
 * @file: where
 * @line: where
 * Return: @ret
 */
long t_sys(long ret, const char *what, const char *file, int line)
{
	if (ret < 0) {
		print_error("%s: %s\n", what, strerror(errno));
		_fail(file, line);
	}
	return ret;
}

/**
 * t_fails() - insist on a system call's failure
 * @ret: what it returned
 * @error: the errno that is right
 * @what: the call
 * @file: where
 * @line: where
 */
void t_fails(long ret, int error, const char *what, const char *file, int line)
{
	int got = errno;

	if (ret >= 0) {
		print_error("%s: returned %ld, not %s\n", what, ret, strerror(error));
		_fail(file, line);
	}
	if (got != error) {
		print_error("%s: %s, not %s\n", what, strerror(got), strerror(error));
		_fail(file, line);
	}
}

/**
 * t_shell() - run a command, in a guest of the tests' own
 * @command: for the shell
 * Return: its status, as of waitpid()
 */
int t_shell(const char *command)
{
	return system(command); /* NOLINT(cert-env33-c) */
}

/**
 * t_net_counter() - a counter of the network stack
 * @file: its file in /proc/net: snmp or netstat
 * @group: the group's name, without the colon
 * @name: its name
 * Return: the value
 */
uint64_t t_net_counter(const char *file, const char *group, const char *name)
{
	char path[32], *n, *v, *np = NULL, *vp = NULL;
	static char names[8192], values[8192];
	const size_t len = strlen(group);
	FILE *f;

	snprintf(path, sizeof(path), "/proc/net/%s", file);
	f = fopen(path, "re");
	assert_non_null(f);
	/* a line of names, and one of values */
	do {
		assert_non_null(fgets(names, sizeof(names), f));
		assert_non_null(fgets(values, sizeof(values), f));
	} while (strncmp(names, group, len) != 0 || names[len] != ':');
	fclose(f);
	for (n = strtok_r(names, "\n ", &np), v = strtok_r(values, "\n ", &vp); n && v;
	     n = strtok_r(NULL, "\n ", &np), v = strtok_r(NULL, "\n ", &vp)) {
		if (!strcmp(n, name))
			return strtoull(v, NULL, 10);
	}
	fail_msg("no counter %s of %s in %s", name, group, path);
	return 0;
}

/**
 * t_write_file() - write to a file that is there, of the kernel's as a rule
 * @path: its path
 * @text: all that is written
 * Return: whether that was taken
 */
bool t_write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool done = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return done;
}

/**
 * t_fill() - make reproducible data that does not compress or repeat
 * @data: where to put it
 * @len: how much
 * @seed: which
 */
void t_fill(void *data, size_t len, uint64_t seed)
{
	uint64_t x = seed * 0x9e3779b97f4a7c15U + 0x123456789U;
	uint8_t *p = data;

	for (size_t i = 0; i < len; i++) {
		if (i % 8 == 0)
			next_random(&x);
		p[i] = (uint8_t)(x >> (i % 8 * 8));
	}
}

/**
 * t_now_ms() - the time
 * Return: milliseconds of the monotonic clock
 */
int64_t t_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/**
 * t_ticks_ms() - the time by which the kernel's timers go
 * Return: milliseconds of the monotonic clock, as the kernel's ticks have it
 *
 * Where the CPU that counts them is paused they are late, and they jump when it goes on: a
 * timer may be over long before t_now_ms() says so, but never before this does.
 */
int64_t t_ticks_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/**
 * t_kasan() - check whether the kernel has KASAN
 * Return: whether it has; freed memory is not free there, and not as it was
 */
bool t_kasan(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	bool found = false;
	char line[256];

	while (file && !found && fgets(line, sizeof(line), file))
		found = strstr(line, " __asan_load8\n");
	if (file)
		fclose(file);
	return found;
}

/**
 * t_thread() - start a thread
 * @thread: gets its id
 * @run: what it does; it must not use cmocka's checks
 * @arg: for @run
 */
void t_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
	sigset_t all, old;

	/* SIGCHLD, ignored or not, would interrupt its system calls */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	errno = pthread_create(thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	SYS(errno ? -1 : 0);
}

/**
 * t_join() - wait for a thread
 * @thread: its id
 */
void t_join(pthread_t thread)
{
	errno = pthread_join(thread, NULL);
	SYS(errno ? -1 : 0);
}

static void on_alarm(int sig)
{
	static const char text[] = "Bail out! the test takes too long\n";

	(void)sig;
	t_put_back();
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

/**
 * t_setup() - before each test
 * @state: not used
 * Return: 0
 */
int t_setup(void **state)
{
	(void)state;
	alarm(PATIENCE_LONG_S);
	return 0;
}

/**
 * t_run() - the main function of a test program
 * @name: name of the source file
 * @tests: the tests
 * @count: number of tests
 * Return: exit status
 */
int t_run(const char *name, const struct CMUnitTest *tests, size_t count)
{
	struct CMUnitTest *copy = calloc(count, sizeof(*copy));
	int ret;

	if (!copy)
		return 1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, on_alarm);
	setvbuf(stdout, NULL, _IOLBF, 0);
	cmocka_set_message_output(CM_OUTPUT_TAP);
	/* for debugging one test */
	if (getenv("TEST_FILTER"))
		cmocka_set_test_filter(getenv("TEST_FILTER"));
	for (size_t i = 0; i < count; i++) {
		copy[i] = tests[i];
		if (!copy[i].setup_func)
			copy[i].setup_func = t_setup;
	}
	ret = _cmocka_run_group_tests(name, copy, count, NULL, NULL);
	free(copy);
	return ret ? 1 : 0;
}

/**
 * t_skip() - report that the tests of a program can't run here
 * @tests: the tests
 * @count: number of tests
 * @why: the reason
 * Return: exit status
 */
int t_skip(const struct CMUnitTest *tests, size_t count, const char *why)
{
	printf("1..%zu\n", count);
	for (size_t i = 0; i < count; i++)
		printf("ok %zu - %s # SKIP %s\n", i + 1, tests[i].name, why);
	return 0;
}
