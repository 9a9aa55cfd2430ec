// SPDX-License-Identifier: GPL-2.0-only
/* contexts.c, users.c, connection.c: applications that ask for more than is good. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "apps.h"
#include "log.h"

static const char *const blank = "";

static struct ask client(uint32_t context)
{
	return (struct ask) { .context = context, .role = KSC_ROLE_CLIENT,
			      .server_name = "server.test" };
}

static void begin_many(struct app *app, uint32_t from, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++) {
		const struct ask ask = client(from + i);

		assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	}
}

static void refuse_one(struct app *app, uint32_t context, int error, enum ksc_limit limit)
{
	const struct ask ask = client(context);
	const unsigned long before = contexts->users.refused[limit];

	app_refused(app, &ask, error);
	assert_int_equal(contexts->users.refused[limit], before + 1);
}

/* Of those who have gone nothing is left. */
static void all_gone(void)
{
	apps_settle();
	assert_true(TAILQ_EMPTY(&contexts->apps));
	assert_int_equal(ksc_closer_count(contexts->closer), 0);
	assert_int_equal(contexts->refused, 0);
	assert_int_equal(contexts->users.contexts, 0);
	assert_int_equal(contexts->users.connections, 0);
	assert_int_equal(contexts->users.bytes, 0);
	assert_null(contexts->users.tree);
	apps_stop();
}

static struct app *app_of(uid_t uid)
{
	struct app *app;

	apps_uid = uid;
	app = app_new();
	apps_turn();
	apps_turn();
	return app;
}

/* What was read counts no more, which is found out now and then. */
static size_t bytes_now(void)
{
	struct ksc_application *app;

	TAILQ_FOREACH(app, &contexts->apps, link)
		ksc_connection_count(&app->conn);
	return contexts->users.bytes;
}

/* ---- contexts ---- */

static void per_user(void **state)
{
	struct app *mine, *mine_too, *other;

	(void)state;
	apps_start("[contexts]\nper-user = 10\nper-connection = 8\n", 1);
	mine = app_of(1000);
	mine_too = app_of(1000);
	other = app_of(1001);
	begin_many(mine, 0, 8);
	refuse_one(mine, 100, EDQUOT, KSC_LIMIT_PER_CONNECTION);
	begin_many(mine_too, 0, 2);
	refuse_one(mine_too, 100, EDQUOT, KSC_LIMIT_PER_USER);
	begin_many(other, 0, 8);
	/* one less is one more */
	app_close(mine, 0);
	apps_settle();
	begin_many(mine_too, 100, 1);
	refuse_one(mine_too, 101, EDQUOT, KSC_LIMIT_PER_USER);
	/* and what is refused leaves nothing behind */
	app_refused(other, &(struct ask) { .context = 101 }, ENOENT);
	app_free(mine);
	apps_settle();
	begin_many(mine_too, 101, 5);
	app_free(mine_too);
	app_free(other);
	all_gone();
}

/* As many contexts as it may have; how many these are. */
static uint32_t begin_all(struct app *app)
{
	struct ask ask = client(0);

	while (app_ask(app, &ask) == KSC_MESSAGE_RESULT)
		ask.context++;
	assert_int_equal(app->error, EDQUOT);
	return ask.context;
}

static void read_all(int fd, char *text, size_t size)
{
	const ssize_t n = read(fd, text, size - 1);

	text[n > 0 ? n : 0] = '\0';
}

/* Who looks after the daemon finds out which limit it is, and whether it is met a lot. */
static void told(void **state)
{
	char log[4096];
	struct app *apps[2];
	int fds[2], i;

	(void)state;
	apps_start("[contexts]\nper-user = 1\n", 1);
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_WARNING);
	for (i = 0; i < 2; i++) {
		apps[i] = app_of((uid_t)(1000 + i));
		begin_many(apps[i], 0, 1);
		refuse_one(apps[i], 1, EDQUOT, KSC_LIMIT_PER_USER);
	}
	ksc_log_open(STDERR_FILENO);
	read_all(fds[0], log, sizeof(log));
	assert_non_null(strstr(log, "user 1000: [contexts]: more contexts than per-user allows "
			       "(1 by now)\n"));
	assert_non_null(strstr(log, "user 1001: [contexts]: more contexts than per-user allows "
			       "(2 by now)\n"));
	close(fds[0]);
	close(fds[1]);
	for (i = 0; i < 2; i++)
		app_free(apps[i]);
	all_gone();
}

