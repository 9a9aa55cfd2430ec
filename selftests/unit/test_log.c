// SPDX-License-Identifier: GPL-2.0-only
/* log.c: lines, with a reader or without. */
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
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "process/log.h"

#define LINES	5000
/* What log.c has of lines that peers can cause. */
#define BURST	1000
#define PER_S	100
#define PAUSE_S	5

static struct timespec now = { .tv_sec = 1000 };

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts);

int __wrap_clock_gettime(clockid_t clock, struct timespec *ts)
{
	assert_int_equal(clock, CLOCK_MONOTONIC);
	*ts = now;
	return 0;
}

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
	static const char told[] = "event=lines-lost count=";
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
	/* The number of lost lines is logged, the second time as well. */
	for (i = 0; i < LINES; i++)
		ksc_log(KSC_LOG_INFO, "line %04u, of which there are more than anybody holds %080u",
			i, 0);
	missing = LINES - drain(fds[0], last, sizeof(last));
	ksc_log(KSC_LOG_INFO, "x");
	len = read(fds[0], last, sizeof(last) - 1);
	assert_true(len > 0);
	last[len] = '\0';
	assert_int_equal(strncmp(last, told, strlen(told)), 0);
	assert_int_equal(strtoul(last + strlen(told), NULL, 10), missing);
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

/* Started without stderr, we do not log into the file that is opened next. */
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
	assert_string_equal(last, "<4>a\\x0ab");
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

static int open_log(void **state)
{
	static int fds[2];
	char last[128];

	assert_int_equal(pipe(fds), 0);
	/* All buckets are full again, and nothing is left over. */
	now.tv_sec += 1000;
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_INFO);
	ksc_log(KSC_LOG_INFO, "begin");
	drain(fds[0], last, sizeof(last));
	*state = fds;
	return 0;
}

static int close_log(void **state)
{
	int *fds = *state;

	close(fds[0]);
	close(fds[1]);
	return 0;
}

static unsigned int flood(int fd, enum ksc_log_about about, unsigned int lines)
{
	unsigned int i, n = 0;
	char last[128];

	for (i = 0; i < lines; i++) {
		ksc_log_peer(about, KSC_LOG_INFO, "no");
		if (i % 100 == 99)
			n += drain(fd, last, sizeof(last));
	}
	return n + drain(fd, last, sizeof(last));
}

static void assert_lines(int fd, const char *text)
{
	char buf[512];
	ssize_t len = read(fd, buf, sizeof(buf) - 1);

	assert_true(len > 0);
	buf[len] = '\0';
	assert_string_equal(buf, text);
}

/* So many at once; and one note, when there are more again. */
static void peers_flood(void **state)
{
	const int fd = ((int *)*state)[0];

	assert_int_equal(flood(fd, KSC_LOG_FAILED, BURST + 1234), BURST);
	/* Not a line each that a single token would allow, with a note each. */
	now.tv_sec += PAUSE_S - 1;
	assert_int_equal(flood(fd, KSC_LOG_FAILED, 100), 0);
	now.tv_sec++;
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "again");
	assert_lines(fd, "event=lines-suppressed about=handshakes-failed count=1334\nagain\n");
	assert_int_equal(flood(fd, KSC_LOG_FAILED, LINES), PAUSE_S * PER_S - 1);
	now.tv_sec += BURST;
	assert_int_equal(flood(fd, KSC_LOG_FAILED, LINES), 1 + BURST);
}

/* In the time in which the journal counts to 10,000, by default. */
static void journals_rate(void **state)
{
	const int fd = ((int *)*state)[0];
	unsigned int n = 0, s;

	for (s = 0; s < 30; s++, now.tv_sec++) {
		n += flood(fd, KSC_LOG_FAILED, LINES);
		n += flood(fd, KSC_LOG_DONE, LINES);
		n += flood(fd, KSC_LOG_ASKED, LINES);
	}
	assert_in_range(n, 2 * (BURST + 20 * PER_S), 9000);
}

/* Neither the daemon's own lines nor those about finished handshakes. */
static void flood_hides_nothing(void **state)
{
	const int fd = ((int *)*state)[0];
	unsigned int i;

	assert_int_equal(flood(fd, KSC_LOG_FAILED, BURST + 7), BURST);
	ksc_log_peer(KSC_LOG_DONE, KSC_LOG_INFO, "done");
	assert_lines(fd, "done\n");
	ksc_log(KSC_LOG_INFO, "own");
	assert_lines(fd, "event=lines-suppressed about=handshakes-failed count=7\nown\n");
	/* of what applications ask for, there are few */
	assert_int_equal(flood(fd, KSC_LOG_ASKED, BURST), 100);
	ksc_log_peer(KSC_LOG_DONE, KSC_LOG_INFO, "done");
	assert_lines(fd, "done\n");
	ksc_log(KSC_LOG_INFO, "own");
	assert_lines(fd, "event=lines-suppressed about=applications count=900\nown\n");
	for (i = 0; i < 2 * BURST; i++) {
		ksc_log(KSC_LOG_WARNING, "own");
		assert_lines(fd, "own\n");
	}
	assert_int_equal(flood(fd, KSC_LOG_DONE, BURST + 3), BURST - 2);
	ksc_log(KSC_LOG_INFO, "own");
	assert_lines(fd, "event=lines-suppressed about=handshakes-done count=5\nown\n");
}

/* What is not logged takes nothing from what is. */
static void levels_of_peers(void **state)
{
	const int fd = ((int *)*state)[0];
	unsigned int i;

	for (i = 0; i < LINES; i++)
		ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_DEBUG, "no");
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "yes");
	assert_lines(fd, "yes\n");
}

/* The note is not lost with the line that it stands before. */
static void nobody_reads_notes(void **state)
{
	const int *fds = *state;
	char last[128];

	flood(fds[0], KSC_LOG_FAILED, BURST + 5);
	assert_int_equal(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	while (write(fds[1], "x\n", 2) == 2)
		;
	ksc_log(KSC_LOG_INFO, "not read");
	drain(fds[0], last, sizeof(last));
	ksc_log(KSC_LOG_INFO, "read");
	assert_lines(fds[0], "event=lines-lost count=1\n"
		     "event=lines-suppressed about=handshakes-failed count=5\nread\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(closed),
		cmocka_unit_test(full_pipe),
		cmocka_unit_test(full_socket),
		cmocka_unit_test(levels),
		cmocka_unit_test_setup_teardown(peers_flood, open_log, close_log),
		cmocka_unit_test_setup_teardown(journals_rate, open_log, close_log),
		cmocka_unit_test_setup_teardown(flood_hides_nothing, open_log, close_log),
		cmocka_unit_test_setup_teardown(levels_of_peers, open_log, close_log),
		cmocka_unit_test_setup_teardown(nobody_reads_notes, open_log, close_log),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
