// SPDX-License-Identifier: GPL-2.0-only
/* manager.c: the notifications to the service manager, which the test plays. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

#include "process/manager.h"

#define TICK_MS	10

/**
 * struct scene - a manager and a daemon
 * @fd: where the manager listens
 * @manager: how the daemon knows it
 * @loop: the daemon's
 * @asked: how often it was asked whether it moves
 * @until: break the loop then
 * @stuck: it does not
 */
struct scene {
	int fd;
	struct ksc_manager manager;
	struct ev_loop *loop;
	unsigned int asked;
	unsigned int until;
	bool stuck;
};

static struct scene scene;

static bool moves(void *ptr)
{
	struct scene *s = ptr;

	if (++s->asked == s->until)
		ev_break(s->loop, EVBREAK_ALL);
	return !s->stuck;
}

/* "" for nothing. */
static const char *heard(void)
{
	static char buf[64];
	ssize_t len = recv(scene.fd, buf, sizeof(buf) - 1, MSG_DONTWAIT);

	if (len < 0)
		assert_int_equal(errno, EAGAIN);
	buf[len < 0 ? 0 : len] = '\0';
	return buf;
}

/* With an address of its own. */
static int listen_for_it(void **state)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	socklen_t len = sizeof(addr);
	char path[sizeof(addr.sun_path) + 1];

	*state = &scene;
	memset(&scene, 0, sizeof(scene));
	scene.loop = ev_default_loop(0);
	scene.fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	assert_int_equal(bind(scene.fd, (struct sockaddr *)&addr, sizeof(sa_family_t)), 0);
	assert_int_equal(getsockname(scene.fd, (struct sockaddr *)&addr, &len), 0);
	len -= (socklen_t)offsetof(struct sockaddr_un, sun_path);
	snprintf(path, sizeof(path), "@%.*s", (int)len - 1, addr.sun_path + 1);
	assert_int_equal(setenv("NOTIFY_SOCKET", path, 1), 0);
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static int hang_up(void **state)
{
	struct scene *s = *state;

	ksc_manager_close(&s->manager);
	/* Nothing goes on in the loop. */
	assert_false(ev_run(s->loop, EVRUN_NOWAIT));
	close(s->fd);
	return 0;
}

static void watch(const char *usec, const char *pid)
{
	if (usec)
		setenv("WATCHDOG_USEC", usec, 1);
	if (pid)
		setenv("WATCHDOG_PID", pid, 1);
	ksc_manager_open(&scene.manager);
	assert_string_equal(heard(), "");
	ksc_manager_ready(&scene.manager, scene.loop, moves, &scene);
	assert_string_equal(heard(), "READY=1\n");
}

static void run(unsigned int ticks)
{
	scene.until = scene.asked + ticks;
	ev_run(scene.loop, 0);
}

static void alive(void **state)
{
	ev_tstamp begun;
	unsigned int i;

	(void)state;
	watch("30000", NULL);
	ev_now_update(scene.loop);
	begun = ev_now(scene.loop);
	run(5);
	/* Not any number of times. */
	assert_true(ev_now(scene.loop) - begun > 4 * TICK_MS / 1e3);
	for (i = 0; i < 5; i++)
		assert_string_equal(heard(), "WATCHDOG=1\n");
	assert_string_equal(heard(), "");
}

static void stuck(void **state)
{
	struct scene *s = *state;

	watch("30000", NULL);
	s->stuck = true;
	run(5);
	assert_string_equal(heard(), "");
	s->stuck = false;
	run(1);
	assert_string_equal(heard(), "WATCHDOG=1\n");
	assert_string_equal(heard(), "");
}

/* A manager that hangs does not hang us. */
static void full(void **state)
{
	struct scene *s = *state;

	watch("30000", NULL);
	while (send(s->manager.fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	alarm(20);
	run(3);
	alarm(0);
	while (!strcmp(heard(), "x"))
		;
	run(1);
	assert_string_equal(heard(), "WATCHDOG=1\n");
}

static void not_watched(void **state)
{
	static const char *const nothing[] = { NULL, "0", "", "-1", "x", "10x",
					       "99999999999999999999999" };
	struct scene *s = *state;
	size_t i;

	for (i = 0; i < sizeof(nothing) / sizeof(nothing[0]); i++) {
		watch(nothing[i], NULL);
		assert_false(ev_run(s->loop, EVRUN_NOWAIT));
		assert_int_equal(s->manager.fd, -1);
	}
	assert_int_equal(s->asked, 0);
}

static void watched_by_pid(void **state)
{
	struct scene *s = *state;
	char pid[16];

	watch("30000", "1");
	assert_int_equal(s->manager.fd, -1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	watch("30000", pid);
	run(1);
	assert_string_equal(heard(), "WATCHDOG=1\n");
}

static void nobody(void **state)
{
	static const char *const paths[] = { NULL, "", "@", "/", "x", "/nonexistent/x" };
	struct scene *s = *state;
	char path[512];
	size_t i;

	setenv("WATCHDOG_USEC", "30000", 1);
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	setenv("NOTIFY_SOCKET", path, 1);
	ksc_manager_open(&s->manager);
	assert_int_equal(s->manager.fd, -1);
	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (paths[i])
			setenv("NOTIFY_SOCKET", paths[i], 1);
		else
			unsetenv("NOTIFY_SOCKET");
		ksc_manager_open(&s->manager);
		assert_int_equal(s->manager.fd, -1);
		ksc_manager_ready(&s->manager, s->loop, moves, s);
		assert_false(ev_run(s->loop, EVRUN_NOWAIT));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alive, listen_for_it, hang_up),
		cmocka_unit_test_setup_teardown(stuck, listen_for_it, hang_up),
		cmocka_unit_test_setup_teardown(full, listen_for_it, hang_up),
		cmocka_unit_test_setup_teardown(not_watched, listen_for_it, hang_up),
		cmocka_unit_test_setup_teardown(watched_by_pid, listen_for_it, hang_up),
		cmocka_unit_test_setup_teardown(nobody, listen_for_it, hang_up),
	};

	return cmocka_run_group_tests_name("manager", tests, NULL, NULL);
}