/* However many have all that they may, there is one for each of those who have none. */
static void shares(void **state)
{
	static const uint32_t wanted[] = { 30, 15, 8, 4, 2, 1, 1, 1, 1, 1 };
	const int n = sizeof(wanted) / sizeof(wanted[0]);
	struct app *apps[sizeof(wanted) / sizeof(wanted[0]) + 1];
	int i;

	(void)state;
	apps_start("[contexts]\ntotal = 64\n", 1);
	for (i = 0; i < n; i++) {
		apps[i] = app_of((uid_t)(1000 + i));
		assert_int_equal(begin_all(apps[i]), wanted[i]);
		assert_int_equal(contexts->users.refused[KSC_LIMIT_TOTAL], i + 1);
	}
	assert_int_equal(contexts->users.contexts, 64);
	apps[n] = app_of(2000);
	assert_int_equal(begin_all(apps[n]), 0);
	/* what is free again is for those who have nothing, as long as that is the last */
	app_close(apps[0], 0);
	app_close(apps[0], 1);
	apps_settle();
	assert_int_equal(begin_all(apps[0]), 0);
	assert_int_equal(begin_all(apps[n]), 1);
	for (i = 0; i <= n; i++)
		app_free(apps[i]);
	all_gone();
}

/* Likewise of connections. */
static void shared_connections(void **state)
{
	static const unsigned int wanted[] = { 15, 8, 4, 2, 1, 1, 1 };
	struct app *apps[32];
	unsigned int i, k, n = 0;

	(void)state;
	apps_start("[contexts]\ntotal = 32\n", 1);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		struct app *more;

		for (k = 0; k < wanted[i]; k++)
			apps[n++] = app_of(1000 + i);
		assert_int_equal(contexts->users.connections, n);
		more = app_of(1000 + i);
		assert_int_equal(app_await(more), KSC_MESSAGE_ERROR);
		assert_int_equal(more->error, EDQUOT);
		assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS], i + 1);
		app_free(more);
	}
	assert_int_equal(n, 32);
	for (i = 0; i < n; i++)
		app_free(apps[i]);
	all_gone();
}

/* An account's ranges are its own: of all of them it has as much as one. */
static void subordinates(void **state)
{
	struct ksc_owned owned = { .owner = 1000, .start = 100000, .count = 65536 };
	struct ksc_config *config;
	struct app *apps[3];
	int i;

	(void)state;
	apps_start("[contexts]\nper-user = 3\n", 1);
	config = (struct ksc_config *)contexts->config;
	ksc_subids_free(&config->subids);
	config->subids = (struct ksc_subids) { .list = &owned, .n = 1 };
	apps[0] = app_of(1000);
	apps[1] = app_of(100000);
	apps[2] = app_of(165535);
	for (i = 0; i < 3; i++)
		begin_many(apps[i], 0, 1);
	for (i = 0; i < 3; i++)
		refuse_one(apps[i], 1, EDQUOT, KSC_LIMIT_PER_USER);
	for (i = 0; i < 3; i++)
		app_free(apps[i]);
	apps[0] = app_of(165536);
	begin_many(apps[0], 0, 3);
	app_free(apps[0]);
	config->subids = (struct ksc_subids) { 0 };
	all_gone();
}

/* Whoever dies has nothing any more, and that takes the loop a little at a time. */
static void dies(void **state)
{
	struct app *app;
	int turns = 0;

	(void)state;
	apps_start(blank, 1);
	app = app_of(1000);
	begin_many(app, 0, 300);
	assert_int_equal(contexts->users.contexts, 300);
	app_free(app);
	while (contexts->users.contexts) {
		const unsigned int before = contexts->users.contexts;

		apps_turn();
		assert_true(before - contexts->users.contexts <= 16);
		turns++;
	}
	assert_in_range(turns, 300 / 16, 1000);
	all_gone();
}

