// SPDX-License-Identifier: GPL-2.0-only
/* Signals and timeouts end every wait as they do on a TCP socket, and nothing is lost by it. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/peer.h"

/* Where data of a splice() comes from or goes to. */
#define SPLICED 5000

/**
 * struct call - a thread in a system call that signals come to
 * @run: the call
 * @fd: the socket
 * @addr: for connect()
 * @pipes: for splice()
 * @ret: what it returned
 * @error: errno then
 * @done: it has returned
 * @thread: the thread
 */
struct call {
	long (*run)(struct call *call);
	int fd;
	struct t_addr addr;
	int pipes[2];
	long ret;
	int error;
	atomic_bool done;
	pthread_t thread;
};

enum mode { PLAIN, RESTART, TIMEOUT };

static atomic_uint handled;

static void on_signal(int sig)
{
	(void)sig;
	atomic_fetch_add(&handled, 1);
}

static void *call_main(void *arg)
{
	struct call *call = arg;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	errno = 0;
	call->ret = call->run(call);
	call->error = errno;
	atomic_store(&call->done, true);
	return NULL;
}

static void set_timeouts(int fd, int s)
{
	const struct timeval tv = { .tv_sec = s };

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
}

static void call_start(struct call *call, enum mode mode)
{
	struct sigaction action = { .sa_handler = on_signal };

	if (mode != PLAIN)
		action.sa_flags = SA_RESTART;
	/* with a timeout nothing is restarted: signal(7) */
	set_timeouts(call->fd, mode == TIMEOUT ? PATIENCE_S : 0);
	SYS(sigaction(SIGUSR1, &action, NULL));
	atomic_store(&handled, 0);
	atomic_store(&call->done, false);
	t_thread(&call->thread, call_main, call);
}

/* Signals until the call has returned, or it has slept through enough of them. */
static void call_disturb(struct call *call, unsigned int enough)
{
	while (!atomic_load(&call->done) && atomic_load(&handled) < enough) {
		unsigned int before = atomic_load(&handled);

		usleep(20 * 1000);
		pthread_kill(call->thread, SIGUSR1);
		for (int i = 0; i < 1000 && atomic_load(&handled) == before; i++)
			usleep(1000);
	}
}

static void call_join(struct call *call)
{
	t_join(call->thread);
	set_timeouts(call->fd, PATIENCE_S);
}

/* Insist on EINTR; or that the call goes on, in which case the caller lets it end. */
static bool call_interrupted(struct call *call, enum mode mode)
{
	call_disturb(call, mode == RESTART ? 5 : 1000);
	if (mode == RESTART) {
		if (atomic_load(&call->done))
			fail_msg("returned %ld, %s, and was not restarted", call->ret,
				 strerror(call->error));
		return false;
	}
	call_join(call);
	if (call->ret >= 0 || call->error != EINTR)
		fail_msg("%ld, %s, not EINTR", call->ret, strerror(call->error));
	return true;
}

static void call_finish(struct call *call, long ret)
{
	call_join(call);
	if (call->ret != ret)
		fail_msg("%ld, %s, not %ld", call->ret, strerror(call->error), ret);
}

/* ---- receiving ---- */

static long run_recv(struct call *call)
{
	char buf[8] = "";
	long ret = recv(call->fd, buf, 5, 0);

	return ret > 0 && memcmp(buf, "later", 5) != 0 ? -2 : ret;
}

static long run_peek(struct call *call)
{
	char buf[8] = "";
	long ret = recv(call->fd, buf, 5, MSG_PEEK);

	if (ret == 5)
		ret = recv(call->fd, buf, 5, 0);
	return ret > 0 && memcmp(buf, "later", 5) != 0 ? -2 : ret;
}

static long run_splice_in(struct call *call)
{
	char buf[8] = "";
	int pipes[2];
	long ret;

	if (pipe2(pipes, O_CLOEXEC))
		return -2;
	ret = splice(call->fd, NULL, pipes[1], NULL, 5, 0);
	if (ret > 0 && (read(pipes[0], buf, 5) != 5 || memcmp(buf, "later", 5) != 0))
		ret = -2;
	/* the descriptors must not spoil errno */
	if (ret >= 0)
		errno = 0;
	call->error = errno;
	close(pipes[0]);
	close(pipes[1]);
	errno = call->error;
	return ret;
}

