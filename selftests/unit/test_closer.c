// SPDX-License-Identifier: GPL-2.0-only
/* closer.c, connection.c: data that is no message, and descriptors whose close() may block. */
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "crowd.h"

static const char *const blank = "";

static void no_message(void **state)
{
	static char long_one[KSC_MAX_MESSAGE + 1];
	static const struct {
		const void *data;
		size_t len;
	} cases[] = {
		{ "x", 1 }, { "GET / HTTP/1.0\r\n\r\n", 18 }, { "", 0 },
		{ long_one, 64 }, { long_one, sizeof(long_one) },
	};
	const int room = 4 * KSC_MAX_MESSAGE;
	struct app *honest, *app;
	size_t i;
	int k;

	(void)state;
	for (k = 0; k < 2; k++) {
		apps_unguarded = k;
		apps_start(blank, 1);
		honest = app_of(1001);
		for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			app = app_of(1000);
			begin_many(app, 0, 3);
			setsockopt(app->fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
			assert_int_equal(send(app->fd, cases[i].data, cases[i].len, 0),
					 cases[i].len);
			assert_int_equal(app_await(app), 0);
			app_free(app);
		}
		begin_many(honest, 0, 1);
		app_free(honest);
		all_gone();
	}
}

static int send_with(int fd, const void *data, size_t len, int passed)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec part = { (void *)data, len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &passed, sizeof(int));
	return sendmsg(fd, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A connected socket that waits for minutes when it is closed, and whose peer reads nothing. */
static int lingering(int *peer)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 300 };
	struct sockaddr_in addr = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int listener = socket(AF_INET, SOCK_STREAM, 0), small = 4096;
	const int fd = socket(AF_INET, SOCK_STREAM, 0);
	static char data[1 << 20];
	socklen_t len = sizeof(addr);

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&addr, &len), 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	*peer = accept(listener, NULL, NULL);
	close(listener);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	while (send(fd, data, sizeof(data), MSG_DONTWAIT) > 0)
		;
	return fd;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Where they can be refused, they are. */
static void guarded(void **state)
{
	struct app *app;
	int none[2];

	(void)state;
	apps_start(blank, 1);
	app = app_of(1000);
	if (!TAILQ_FIRST(&contexts->apps)->conn.guarded) {
		app_free(app);
		all_gone();
		skip();
	}
	assert_int_equal(pipe(none), 0);
	assert_int_equal(send_with(app->fd, "x", 1, none[0]), -EPERM);
	begin_many(app, 0, 1);
	close(none[0]);
	close(none[1]);
	app_free(app);
	all_gone();
}

/*
 * Elsewhere the connection is closed, and whatever was sent closed with it: not by the loop,
 * which others wait for.
 */
static void descriptors(void **state)
{
	struct app *honest, *app;
	const double begun = seconds();
	int fd, peer, i;

	(void)state;
	apps_unguarded = true;
	apps_start(blank, 1);
	honest = app_of(1001);
	for (i = 0; i < 3; i++) {
		app = app_of(1000);
		fd = lingering(&peer);
		/* in what is read next, or behind that, or behind what looks like the end */
		if (i == 1)
			assert_int_equal(send(app->fd, "x", 1, 0), 1);
		if (i == 2)
			assert_int_equal(send(app->fd, "", 0, 0), 0);
		assert_int_equal(send_with(app->fd, "x", 1, fd), 0);
		close(fd);
		assert_int_equal(app_await(app), 0);
		begin_many(honest, (uint32_t)i, 1);
		/* it is closed though the peer has read nothing */
		while (contexts->users.connections > 1)
			apps_turn();
		assert_true(seconds() - begun < 60);
		close(peer);
		app_free(app);
	}
	/* one that has sent none, and ends with unread data, needs no thread */
	app = app_of(1000);
	begin_many(app, 0, 2);
	assert_int_equal(send(app->fd, "x", 1, 0), 1);
	assert_int_equal(send(app->fd, "y", 1, 0), 1);
	app_free(app);
	apps_settle();
	assert_int_equal(ksc_closer_count(contexts->closer), 0);
	app_free(honest);
	all_gone();
}

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t loop;
	unsigned int hold;
	unsigned int held;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

int __real_close(int fd);
int __wrap_close(int fd);

