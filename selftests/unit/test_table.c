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
#include <unistd.h>
#include <cmocka.h>

#include "ctl/ctl.h"
#include "ctl/table.h"

static struct ctl_table *table;

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
	char got[4096];
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
		cmocka_unit_test_setup_teardown(noted, setup, teardown),
		cmocka_unit_test_setup_teardown(wide, setup, teardown),
		cmocka_unit_test_setup_teardown(terminal, setup, teardown),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