struct wait {
	long (*run)(struct call *call);
	enum mode mode;
};

static void test_recv(void **state)
{
	const struct wait *wait = *state;
	struct call call = { .run = wait->run };
	int fds[2];

	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	call.fd = fds[1];
	call_start(&call, wait->mode);
	if (call_interrupted(&call, wait->mode)) {
		t_send(fds[0], "later", 5);
		t_expect(fds[1], "later");
	} else {
		t_send(fds[0], "later", 5);
		call_finish(&call, 5);
	}
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

static long run_waitall(struct call *call)
{
	char buf[8] = "";
	long ret = recv(call->fd, buf, 6, MSG_WAITALL);

	return ret > 0 && memcmp(buf, "abcdef", (size_t)ret) != 0 ? -2 : ret;
}

/* With something to return a call is neither restarted nor interrupted: it returns that. */
static void test_waitall(void **state)
{
	struct call call = { .run = run_waitall };
	int fds[2];

	flow_pair(fds);
	call.fd = fds[1];
	t_send(fds[0], "abc", 3);
	t_wait(fds[1], POLLIN);
	call_start(&call, (enum mode)(intptr_t)*state);
	call_disturb(&call, 1000);
	/* a signal before it slept lets it go on until the next */
	call_finish(&call, 3);
	t_send(fds[0], "def", 3);
	t_expect(fds[1], "def");
	flow_close(fds);
}

/* ---- sending ---- */

static long run_send(struct call *call)
{
	return send(call->fd, flow_data(1), SPLICED, MSG_NOSIGNAL);
}

static long run_splice_out(struct call *call)
{
	return splice(call->pipes[0], NULL, call->fd, NULL, SPLICED, 0);
}

/* A small write waits for room: it is sent once, or not at all. */
static void test_send(void **state)
{
	const struct wait *wait = *state;
	struct call call = { .run = wait->run };
	size_t sent;
	int fds[2];

	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	SYS(pipe2(call.pipes, O_CLOEXEC));
	assert_int_equal(SYS(write(call.pipes[1], flow_data(1), SPLICED)), SPLICED);
	sent = flow_fill(fds[0], flow_data(0));
	call.fd = fds[0];
	call_start(&call, wait->mode);
	if (call_interrupted(&call, wait->mode)) {
		flow_expect(fds[1], flow_data(0), sent);
	} else {
		flow_expect(fds[1], flow_data(0), sent);
		flow_expect(fds[1], flow_data(1), SPLICED);
		call_finish(&call, SPLICED);
	}
	t_exchange(fds[0], fds[1]);
	close(call.pipes[0]);
	close(call.pipes[1]);
	flow_close(fds);
}

static long run_send_much(struct call *call)
{
	return send(call->fd, flow_data(2), FLOW_MAX, MSG_NOSIGNAL);
}

/* A large write ends with what was taken, and that is what arrives. */
static void test_send_much(void **state)
{
	struct call call = { .run = run_send_much };
	int fds[2];

	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	call.fd = fds[0];
	call_start(&call, (enum mode)(intptr_t)*state);
	call_disturb(&call, 1000);
	call_join(&call);
	assert_in_range(call.ret, 1, FLOW_MAX - 1);
	flow_expect(fds[1], flow_data(2), (size_t)call.ret);
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* ---- the handshake ---- */

static long run_connect(struct call *call)
{
	return connect(call->fd, (struct sockaddr *)&call->addr.ss, call->addr.len);
}

static void serve_echo(struct peer *peer)
{
	peer_echo(peer);
}

/* connect() waits for a server that sends nothing yet. */
static void test_connect(void **state)
{
	const enum mode mode = (enum mode)(intptr_t)*state;
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct call call = { .run = run_connect };
	int listener = t_listen(AF_INET, NULL, &call.addr);
	struct peer peer = { 0 };

	call.fd = t_socket(AF_INET, &t_client);
	call_start(&call, mode);
	if (call_interrupted(&call, mode)) {
		/* the handshake goes on, and connect() may be called again to wait for it */
		peer_accept(&peer, &conf, listener, serve_echo);
		SYS(run_connect(&call));
	} else {
		peer_accept(&peer, &conf, listener, serve_echo);
		call_finish(&call, 0);
	}
	t_send(call.fd, "echo", 4);
	t_expect(call.fd, "echo");
	close(call.fd);
	peer_join(&peer);
	close(listener);
}

static long run_handshake(struct call *call)
{
	int on = 1;

	return setsockopt(call->fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &on, sizeof(on));
}

static long run_first_send(struct call *call)
{
	return send(call->fd, "later", 5, MSG_NOSIGNAL);
}

static void connect_late(struct peer *peer)
{
	char buf[5];

	if (peer_handshake(peer) || peer_write(peer, "later", 5))
		return;
	if (peer->arg && peer_read_all(peer, buf, 5))
		return;
	peer_expect_close(peer);
}

static void begin_handshake(struct peer *peer)
{
	int *go = peer->arg;
	char c;

	if (read(go[0], &c, 1) != 1)
		peer_error(peer, "the test did not say when to begin");
	peer->arg = go[1] ? go : NULL;
	connect_late(peer);
}

/* An accepted connection whose client sends nothing yet. */
static void test_accepted(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	const struct wait *wait = *state;
	bool sends = wait->run == run_first_send;
	struct call call = { .run = wait->run };
	int listener = t_listen(AF_INET, &t_server, &call.addr), go[2], arg[2];
	struct peer peer = { .arg = arg };
	bool interrupted;

	SYS(pipe2(go, O_CLOEXEC));
	arg[0] = go[0];
	arg[1] = sends;
	peer_connect(&peer, &conf, &call.addr, begin_handshake);
	call.fd = t_accept(listener);
	call_start(&call, wait->mode);
	interrupted = call_interrupted(&call, wait->mode);
	assert_int_equal(SYS(write(go[1], "!", 1)), 1);
	if (interrupted && sends)
		t_send(call.fd, "later", 5);
	if (!interrupted)
		call_finish(&call, wait->run == run_handshake ? 0 : 5);
	if (interrupted || wait->run != run_recv)
		t_expect(call.fd, "later");
	close(call.fd);
	peer_join(&peer);
	close(listener);
	close(go[0]);
	close(go[1]);
}

static long run_accept(struct call *call)
{
	return accept4(call->fd, NULL, NULL, SOCK_CLOEXEC);
}

static void test_accept(void **state)
{
	const enum mode mode = (enum mode)(intptr_t)*state;
	struct call call = { .run = run_accept };
	int fd, child;

	call.fd = t_listen(AF_INET, &t_server, &call.addr);
	call_start(&call, mode);
	if (call_interrupted(&call, mode)) {
		fd = t_begin(&call.addr, &t_client);
		child = t_accept(call.fd);
		t_finish(fd);
	} else {
		fd = t_connect(&call.addr, &t_client);
		call_join(&call);
		child = (int)call.ret;
		assert_true(child >= 0);
	}
	t_exchange(fd, child);
	close(fd);
	close(child);
	close(call.fd);
}

/* ---- the end ---- */

static long run_close(struct call *call)
{
	return close(call->fd);
}

/* A lingering close() ends at a signal; the data goes on. */
static void test_close(void **state)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = PATIENCE_S };
	struct sigaction action = { .sa_handler = on_signal };
	struct call call = { .run = run_close };
	int64_t start = t_now_ms();
	int fds[2];
	size_t sent;

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	sent = flow_fill(fds[0], flow_data(0));
	SYS(setsockopt(fds[0], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	SYS(sigaction(SIGUSR1, &action, NULL));
	atomic_store(&handled, 0);
	call.fd = fds[0];
	t_thread(&call.thread, call_main, &call);
	call_disturb(&call, 1000);
	t_join(call.thread);
	assert_int_equal(call.ret, 0);
	assert_in_range(t_now_ms() - start, 0, PATIENCE_S * 500);
	flow_expect(fds[1], flow_data(0), sent);
	t_expect_eof(fds[1]);
	t_expect_error(fds[1], KSC_STATUS_OK, 0);
	close(fds[1]);
}

/* ---- timeouts ---- */

static void set_ms(int fd, int option, int ms)
{
	const struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000L };

	SYS(setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv)));
}