/* What the closer's threads close next is held up, in a way that no signal ends. */
int __wrap_close(int fd)
{
	pthread_mutex_lock(&gate.lock);
	if (gate.hold && !pthread_equal(pthread_self(), gate.loop)) {
		gate.hold--;
		gate.held++;
		pthread_cond_broadcast(&gate.changed);
		while (gate.held)
			pthread_cond_wait(&gate.changed, &gate.lock);
	}
	pthread_mutex_unlock(&gate.lock);
	return __real_close(fd);
}

static void hold_up(unsigned int n)
{
	pthread_mutex_lock(&gate.lock);
	gate.loop = pthread_self();
	gate.hold = n;
	pthread_mutex_unlock(&gate.lock);
}

static void await_held(unsigned int n)
{
	pthread_mutex_lock(&gate.lock);
	while (gate.held < n)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
}

static void let_go(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.held = 0;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

#define HELD_UP	1500

/* An application with ever more files whose close() blocks delays only itself. */
static void held_up(void **state)
{
	struct app *honest, *app;
	unsigned int i;
	int fd, none;

	(void)state;
	apps_unguarded = true;
	apps_start("[contexts]\nconnections-per-user = 8\n", 1);
	none = dup(STDERR_FILENO);
	hold_up(1);
	apps_uid = 1000;
	for (i = 0; i < HELD_UP; i++) {
		fd = app_connect();
		assert_int_equal(send_with(fd, "x", 1, none), 0);
		close(fd);
	}
	while (ksc_closer_count(contexts->closer) < HELD_UP)
		apps_turn();
	await_held(1);
	/* those that were let in count as long as they are not closed, and no others do */
	assert_int_equal(contexts->users.connections, 8);
	assert_int_equal(contexts->refused, HELD_UP - 8);
	assert_true(ev_is_active(&contexts->listener));
	honest = app_of(1001);
	begin_many(honest, 0, 1);
	/* another's of that kind is closed by another thread */
	app = app_of(1002);
	assert_int_equal(send_with(app->fd, "x", 1, none), 0);
	while (contexts->users.connections < 10 ||
	       ksc_closer_count(contexts->closer) > HELD_UP)
		apps_turn();
	app_free(app);
	let_go();
	while (ksc_closer_count(contexts->closer))
		apps_turn();
	close(none);
	app_free(honest);
	all_gone();
}

/* There is an end to how many there may be, and to that as well. */
static void too_many_refused(void **state)
{
	struct app *app;
	int fd, i;

	(void)state;
	apps_unguarded = true;
	apps_start("[contexts]\nconnections-per-user = 1\n", 1);
	contexts->pause.repeat = 0.02;
	contexts->users.descriptors = 40;
	hold_up(1);
	apps_uid = 1000;
	for (i = 0; i < 30; i++) {
		fd = app_connect();
		assert_int_equal(send_with(fd, "x", 1, STDERR_FILENO), 0);
		close(fd);
	}
	while (ev_is_active(&contexts->listener))
		apps_turn();
	assert_int_equal(contexts->refused, 21);
	await_held(1);
	let_go();
	while (!ev_is_active(&contexts->listener) || ksc_closer_count(contexts->closer))
		apps_turn();
	apps_settle();
	app = app_of(1001);
	begin_many(app, 0, 1);
	app_free(app);
	all_gone();
}

/* An application that has connected and was not accepted may have sent such a file, too. */
static void unlistened(void **state)
{
	int fd, peer, linger;

	(void)state;
	apps_unguarded = true;
	apps_start(blank, 1);
	fd = app_connect();
	linger = lingering(&peer);
	assert_int_equal(send_with(fd, "x", 1, linger), 0);
	close(linger);
	hold_up(1);
	ksc_contexts_drain(contexts);
	/* by another thread */
	await_held(1);
	assert_int_equal(ksc_closer_count(contexts->closer), 1);
	let_go();
	while (ksc_closer_count(contexts->closer))
		apps_turn();
	close(fd);
	close(peer);
	all_gone();
}

int main(void)
{
	const struct rlimit many = { 20000, 20000 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_message),
		cmocka_unit_test(guarded),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(held_up),
		cmocka_unit_test(too_many_refused),
		cmocka_unit_test(unlistened),
	};

	setrlimit(RLIMIT_NOFILE, &many);
	return cmocka_run_group_tests_name("closer", tests, NULL, NULL);
}