/* ---- bytes ---- */

/* Half a record, as large as may be: it is given, and waits for the rest. */
static void put_half(struct ask *ask, uint8_t *bytes, size_t len)
{
	memset(bytes, 0, len);
	bytes[0] = 22;
	bytes[1] = 3;
	bytes[2] = 1;
	bytes[3] = 0x3f;
	bytes[4] = 0xff;
	ask->token = bytes;
	ask->len = len;
}

/* A message that goes over several records, of which some have come: GnuTLS keeps these. */
static size_t put_records(uint8_t *bytes, size_t n)
{
	size_t i, at = 0;

	for (i = 0; i < n; i++) {
		const size_t len = 16000;

		bytes[at++] = 22;
		bytes[at++] = 3;
		bytes[at++] = 1;
		bytes[at++] = (uint8_t)(len >> 8);
		bytes[at++] = (uint8_t)len;
		memset(bytes + at, 0, len);
		if (!i) {
			bytes[at] = 1;
			bytes[at + 1] = 0;
			bytes[at + 2] = 0xf8;
		}
		at += len;
	}
	return at;
}

static void handshake_bytes(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .context = 1, .role = KSC_ROLE_SERVER };
	struct app *app;

	(void)state;
	apps_start("[contexts]\nhandshake-bytes = 20000\n", 1);
	app = app_of(1000);
	ask.token = bytes;
	ask.len = put_records(bytes, 1) + 5000;
	app_refused(app, &ask, EMSGSIZE);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_HANDSHAKE_BYTES], 1);
	/* it was not begun */
	app_refused(app, &(struct ask) { .context = 1 }, ENOENT);
	assert_int_equal(bytes_now(), 0);
	/* what is offered again and not used up counts once */
	put_half(&ask, bytes, 10000);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	ask.role = 0;
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_INCOMPLETE_MESSAGE);
	/* and all that was used up together */
	ask.len = put_records(bytes, 1);
	assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(app->consumed, 16005);
	ask.len = 4000;
	app_refused(app, &ask, EMSGSIZE);
	app_free(app);
	all_gone();
}

/* What contexts keep of large hellos counts for their user, whatever it is split into. */
static void per_user_bytes(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .role = KSC_ROLE_SERVER };
	struct app *app, *other;
	uint32_t n;

	(void)state;
	apps_start("[contexts]\nbytes-per-user = 1000000\nbytes = 4000000\n", 1);
	app = app_of(1000);
	other = app_of(1001);
	ask.token = bytes;
	ask.len = put_records(bytes, 3);
	for (n = 0; app_ask(app, &ask) == KSC_MESSAGE_RESULT; n++) {
		assert_int_equal(app->status, KSC_STATUS_CONTINUE_NEEDED);
		ask.context++;
	}
	assert_int_equal(app->error, EDQUOT);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_BYTES_PER_USER], 1);
	assert_in_range(n, 1000000 / 48015 - 1, 1000000 / 48015);
	ask.context = 1;
	assert_int_equal(app_step(other, &ask), KSC_STATUS_CONTINUE_NEEDED);
	app_close(app, 0);
	apps_settle();
	ask.context = 1000;
	assert_int_equal(app_step(app, &ask), KSC_STATUS_CONTINUE_NEEDED);
	app_free(app);
	app_free(other);
	all_gone();
}

/* ---- connections ---- */

static void connections(void **state)
{
	struct app *apps[9], *other;
	int i;

	(void)state;
	apps_start("[contexts]\nconnections-per-user = 8\n", 1);
	for (i = 0; i < 9; i++)
		apps[i] = app_of(1000);
	/* who is one too many hears so, whatever it asks */
	apps_settle();
	assert_int_equal(app_await(apps[8]), KSC_MESSAGE_ERROR);
	assert_int_equal(apps[8]->error, EDQUOT);
	assert_int_equal(apps[8]->number, 0);
	assert_int_equal(app_await(apps[8]), 0);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS_PER_USER], 1);
	/* its groups, which may be many, are of no interest */
	assert_int_equal(apps_grouped, 8);
	other = app_of(1001);
	begin_many(other, 0, 1);
	app_free(apps[8]);
	app_free(apps[0]);
	apps_settle();
	apps[0] = app_of(1000);
	begin_many(apps[0], 0, 1);
	for (i = 0; i < 8; i++)
		app_free(apps[i]);
	app_free(other);
	all_gone();
}

