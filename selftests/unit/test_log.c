// SPDX-License-Identifier: GPL-2.0-only
/* log.c: lines, whoever reads them or does not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "log.h"

#define LINES	5000

/* Everything there is to read now; how many lines. */
static unsigned int drain(int fd, char *last, size_t size)
{
	char buf[4096];
	unsigned int n = 0;
	size_t at = 0;
	ssize_t len, i;

	assert_int_equal(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
	last[0] = '\0';
	while ((len = read(fd, buf, sizeof(buf))) > 0)
		for (i = 0; i < len; i++) {
			if (buf[i] != '\n') {
				if (at < size - 1)
					last[at++] = buf[i];
				continue;
			}
			last[at] = '\0';
			at = 0;
			n++;
		}
	/* none was torn */
	assert_int_equal(at, 0);
	return n;
}

static void nobody_reads(int fds[2])
{
	unsigned int read_lines, i;
	unsigned long missing;
	char last[128];
	ssize_t len;

	ksc_log_open(fds[1]);
	/* Others have it too, and wait as they did. */
	assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
	alarm(20);
	for (i = 0; i < LINES; i++)
		ksc_log(KSC_LOG_INFO, "line %04u, of which there are more than anybody holds %080u",
			i, 0);
	alarm(0);
	read_lines = drain(fds[0], last, sizeof(last));
	assert_in_range(read_lines, 1, LINES - 1);
	ksc_log(KSC_LOG_INFO, "the first that is read");
	assert_int_equal(drain(fds[0], last, sizeof(last)), 2);
	assert_string_equal(last, "the first that is read");
	ksc_log(KSC_LOG_INFO, "the second");
	assert_int_equal(drain(fds[0], last, sizeof(last)), 1);
	/* How many there were is told, of a second time as well. */
	for (i = 0; i < LINES; i++)
		ksc_log(KSC_LOG_INFO, "line %04u, of which there are more than anybody holds %080u",
			i, 0);
	missing = LINES - drain(fds[0], last, sizeof(last));
	ksc_log(KSC_LOG_INFO, "x");
	len = read(fds[0], last, sizeof(last) - 1);
	assert_true(len > 0);
	last[len] = '\0';
	assert_int_equal(strtoul(last, NULL, 10), missing);
	assert_non_null(strstr(last, " lines of the log were lost here\n"));
	close(fds[0]);
	close(fds[1]);
}

static void full_pipe(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	nobody_reads(fds);
}

/* As the journal's. */
static void full_socket(void **state)
{
	int fds[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nobody_reads(fds);
}

/* Who starts us without it does not have what is opened next written to. */
static void closed(void **state)
{
	const int kept = dup(STDERR_FILENO);
	int fds[2], fd;
	char c;

	(void)state;
	assert_int_equal(close(STDERR_FILENO), 0);
	ksc_log_open(STDERR_FILENO);
	fd = socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds);
	ksc_log(KSC_LOG_ERROR, "a line");
	dup2(kept, STDERR_FILENO);
	close(kept);
	assert_int_equal(fd, 0);
	assert_int_equal(recv(fds[1], &c, 1, MSG_DONTWAIT), -1);
	assert_int_equal(recv(fds[0], &c, 1, MSG_DONTWAIT), -1);
	close(fds[0]);
	close(fds[1]);
}

static void levels(void **state)
{
	char text[64], last[128];
	struct stat st;
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	assert_int_equal(fstat(fds[1], &st), 0);
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
	ksc_log_open(fds[1]);
	ksc_log(KSC_LOG_WARNING, "a\nb");
	drain(fds[0], last, sizeof(last));
	assert_string_equal(last, "<4>a?b");
	/* The service's standard error is the journal's, ours is not. */
	snprintf(text, sizeof(text), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	assert_int_equal(setenv("JOURNAL_STREAM", text, 1), 0);
	ksc_log_open(fds[1]);
	ksc_log(KSC_LOG_WARNING, "plain");
	drain(fds[0], last, sizeof(last));
	assert_string_equal(last, "plain");
	unsetenv("JOURNAL_STREAM");
	ksc_log_open(fds[1]);
	ksc_log(KSC_LOG_WARNING, "plain");
	drain(fds[0], last, sizeof(last));
	assert_string_equal(last, "plain");
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed),
		cmocka_unit_test(full_pipe),
		cmocka_unit_test(full_socket),
		cmocka_unit_test(levels),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
