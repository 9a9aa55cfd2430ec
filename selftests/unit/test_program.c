// SPDX-License-Identifier: GPL-2.0-only
/* Programs that no library can be preloaded into, or that start others which lose it. */
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "ctl/asks.h"
#include "ctl/program.h"
#include "ctl/wrapped.h"

static char dir[64];
static bool sessions_kept;

int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);

int __wrap_access(const char *path, int mode)
{
	if (strcmp(path, "/run/systemd/seats") != 0)
		return __real_access(path, mode);
	return sessions_kept ? 0 : -1;
}

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
		/* NOLINTNEXTLINE(cert-env33-c): no untrusted text */
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

/* Root's sudo is not set-user-ID to another user: only its name shows it. */
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
	assert_non_null(strstr(ctl_cannot_preload("/usr/sbin/chroot"), "may not be found"));
}

static const char *behind(char *const *command, struct ctl_wrapped *w)
{
	*w = (struct ctl_wrapped){ 0 };
	return *ctl_behind(command, w);
}

/* What counts is what it comes to. */
static void wrapped(void **state)
{
	static char *const commands[][8] = {
		{ "sudo", "x" }, { "env", "A=b", "sudo" }, { "/usr/bin/timeout", "5", "sudo" },
		{ "nice", "env", "-i", "sudo" }, { "env", "-u", "X", "-C", "/x", "sudo" },
		{ "env", "--unset=X", "--chdir", "/x", "-", "A=b", "sudo" },
		{ "timeout", "-s", "KILL", "-k5", ".5", "sudo" },
		{ "nice", "-n", "5", "sudo", "-n" },
		{ "stdbuf", "-o", "L", "-e0", "sudo" }, { "ionice", "-c", "idle", "-tn7", "sudo" },
		{ "taskset", "-c", "f", "sudo" }, { "chrt", "--rr", "1", "sudo" },
		{ "nohup", "setsid", "-f", "nice", "-5", "sudo" },
		{ "timeout", "1", "env", "sudo" },
	};
	static char *const cleared[][5] = {
		{ "env", "-i", "x" }, { "env", "-", "x" }, { "env", "-uLD_PRELOAD", "x" },
		{ "env", "-u", "LD_PRELOAD", "x" }, { "env", "LD_PRELOAD=y", "x" },
		{ "nice", "env", "--ignore-environment", "x" },
	};
	static char *const kept[][5] = {
		{ "env", "x", "-i" }, { "env", "-u", "X", "x" }, { "stdbuf", "-i0", "x" },
		{ "nice", "-n5", "x", "LD_PRELOAD=y" },
	};
	static char *const nothing[] = { "env", "A=b", NULL };
	static char *const split[] = { "env", "-S", "a", "b", NULL };
	static char *const there[] = { "env", "-C", "/x", "y", NULL };
	struct ctl_wrapped w;

	(void)state;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		assert_string_equal(behind(commands[i], &w), "sudo");
	assert_null(behind(nothing, &w));
	assert_null(behind(split, &w));
	assert_true(w.unknown);
	assert_string_equal(behind(there, &w), "y");
	assert_true(w.moved);
	for (size_t i = 0; i < sizeof(cleared) / sizeof(cleared[0]); i++) {
		assert_string_equal(behind(cleared[i], &w), "x");
		assert_true(w.cleared);
	}
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		assert_string_equal(behind(kept[i], &w), "x");
		assert_false(w.cleared);
	}
}