#define FLOOD	10000

/* Ten thousand: the rest is told, and who was there before has its turn all the time. */
static void flood(void **state)
{
	static int fds[FLOOD];
	struct app *honest;
	int i, kept = 0;
	char c;

	(void)state;
	apps_start(blank, 1);
	honest = app_of(1001);
	apps_uid = 1000;
	for (i = 0; i < FLOOD; i++) {
		fds[i] = app_connect();
		/* what is refused need not be held on to */
		if (i >= 4096 + 1024) {
			close(fds[i - 1024 + 1]);
			fds[i - 1024 + 1] = -1;
		}
		if (i % 500 == 0)
			begin_many(honest, (uint32_t)i, 1);
	}
	for (i = 0; i < FLOOD / 16; i++)
		apps_turn();
	assert_int_equal(contexts->users.connections, 4096 + 1);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_CONNECTIONS_PER_USER], FLOOD - 4096);
	for (i = 0; i < FLOOD; i++) {
		if (fds[i] < 0)
			continue;
		kept += recv(fds[i], &c, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
		close(fds[i]);
	}
	assert_int_equal(kept, 4096);
	begin_many(honest, FLOOD, 1);
	app_free(honest);
	all_gone();
}

/* Without descriptors nothing is accepted, and nothing spins. */
static void no_descriptors(void **state)
{
	struct rlimit limit, none;
	struct app *app;
	int fd, next;

	(void)state;
	apps_start(blank, 1);
	contexts->pause.repeat = 0.05;
	app = app_of(1000);
	begin_many(app, 0, 1);
	next = dup(0);
	close(next);
	fd = app_connect();
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = (rlim_t)next + 1;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	ev_run(apps_loop, EVRUN_ONCE);
	assert_false(ev_is_active(&contexts->listener));
	assert_true(ev_is_active(&contexts->pause));
	/* who is there goes on */
	begin_many(app, 1, 1);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	while (contexts->users.connections < 2)
		apps_turn();
	assert_true(ev_is_active(&contexts->listener));
	close(fd);
	app_free(app);
	all_gone();
}

/* ---- what is no message ---- */

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
		/* it is closed though nothing has come of its lingering */
		while (contexts->users.connections > 1)
			apps_turn();
		assert_true(seconds() - begun < 60);
		close(peer);
		app_free(app);
	}
	/* who has sent none, and goes with something unread, costs nobody a thread */
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

/* One that holds up its end, and has ever more of these: they wait for each other, nobody else. */
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

/* Who has connected and was not accepted may have sent such a thing, too. */
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

/* ---- who does not read ---- */

static struct ksc_connection *last_one(void)
{
	return &TAILQ_LAST(&contexts->apps, ksc_application_list)->conn;
}

/* It has what fits into its queue; then it is asked nothing more, and in the end it is dropped. */
static void slow(void **state)
{
	struct app *app, *honest;
	struct ksc_connection *conn;
	uint32_t sent = 0;
	size_t most;

	(void)state;
	apps_start(blank, 1);
	honest = app_of(1001);
	app = app_of(1000);
	conn = last_one();
	conn->slow.repeat = 0.3;
	while (!ksc_connection_waits(conn)) {
		const struct ask ask = { .context = ++sent };

		app_send(app, &ask);
		apps_turn();
		assert_true(sent < 100000);
	}
	most = contexts->users.bytes;
	assert_true(most > 4096 && most < (size_t)8 * KSC_MAX_MESSAGE);
	apps_settle();
	assert_false(ev_is_active(&conn->in));
	begin_many(honest, 0, 1);
	/* who takes it in time goes on, and misses nothing */
	while (app->number < sent)
		assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	apps_settle();
	assert_false(ksc_connection_waits(conn));
	begin_many(app, 1, 1);
	assert_true(bytes_now() < most / 2);
	/* and who does not is gone */
	while (!ksc_connection_waits(conn)) {
		const struct ask ask = { .context = 5 };

		app_send(app, &ask);
		apps_turn();
	}
	while (contexts->users.connections > 1)
		apps_turn();
	begin_many(honest, 1, 1);
	app_free(app);
	app_free(honest);
	all_gone();
}

