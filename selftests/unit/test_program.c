// SPDX-License-Identifier: GPL-2.0-only
/* Which programs no library can be preloaded into, or only in vain. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/program.h"

static char dir[64];

/* A program under another name: a copy, or a link to one. */
static const char *at(const char *name)
{
	static char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static int setup(void **state)
{
	static const char *const programs[] = { "plain", "sudo", "sudoku", "docker" };
	char command[PATH_MAX];

	(void)state;
	strcpy(dir, "/tmp/test-program-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
		snprintf(command, sizeof(command), "cp /bin/true %s", at(programs[i]));
		/* NOLINTNEXTLINE(cert-env33-c): nothing of it is anybody's text */
		if (system(command))
			return -1;
	}
	return symlink("sudo", at("alias")) || symlink("docker", at("box")) ||
	       symlink("plain", at("su")) || symlink("plain", at("systemd-run"));
}

static int teardown(void **state)
{
	static const char *const all[] = { "plain", "sudo", "sudoku", "docker", "alias", "box",
					   "su", "systemd-run" };

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		unlink(at(all[i]));
	return rmdir(dir);
}

/* Root's sudo is not set-user-ID to anybody else: nothing but its name tells. */
static void changers(void **state)
{
	static const char *const dropping[] = { "sudo", "su", "alias" };

	(void)state;
	assert_null(ctl_cannot_preload(at("plain")));
	assert_null(ctl_cannot_preload(at("sudoku")));
	for (size_t i = 0; i < sizeof(dropping) / sizeof(dropping[0]); i++) {
		const char *why = ctl_cannot_preload(at(dropping[i]));

		assert_non_null(why);
		assert_non_null(strstr(why, "without the library"));
		assert_null(ctl_runs_elsewhere(at(dropping[i])));
	}
}

static void askers(void **state)
{
	(void)state;
	assert_null(ctl_runs_elsewhere(at("plain")));
	assert_null(ctl_runs_elsewhere(at("nothing-there")));
	assert_non_null(ctl_runs_elsewhere(at("docker")));
	assert_non_null(ctl_runs_elsewhere(at("box")));
	assert_non_null(ctl_runs_elsewhere(at("systemd-run")));
	assert_non_null(ctl_runs_elsewhere("crontab"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changers),
		cmocka_unit_test(askers),
	};

	return cmocka_run_group_tests_name("program", tests, setup, teardown);
}