/* What had come or gone when the time was over counts. */
static void test_timeouts(void **state)
{
	int fds[2], pipes[2];
	char buf[8];
	ssize_t n, more = 0;
	int64_t start;

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 16384);
	SYS(pipe2(pipes, O_CLOEXEC));
	t_exchange(fds[0], fds[1]);
	set_ms(fds[1], SO_RCVTIMEO, 200);
	set_ms(fds[0], SO_SNDTIMEO, 200);
	t_send(fds[0], "abc", 3);
	t_wait(fds[1], POLLIN);
	assert_int_equal(SYS(recv(fds[1], buf, 6, MSG_WAITALL)), 3);
	start = t_now_ms();
	FAILS(recv(fds[1], buf, 1, MSG_PEEK), EAGAIN);
	/* in jiffies, which may be counted late */
	assert_in_range(t_now_ms() - start, 100, PATIENCE_S * 1000);
	FAILS(splice(fds[1], NULL, pipes[1], NULL, 1, 0), EAGAIN);
	n = SYS(send(fds[0], flow_data(3), FLOW_MAX, 0));
	assert_in_range(n, 1, FLOW_MAX - 1);
	/* what is acknowledged late makes a little room */
	do {
		n += more;
		start = t_now_ms();
		more = send(fds[0], flow_data(3) + n, (size_t)(FLOW_MAX - n), 0);
	} while (more > 0);
	assert_int_equal(more, -1);
	assert_int_equal(errno, EAGAIN);
	assert_in_range(t_now_ms() - start, 100, PATIENCE_S * 1000);
	set_ms(fds[1], SO_RCVTIMEO, PATIENCE_S * 1000);
	flow_expect(fds[1], flow_data(3), (size_t)n);
	t_exchange(fds[0], fds[1]);
	close(pipes[0]);
	close(pipes[1]);
	flow_close(fds);
}

