// SPDX-License-Identifier: GPL-2.0-only
/* A network namespace and a daemon of a test's own. */
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "nl.h"
#include "own.h"

static const char credentials[] =
	"[credential server]\n"
	"role = server\ncert = " PKI "server.pem\nkey = " PKI "server.key\ndefault = yes\n"
	"[credential other]\n"
	"role = server\ncert = " PKI "other.pem\nkey = " PKI "other.key\n"
	"[credential mutual]\n"
	"role = server\ncert = " PKI "server.pem\nkey = " PKI "server.key\n"
	"names = mutual.test\ntrust = " PKI "ca.pem\n"
	"[credential anonymous]\n"
	"role = client\ntrust = " PKI "ca.pem\ndefault = yes\n"
	"[credential client]\n"
	"role = client\ncert = " PKI "client.pem\nkey = " PKI "client.key\n"
	"trust = " PKI "ca.pem\n"
	"[credential restricted]\n"
	"role = both\ncert = " PKI "server.pem\nkey = " PKI "server.key\n"
	"names = restricted.test\ntrust = " PKI "ca.pem\nusers = 4242\n";

/**
 * own_namespace() - go to a network namespace of one's own, with a loopback
 */
void own_namespace(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };
	int fd;

	SYS(unshare(CLONE_NEWNET));
	fd = (int)SYS(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	SYS(ioctl(fd, SIOCGIFFLAGS, &ifr));
	ifr.ifr_flags |= IFF_UP;
	SYS(ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

/**
 * own_write() - write the daemon's configuration
 * @own: its daemon
 * @rules: what comes behind the credentials
 */
void own_write(struct own *own, const char *rules)
{
	FILE *file = fopen(own->conf, "w");

	assert_non_null(file);
	assert_true(fputs("[daemon]\nlog-level = debug\n", file) >= 0);
	if (own->workers)
		assert_true(fprintf(file, "workers = %u\n", own->workers) > 0);
	if (own->user)
		assert_true(fprintf(file, "user = %s\n", own->user) > 0);
	assert_true(fputs(credentials, file) >= 0);
	assert_true(fputs(rules, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void show_log(const struct own *own)
{
	FILE *file = fopen(own->log, "r");
	char line[512];

	while (file && fgets(line, sizeof(line), file))
		print_error("# %s", line);
	if (file)
		fclose(file);
}

/**
 * own_start() - start a daemon in this network namespace
 * @own: gets it
 * @rules: what its configuration has besides credentials
 */
void own_start(struct own *own, const char *rules)
{
	const char *const argv[] = { "kschanneld", "--config", own->conf, "--context",
				     own->context, "--ready-fd", "3", NULL };
	posix_spawn_file_actions_t actions;
	int via[2];
	static unsigned int count;
	char c;

	/* a test may have several */
	snprintf(own->conf, sizeof(own->conf), "/tmp/own-%d-%u.conf", getpid(), count);
	snprintf(own->log, sizeof(own->log), "/tmp/own-%d-%u.log", getpid(), count);
	snprintf(own->context, sizeof(own->context), "/tmp/own-%d-%u.sock", getpid(), count++);
	own_write(own, rules);
	SYS(pipe2(via, O_CLOEXEC));
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 2, own->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	posix_spawn_file_actions_adddup2(&actions, via[1], 3);
	assert_int_equal(posix_spawnp(&own->pid, argv[0], &actions, NULL, (char **)argv, environ),
			 0);
	posix_spawn_file_actions_destroy(&actions);
	close(via[1]);
	if (read(via[0], &c, 1) != 1) {
		show_log(own);
		fail_msg("the daemon did not start");
	}
	close(via[0]);
}

/**
 * own_logged() - how often a line has been logged
 * @own: the daemon
 * @what: part of the line
 * Return: the number
 */
unsigned int own_logged(const struct own *own, const char *what)
{
	FILE *file = fopen(own->log, "r");
	unsigned int count = 0;
	char line[512];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		count += !!strstr(line, what);
	fclose(file);
	return count;
}

/**
 * own_await_logged() - wait until a line has been logged so often
 * @own: the daemon
 * @what: part of the line
 * @count: how often
 */
void own_await_logged(const struct own *own, const char *what, unsigned int count)
{
	int64_t start = t_now_ms();

	while (own_logged(own, what) < count) {
		if (t_now_ms() - start > PATIENCE_S * 1000L) {
			show_log(own);
			fail_msg("the daemon did not log %u times: %s", count, what);
		}
		usleep(1000);
	}
}

/**
 * own_await_log() - wait for a line of the log
 * @own: the daemon
 * @what: part of the line
 */
void own_await_log(const struct own *own, const char *what)
{
	own_await_logged(own, what, 1);
}

/**
 * own_reload() - make the daemon read another configuration
 * @own: the daemon
 * @rules: what it has besides credentials
 * Return: whether it was taken
 */
bool own_reload(struct own *own, const char *rules)
{
	unsigned int taken = own_logged(own, "event=loaded");
	unsigned int refused = own_logged(own, "configuration is unchanged");
	int64_t start = t_now_ms();

	own_write(own, rules);
	SYS(kill(own->pid, SIGHUP));
	/* only the log shows it */
	while (t_now_ms() - start < PATIENCE_S * 1000L) {
		if (own_logged(own, "event=loaded") > taken)
			return true;
		if (own_logged(own, "configuration is unchanged") > refused)
			return false;
		usleep(1000);
	}
	show_log(own);
	fail_msg("the daemon did not read its configuration");
	return false;
}

static void end_with(struct own *own, int sig)
{
	int status;

	if (!own->pid)
		return;
	SYS(kill(own->pid, sig));
	SYS(waitpid(own->pid, &status, 0));
	own->pid = 0;
	if (sig == SIGTERM)
		assert_int_equal(status, 0);
}

/**
 * own_stop() - stop the daemon
 * @own: the daemon, if there is one
 */
void own_stop(struct own *own)
{
	end_with(own, SIGTERM);
}

/**
 * own_kill() - kill it
 * @own: the daemon, if there is one
 */
void own_kill(struct own *own)
{
	end_with(own, SIGKILL);
}

/**
 * own_end() - stop it, if it is there, and forget its files
 * @own: the daemon
 */
void own_end(struct own *own)
{
	own_stop(own);
	unlink(own->conf);
	unlink(own->log);
	unlink(own->context);
}