/* They leave the cgroup, where systemd keeps sessions. */
static void sessions(void **state)
{
	static char *const opening[][7] = {
		{ "su" }, { "/bin/su", "-l", "x" }, { "login" }, { "pkexec", "x" },
		{ "runuser", "-" },
		{ "runuser", "-u", "x", "--login" }, { "runuser", "-lc", "ls" }, { "sudo", "-i" },
		{ "/usr/bin/env", "-i", "A=b", "nice", "su" }, { "runuser", "x", "-l", "-c", "ls" },
		{ "runuser", "-p", "-l", "x" }, { "sudo", "-nu", "x", "-i" },
		{ "sudo", "--user", "x", "--login" }, { "sudo", "A=b", "-i" },
		{ "timeout", "-s", "KILL", "5", "sudo", "-Hi" },
	};
	static char *const others[][6] = {
		{ "runuser", "-u", "x", "--", "-l" }, { "sudo", "-l" }, { "sudo", "-u", "x", "ls" },
		{ "env", "A=b" }, { "sh", "-l" }, { "nice", "-n", "5", "ls", "-" },
		{ "sudo", "ls", "-i" }, { "sudo", "-u", "-i", "ls" }, { "sudo", "-uadmin", "x" },
		{ "sudo", "--user=admin", "x", "-i" }, { "runuser", "-umysql", "--", "x" },
		{ "runuser", "x", "-c", "ls", "-l" }, { "sudo", "--", "-i" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++)
		assert_true(ctl_opens_session(opening[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_false(ctl_opens_session(others[i]));
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
	assert_non_null(ctl_runs_elsewhere("/usr/bin/batch"));
	assert_non_null(ctl_runs_elsewhere("/snap/bin/lxc"));
	/* a session's programs are its own children */
	assert_null(ctl_runs_elsewhere("/usr/bin/screen"));
}

/* A script, if there is a program for it */
static enum ctl_asks asked(const char *path, const char *command, const char *script,
			   const char *wanted)
{
	char who[CTL_WORD_SIZE];
	enum ctl_asks asks;
	FILE *file;

	if (script) {
		file = fopen(at("script"), "w");
		assert_non_null(file);
		assert_true(fputs(script, file) >= 0);
		assert_int_equal(fclose(file), 0);
	}
	asks = ctl_command_asks(path, command, who);
	if (asks != CTL_ASKS_NOTHING)
		assert_string_equal(who, wanted);
	return asks;
}

static enum ctl_asks shell(const char *text, const char *wanted)
{
	char command[512];

	snprintf(command, sizeof(command), "/bin/sh -c %s", text);
	return asked("/bin/sh", command, NULL, wanted);
}

/* As services have it in ExecStart= */
static void commands(void **state)
{
	(void)state;
	assert_int_equal(asked("/usr/sbin/nginx", "/usr/sbin/nginx -g daemon on; at noon", NULL,
			       ""), CTL_ASKS_NOTHING);
	assert_int_equal(asked(at("docker"), "docker run x", NULL, at("docker")), CTL_ASKS_ALL);
	assert_int_equal(asked("/usr/bin/env", "/usr/bin/env -i A=b nice -n 5 podman run x", NULL,
			       "podman"), CTL_ASKS_ALL);
	assert_int_equal(asked("/usr/bin/env", "/usr/bin/env -i A=b server x", NULL, ""),
			 CTL_ASKS_NOTHING);
	assert_int_equal(asked("/usr/bin/env", "/usr/bin/env -C /opt/docker ./server", NULL, ""),
			 CTL_ASKS_NOTHING);
	assert_int_equal(shell("timeout -s KILL 5 docker run x", "docker"), CTL_ASKS_ALL);
	assert_int_equal(shell("env -u snap server; at noon", "at"), CTL_ASKS_TOO);
	assert_int_equal(shell("env -S 'server x'; at noon", "at"), CTL_ASKS_TOO);
	assert_int_equal(shell("systemctl start x", "systemctl"), CTL_ASKS_ALL);
	assert_int_equal(shell("/bin/systemctl --quiet restart \"x\" || exit 1", "systemctl"),
			 CTL_ASKS_ALL);
	assert_int_equal(shell("A=1 docker pull x 2>&1 >/dev/null && exec docker run x", "docker"),
			 CTL_ASKS_ALL);
	assert_int_equal(shell("prepare --now; exec nohup /usr/bin/docker run x", "docker"),
			 CTL_ASKS_ALL);
	assert_int_equal(shell("if test -e /x; then echo prog | batch; fi", "batch"), CTL_ASKS_ALL);
	assert_int_equal(shell("systemctl start x; exec /usr/sbin/server", "systemctl"),
			 CTL_ASKS_TOO);
	assert_int_equal(shell("x=$(incus list) && server \"$x\"", "incus"), CTL_ASKS_TOO);
	/* a word is one also with nothing in its quotes */
	assert_int_equal(shell("[ \"$1\" = \"\" ] && exit 1\nsystemctl start x", "systemctl"),
			 CTL_ASKS_ALL);
	assert_int_equal(shell("echo '' server; exec '' \"\" server; at noon", "at"), CTL_ASKS_ALL);
	assert_int_equal(shell("docker run '' x '' && server", "docker"), CTL_ASKS_TOO);
	assert_int_equal(shell("'' 'at'", ""), CTL_ASKS_NOTHING);
	/* what is no more than asked, or said */
	assert_int_equal(shell("systemctl is-active $x && exec server", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("renew; service --quiet $x reload", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("renew; service x $1", "service"), CTL_ASKS_TOO);
	assert_int_equal(shell("echo systemctl start x 'docker; at' # ; at", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("command -v docker && server docker", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("'systemctl start", ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell(")))(((", ""), CTL_ASKS_NOTHING);
	assert_int_equal(asked("/bin/bash", "bash -eo pipefail -c snap run x", NULL, "snap"),
			 CTL_ASKS_ALL);
}

/* What opens a session leaves the service's cgroup, where systemd keeps sessions. */
static void services(void **state)
{
	static const char *const opening[][2] = {
		{ "/bin/su", "/bin/su - app -c server" },
		{ "/usr/bin/sudo", "/usr/bin/sudo -u app -i server" },
		{ "/sbin/runuser", "runuser -l app -c server" },
		{ "/usr/bin/nice", "/usr/bin/nice -n 5 /bin/su app -c server" },
	};
	static const char *const others[][2] = {
		{ "/usr/bin/sudo", "/usr/bin/sudo -u app server -i" },
		{ "/sbin/runuser", "/sbin/runuser -u app -- server -l" },
		{ "/sbin/runuser", "/sbin/runuser -u -l server" },
		{ "/sbin/runuser", "/sbin/runuser app -c server -l" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++) {
		const char *who = strstr(opening[i][0], "nice") ? "/bin/su" : opening[i][0];

		sessions_kept = false;
		assert_int_equal(asked(opening[i][0], opening[i][1], NULL, ""), CTL_ASKS_NOTHING);
		sessions_kept = true;
		assert_int_equal(asked(opening[i][0], opening[i][1], NULL, who), CTL_ASKS_ALL);
	}
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(asked(others[i][0], others[i][1], NULL, ""), CTL_ASKS_NOTHING);
	assert_int_equal(shell("exec su app -c server", "su"), CTL_ASKS_ALL);
	assert_int_equal(shell("runuser -u x --login -c server", "runuser"), CTL_ASKS_ALL);
	assert_int_equal(shell("prepare; su - app -c server", "su"), CTL_ASKS_TOO);
	assert_int_equal(shell("sudo -u app server -i", ""), CTL_ASKS_NOTHING);
	sessions_kept = false;
	assert_int_equal(shell("exec su app -c server", ""), CTL_ASKS_NOTHING);
	/* servers that do it for others */
	assert_int_equal(asked("/usr/sbin/sshd", "sshd: /usr/sbin/sshd -D", NULL, "/usr/sbin/sshd"),
			 CTL_ASKS_LATER);
	assert_int_equal(asked("/usr/bin/env", "/usr/bin/env -i dockerd -H fd://", NULL, "dockerd"),
			 CTL_ASKS_LATER);
	assert_string_equal(ctl_why_elsewhere("su"), CTL_SESSION);
	assert_string_equal(ctl_why_elsewhere("docker"), CTL_ELSEWHERE);
}

/* As those of System V's style are */
static void scripts(void **state)
{
	static const char style[] = "case \"$1\" in\n"
				    "at|start)\n\tlog_daemon_msg x\n"
				    "\tstart-stop-daemon --start --exec /usr/sbin/x\n\t;;\n"
				    "status)\n\tsystemctl status x\n\t;;\n"
				    "esac\nexit 0\n";
	char script[1024], command[PATH_MAX];

	(void)state;
	snprintf(script, sizeof(script), "#!/bin/sh\n%s", style);
	assert_int_equal(asked(at("script"), at("script"), script, ""), CTL_ASKS_NOTHING);
	assert_int_equal(asked(at("script"), at("script"),
			       "#! /usr/bin/env bash\n# starts it\nset -e\n"
			       "case $1 in\nstart) tmux new -d \\\n server ;;\nesac\n", "tmux"),
			 CTL_ASKS_ALL);
	assert_int_equal(asked(at("script"), at("script"),
			       "#!/bin/sh\ncurl https://server.test/\nservice x restart\n",
			       "service"), CTL_ASKS_TOO);
	/* of another language nothing is known */
	assert_int_equal(asked(at("script"), at("script"), "#!/usr/bin/python3\nat\n", ""),
			 CTL_ASKS_NOTHING);
	snprintf(command, sizeof(command), "/bin/dash -e %s start", at("script"));
	assert_int_equal(asked("/bin/dash", command, "docker run x\n", "docker"), CTL_ASKS_ALL);
	unlink(at("script"));
	assert_int_equal(asked("/bin/dash", command, NULL, ""), CTL_ASKS_NOTHING);
	/* a pipe is not read: that could block */
	assert_int_equal(mkfifo(at("script"), 0600), 0);
	assert_int_equal(asked("/bin/dash", command, NULL, ""), CTL_ASKS_NOTHING);
	unlink(at("script"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(changers),
		cmocka_unit_test(wrapped),
		cmocka_unit_test(sessions),
		cmocka_unit_test(askers),
		cmocka_unit_test(commands),
		cmocka_unit_test(services),
		cmocka_unit_test(scripts),
	};

	return cmocka_run_group_tests_name("program", tests, setup, teardown);
}