/* What nobody reads is counted, on however many connections it is. */
static void unread(void **state)
{
	struct app *loud[40], *honest;
	int i, k;

	(void)state;
	apps_start("[contexts]\nbytes-per-user = 200000\n", 1);
	honest = app_of(1001);
	for (i = 0; i < 40; i++)
		loud[i] = app_of(1000);
	for (k = 0; k < 50; k++) {
		for (i = 0; i < 40; i++)
			app_send(loud[i], &(struct ask) { .context = 1 });
		begin_many(honest, (uint32_t)k, 1);
	}
	for (i = 0; i < 100; i++)
		apps_turn();
	/* all together would be seven times as much */
	assert_in_range(contexts->users.bytes, 190000, 260000);
	/* who reads has its turn again */
	k = 0;
	while (loud[0]->number < 50) {
		for (i = 0; i < 40; i++)
			k += app_try(loud[i]);
		apps_turn();
	}
	assert_true(k >= 50);
	for (i = 0; i < 40; i++)
		app_free(loud[i]);
	/* and who does not is dropped */
	loud[0] = app_of(1000);
	last_one()->slow.repeat = 0.3;
	apps_configure("[contexts]\nbytes-per-user = 65536\n");
	for (k = 0; k < 200; k++)
		app_send(loud[0], &(struct ask) { .context = 1 });
	while (contexts->users.connections > 1)
		apps_turn();
	begin_many(honest, 100, 1);
	app_free(loud[0]);
	app_free(honest);
	all_gone();
}

static void ask_nothing(struct app *app, int n)
{
	while (n--)
		app_send(app, &(struct ask) { .context = 1 });
	apps_settle();
}

/* A single message fits anywhere, and stays there no longer than others if it is not read. */
static void silent(void **state)
{
	struct ksc_connection *conn;
	struct app *app;

	(void)state;
	apps_start(blank, 1);
	app = app_of(1000);
	conn = last_one();
	assert_false(ev_is_active(&conn->slow));
	ask_nothing(app, 3);
	assert_false(ksc_connection_waits(conn));
	assert_true(ev_is_active(&conn->slow));
	/* who has read one has the time again, and who is told more before that is seen, too */
	assert_true(app_try(app));
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_true(ev_is_active(&conn->slow));
	conn->slow.repeat = 1000;
	ask_nothing(app, 1);
	assert_true(ev_timer_remaining(apps_loop, &conn->slow) < 500);
	assert_true(app_try(app));
	ask_nothing(app, 1);
	assert_true(ev_timer_remaining(apps_loop, &conn->slow) > 500);
	/* who has read all has as long as it likes */
	while (app_try(app))
		;
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_false(ev_is_active(&conn->slow));
	assert_int_equal(contexts->users.bytes, 0);
	begin_many(app, 2, 1);
	/* and who has read nothing is gone */
	ask_nothing(app, 1);
	ev_invoke(apps_loop, &conn->slow, EV_TIMER);
	assert_true(TAILQ_EMPTY(&contexts->apps));
	assert_int_equal(contexts->users.refused[KSC_LIMIT_SLOW], 1);
	assert_int_equal(app_await(app), KSC_MESSAGE_ERROR);
	assert_int_equal(app_await(app), 0);
	app_free(app);
	all_gone();
}

#define SILENT	8