/* A handshake that takes longer than SO_RCVTIMEO goes on behind it. */
static void test_handshake_timeout(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL };
	int fd, listener, go[2], arg[2];
	struct peer peer = { .arg = arg };
	struct t_addr addr;
	int on = 1;
	char c;

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	SYS(pipe2(go, O_CLOEXEC));
	arg[0] = go[0];
	arg[1] = 1;
	peer_connect(&peer, &conf, &addr, begin_handshake);
	fd = t_accept(listener);
	set_ms(fd, SO_RCVTIMEO, 100);
	set_ms(fd, SO_SNDTIMEO, 100);
	FAILS(recv(fd, &c, 1, 0), EAGAIN);
	FAILS(send(fd, "x", 1, 0), EAGAIN);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &on, sizeof(on)), EINPROGRESS);
	set_timeouts(fd, PATIENCE_S);
	assert_int_equal(SYS(write(go[1], "!", 1)), 1);
	t_expect(fd, "later");
	t_send(fd, "12345", 5);
	close(fd);
	peer_join(&peer);
	close(listener);
	close(go[0]);
	close(go[1]);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, NULL, NULL, (void *)(arg)                                              \
	}
#define WAIT(name, test, run)                                                                      \
	TEST(name, test, (&(const struct wait){ run, PLAIN })),                                    \
	TEST(name ", SA_RESTART", test, (&(const struct wait){ run, RESTART })),                   \
	TEST(name ", SA_RESTART and a timeout", test, (&(const struct wait){ run, TIMEOUT }))
#define MODES(name, test)                                                                          \
	TEST(name, test, PLAIN), TEST(name ", SA_RESTART", test, RESTART),                         \
	TEST(name ", SA_RESTART and a timeout", test, TIMEOUT)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WAIT("recv", test_recv, run_recv),
		WAIT("peek", test_recv, run_peek),
		WAIT("splice from a socket", test_recv, run_splice_in),
		MODES("MSG_WAITALL", test_waitall),
		WAIT("send", test_send, run_send),
		WAIT("splice to a socket", test_send, run_splice_out),
		MODES("a large send", test_send_much),
		MODES("connect", test_connect),
		WAIT("handshake in recv", test_accepted, run_recv),
		WAIT("handshake in send", test_accepted, run_first_send),
		WAIT("handshake", test_accepted, run_handshake),
		MODES("accept", test_accept),
		TEST("lingering close", test_close, NULL),
		TEST("timeouts", test_timeouts, NULL),
		TEST("timeouts of a handshake", test_handshake_timeout, NULL),
	};

	return T_RUN(tests);
}
