// SPDX-License-Identifier: GPL-2.0-only
/* table.c: tables as they are printed. */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include <libsmartcols.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static struct ctl_table *table;

/* Calls of libsmartcols that fail with -ENOMEM, and the text that one returns although cut. */
static bool no_cell, no_string;
static const char *short_string;

int __real_scols_line_refer_data(struct libscols_line *line, size_t n, char *data);
int __wrap_scols_line_refer_data(struct libscols_line *line, size_t n, char *data);
int __real_scols_print_table_to_string(struct libscols_table *lines, char **data);
int __wrap_scols_print_table_to_string(struct libscols_table *lines, char **data);

int __wrap_scols_line_refer_data(struct libscols_line *line, size_t n, char *data)
{
	return no_cell ? -ENOMEM : __real_scols_line_refer_data(line, n, data);
}

int __wrap_scols_print_table_to_string(struct libscols_table *lines, char **data)
{
	if (no_string)
		return -ENOMEM;
	if (!short_string)
		return __real_scols_print_table_to_string(lines, data);
	*data = strdup(short_string);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C.UTF-8");
	table = ctl_table_new(3);
	ctl_table_addf(table, "ID");
	ctl_table_addf(table, "NAME");
	ctl_table_addf(table, "BYTES");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	ctl_table_free(table);
	setlocale(LC_CTYPE, "C");
	return 0;
}

static void row(unsigned int id, const char *name, unsigned int bytes)
{
	ctl_table_addf(table, "%u", id);
	ctl_table_add(table, ctl_escape(name));
	ctl_table_addf(table, "%u", bytes);
}

static void print_to(int fd, const char *alignment)
{
	int before = dup(STDOUT_FILENO);

	assert_return_code(before, errno);
	fflush(stdout);
	assert_return_code(dup2(fd, STDOUT_FILENO), errno);
	ctl_table_print(table, alignment);
	fflush(stdout);
	assert_return_code(dup2(before, STDOUT_FILENO), errno);
	close(before);
}

static void expect(const char *alignment, const char *wanted)
{
	FILE *file = tmpfile();
	char got[32768];
	ssize_t n;

	assert_non_null(file);
	print_to(fileno(file), alignment);
	n = pread(fileno(file), got, sizeof(got) - 1, 0);
	assert_return_code(n, errno);
	got[n] = '\0';
	assert_string_equal(got, wanted);
	fclose(file);
}

static void aligned(void **state)
{
	(void)state;
	row(7, "a longer name", 1);
	row(1234, "b", 10000000);
	expect("rlr",
	       "  ID  NAME              BYTES\n"
	       "   7  a longer name         1\n"
	       "1234  b              10000000\n");
	expect("lll",
	       "ID    NAME           BYTES\n"
	       "7     a longer name  1\n"
	       "1234  b              10000000\n");
}

/* Headings alone are printed, too. */
static void empty(void **state)
{
	(void)state;
	expect("rlr", "ID  NAME  BYTES\n");
}

/* No headings either, as in "kschannelctl stats". */
static void nothing(void **state)
{
	(void)state;
	ctl_table_free(table);
	table = ctl_table_new(2);
	expect("lr", "");
	ctl_table_addf(table, "a");
	ctl_table_addf(table, "1");
	expect("lr", "a  1\n");
}

static void noted(void **state)
{
	(void)state;
	ctl_table_note(table, ctl_escape("below the headings"));
	row(1, "a", 2);
	row(2, "b", 3);
	ctl_table_note(table, ctl_escape("below the last, and longer than all of the table"));
	expect("rlr",
	       "ID  NAME  BYTES\n"
	       "    below the headings\n"
	       " 1  a         2\n"
	       " 2  b         3\n"
	       "    below the last, and longer than all of the table\n");
}

/* Of two columns, of several bytes, escaped once, and no cell at all. */
static void wide(void **state)
{
	(void)state;
	row(1, "\xe6\x9d\xb1\xe4\xba\xac", 1);
	row(2, "gr\xc3\xbc\xc3\x9f", 2);
	row(3, "\x1b[2J\n\\x1b", 3);
	row(4, "", 4);
	expect("llr",
	       "ID  NAME                BYTES\n"
	       "1   \xe6\x9d\xb1\xe4\xba\xac                    1\n"
	       "2   gr\xc3\xbc\xc3\x9f                    2\n"
	       "3   \\x1b[2J\\x0a\\x5cx1b      3\n"
	       "4                           4\n");
}