/* Output is not refused: but four users that read nothing leave others something, too. */
static void silent_users(void **state)
{
	static uint8_t bytes[KSC_MAX_TOKEN];
	struct ask ask = { .role = KSC_ROLE_SERVER };
	struct app *apps[4][SILENT], *honest;
	struct ksc_application *of;
	size_t before;
	int i, k;

	(void)state;
	apps_start("[contexts]\nbytes = 1048576\nbytes-per-user = 262144\n", 1);
	for (i = 0; i < 4; i++) {
		for (k = 0; k < SILENT; k++) {
			apps[i][k] = app_of((uid_t)(1000 + i));
			/* for this test, nobody looks again whether something was read */
			last_one()->retry.repeat = 1000;
		}
		for (k = 0; k < SILENT; k++)
			ask_nothing(apps[i][k], 80);
	}
	before = contexts->users.bytes;
	assert_in_range(before, 700000, 983040 + 4 * 2000);
	honest = app_of(2000);
	ask.token = bytes;
	ask.len = put_records(bytes, 3);
	assert_int_equal(app_step(honest, &ask), KSC_STATUS_CONTINUE_NEEDED);
	ask.context++;
	app_refused(honest, &ask, EDQUOT);
	assert_int_equal(contexts->users.refused[KSC_LIMIT_BYTES], 1);
	/* when they have read it, it counts no more, though none of them has said anything */
	for (i = 0; i < 4; i++)
		for (k = 0; k < SILENT; k++)
			while (app_try(apps[i][k]))
				;
	contexts->settled = 0;
	assert_true(contexts->users.bytes >= before);
	assert_int_equal(app_step(honest, &ask), KSC_STATUS_CONTINUE_NEEDED);
	assert_true(contexts->users.bytes < before / 2);
	TAILQ_FOREACH(of, &contexts->apps, link)
		if (ev_is_active(&of->conn.retry))
			ev_feed_event(apps_loop, &of->conn.retry, EV_TIMER);
	for (i = 0; i < 4; i++)
		for (k = 0; k < SILENT; k++)
			app_free(apps[i][k]);
	app_free(honest);
	all_gone();
}

/* ---- turns ---- */

/* Who says a lot has its turn as often as who says little. */
static void turns(void **state)
{
	struct app *loud[40], *quiet;
	int i, k, before = 0;

	(void)state;
	apps_start(blank, 1);
	for (i = 0; i < 40; i++)
		loud[i] = app_of(1000);
	quiet = app_of(1001);
	for (i = 0; i < 40; i++)
		for (k = 0; k < 20; k++)
			app_send(loud[i], &(struct ask) { .context = 1 });
	app_send(quiet, &(struct ask) { .context = 1 });
	/* of what the loop does in one turn, some is the other's */
	ev_run(apps_loop, EVRUN_NOWAIT);
	assert_true(app_try(quiet));
	assert_int_equal(quiet->error, ENOENT);
	for (i = 0; i < 40; i++)
		while (app_try(loud[i]))
			before++;
	assert_in_range(before, 1, 16);
	for (i = 0; i < 40; i++)
		app_free(loud[i]);
	app_free(quiet);
	all_gone();
}

int main(void)
{
	const struct rlimit many = { 20000, 20000 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(per_user),
		cmocka_unit_test(told),
		cmocka_unit_test(shares),
		cmocka_unit_test(shared_connections),
		cmocka_unit_test(subordinates),
		cmocka_unit_test(dies),
		cmocka_unit_test(handshake_bytes),
		cmocka_unit_test(per_user_bytes),
		cmocka_unit_test(connections),
		cmocka_unit_test(flood),
		cmocka_unit_test(no_descriptors),
		cmocka_unit_test(no_message),
		cmocka_unit_test(guarded),
		cmocka_unit_test(descriptors),
		cmocka_unit_test(held_up),
		cmocka_unit_test(too_many_refused),
		cmocka_unit_test(unlistened),
		cmocka_unit_test(slow),
		cmocka_unit_test(unread),
		cmocka_unit_test(silent),
		cmocka_unit_test(silent_users),
		cmocka_unit_test(turns),
	};

	setrlimit(RLIMIT_NOFILE, &many);
	return cmocka_run_group_tests_name("crowd", tests, NULL, NULL);
}