/* Wide characters are aligned to the right, too. */
static void wide_right(void **state)
{
	(void)state;
	row(1, "\xe6\x9d\xb1\xe4\xba\xac", 1);
	row(2, "gr\xc3\xbc\xc3\x9f, x", 2);
	expect("lrr",
	       "ID     NAME  BYTES\n"
	       "1      \xe6\x9d\xb1\xe4\xba\xac      1\n"
	       "2   gr\xc3\xbc\xc3\x9f, x      2\n");
}

/* A locale without these characters still gets aligned columns. */
static void c_locale(void **state)
{
	(void)state;
	setlocale(LC_CTYPE, "C");
	row(1, "gr\xc3\xbc", 1);
	row(2, "b", 2);
	expect("llr",
	       "ID  NAME        BYTES\n"
	       "1   gr\\xc3\\xbc      1\n"
	       "2   b               2\n");
}

/* libsmartcols has a buffer of BUFSIZ, which grows. */
static void longer_than_buffers(void **state)
{
	static char name[BUFSIZ + 100], wanted[sizeof(name) * 2 + 64];

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	row(1, name, 1);
	snprintf(wanted, sizeof(wanted), "ID  %-*s  BYTES\n1   %s      1\n",
		 (int)sizeof(name) - 1, "NAME", name);
	expect("llr", wanted);
}

static void add_cell(void)
{
	no_cell = true;
	ctl_table_addf(table, "1");
}

static void print_nothing(void)
{
	no_string = true;
	ctl_table_print(table, "lll");
}

static void print_less(void)
{
	row(1, "a", 1);
	short_string = "ID  NAME  BYTES";
	ctl_table_print(table, "lll");
}

/* Runs it in a process of its own, which has to fail. */
static void expect_no_memory(void (*run)(void))
{
	static const char wanted[] = ": out of memory\n";
	FILE *file = tmpfile();
	char got[256];
	int status;
	ssize_t n;
	pid_t pid;

	assert_non_null(file);
	fflush(stdout);
	pid = fork();
	assert_return_code(pid, errno);
	if (!pid) {
		const int null = open("/dev/null", O_WRONLY);

		dup2(null, STDOUT_FILENO);
		dup2(fileno(file), STDERR_FILENO);
		run();
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), EXIT_FAILURE);
	n = pread(fileno(file), got, sizeof(got) - 1, 0);
	assert_return_code(n, errno);
	got[n] = '\0';
	assert_true((size_t)n > strlen(wanted));
	assert_string_equal(got + n - strlen(wanted), wanted);
	fclose(file);
}

static void no_memory(void **state)
{
	(void)state;
	expect_no_memory(add_cell);
	expect_no_memory(print_nothing);
	expect_no_memory(print_less);
}

/* A terminal of 40 columns gets all of a long line, too. */
static void terminal(void **state)
{
	const struct winsize size = { .ws_row = 25, .ws_col = 40 };
	char got[4096], wanted[4096], name[301];
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	size_t len = 0;

	(void)state;
	assert_return_code(master, errno);
	assert_return_code(grantpt(master) | unlockpt(master), errno);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_return_code(slave, errno);
	assert_return_code(ioctl(slave, TIOCSWINSZ, &size), errno);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	row(1, name, 1);
	snprintf(wanted, sizeof(wanted), "ID  %-300s  BYTES\r\n1   %s  1\r\n", "NAME", name);
	print_to(slave, "lll");
	while (len < strlen(wanted)) {
		ssize_t n = read(master, got + len, sizeof(got) - 1 - len);

		assert_in_range(n, 1, sizeof(got));
		len += (size_t)n;
	}
	got[len] = '\0';
	assert_string_equal(got, wanted);
	close(slave);
	close(master);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(aligned, setup, teardown),
		cmocka_unit_test_setup_teardown(empty, setup, teardown),
		cmocka_unit_test_setup_teardown(nothing, setup, teardown),
		cmocka_unit_test_setup_teardown(noted, setup, teardown),
		cmocka_unit_test_setup_teardown(wide, setup, teardown),
		cmocka_unit_test_setup_teardown(wide_right, setup, teardown),
		cmocka_unit_test_setup_teardown(c_locale, setup, teardown),
		cmocka_unit_test_setup_teardown(longer_than_buffers, setup, teardown),
		cmocka_unit_test_setup_teardown(no_memory, setup, teardown),
		cmocka_unit_test_setup_teardown(terminal, setup, teardown),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
