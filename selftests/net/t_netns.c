// SPDX-License-Identifier: GPL-2.0-only
/*
 * Network namespaces, each with a policy and a daemon of its own; processes and listeners
 * that move between them; and their end.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/far.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/policy.h"

#define HERE "10.9.1.1"
#define THERE "10.9.1.2"
#define HANDSHAKE_MS 300

/**
 * struct place - a namespace
 * @ns: a descriptor of it, -1 for none
 * @own: its daemon
 */
struct place {
	int ns;
	struct own own;
};

/*
 * Where the test began, and two that are connected: near has veth0, distant has veth1. A
 * second link shows by its end that the distant namespace is gone.
 */
static int first = -1;
static struct place near = { .ns = -1 }, distant = { .ns = -1 };

/* What is protected here is not there. */
static const char near_rules[] =
	"[rule near]\naction = require\nremote-port = 1000-1999\ndirection = connect\n"
	"server-name = server.test\n"
	"[rule near-server]\naction = require\nlocal-port = 1000-1999\ndirection = accept\n"
	"[rule near-rest]\naction = never\n";
static const char distant_rules[] =
	"[rule distant]\naction = require\nremote-port = 2000-2999\ndirection = connect\n"
	"server-name = other.test\n"
	"[rule distant-server]\naction = require\nlocal-port = 1900-2999\ndirection = accept\n"
	"[rule distant-rest]\naction = never\n";

static int this_namespace(void)
{
	return (int)SYS(open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
}

static void enter(int ns)
{
	SYS(setns(ns, CLONE_NEWNET));
}

static void make_place(struct place *place, const char *rules)
{
	own_namespace();
	place->ns = this_namespace();
	own_start(&place->own, rules);
}

/* Ends with the test in the near one. */
static void make_both(void)
{
	char command[128];

	make_place(&near, near_rules);
	make_place(&distant, distant_rules);
	enter(near.ns);
	snprintf(command, sizeof(command),
		 "ip link add veth0 type veth peer name veth1 netns /proc/%d/fd/%d", getpid(),
		 distant.ns);
	far_command(command);
	snprintf(command, sizeof(command),
		 "ip link add witness type veth peer name veth2 netns /proc/%d/fd/%d", getpid(),
		 distant.ns);
	far_command(command);
	far_command("ip addr add " HERE "/24 dev veth0 && ip link set veth0 up");
	enter(distant.ns);
	far_command("ip addr add " THERE "/24 dev veth1 && ip link set veth1 up");
	enter(near.ns);
}

static int setup(void **state)
{
	first = this_namespace();
	return t_setup(state);
}

static void forget(struct place *place)
{
	own_end(&place->own);
	if (place->ns >= 0)
		close(place->ns);
	place->ns = -1;
}

static int teardown(void **state)
{
	(void)state;
	enter(first);
	close(first);
	forget(&near);
	forget(&distant);
	return 0;
}

static uint64_t handshakes_in(int ns)
{
	int back = this_namespace();
	uint64_t count;

	enter(ns);
	count = tnl_counter(KSC_A_STATS_HANDSHAKES_OK);
	enter(back);
	close(back);
	return count;
}

static int listen_in(int ns, uint16_t port)
{
	int back = this_namespace(), fd;

	enter(ns);
	fd = listen_on(policy_socket(AF_INET, &policy_nothing), port);
	enter(back);
	close(back);
	return fd;
}

/* From the near one to the distant one */
static int connect_over(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = policy_socket(AF_INET, &policy_nothing);

	assert_int_equal(inet_pton(AF_INET, THERE, &in.sin_addr), 1);
	t_begin_on(fd, &in, sizeof(in));
	return fd;
}

/* A connection over the link whose ends both are protected; fds[1] is the distant end. */
static void pair_over(int fds[2])
{
	int listener = listen_in(distant.ns, 1999);

	fds[0] = connect_over(1999);
	fds[1] = t_accept(listener);
	close(listener);
	assert_protected_pair(fds[0], fds[1]);
}

/* ---- two policies ---- */

static void test_loopbacks(void **state)
{
	const struct place *const places[] = { &near, &distant };
	int fds[2];

	(void)state;
	make_both();
	for (int i = 0; i < 4; i++) {
		enter(places[i / 2]->ns);
		pair_on(i % 2 ? 2500 : 1500, fds);
		if (i / 2 == i % 2) {
			assert_protected_pair(fds[0], fds[1]);
			assert_string_equal(t_info(fds[0]).server_name,
					    i ? "other.test" : "server.test");
		} else {
			assert_plain_pair(fds[0], fds[1]);
		}
		close_pair(fds);
	}
	/* one without its daemon holds to its rules, the other does not notice */
	own_kill(&distant.own);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	fds[0] = policy_socket(AF_INET, &(struct t_opts){ .timeout = HANDSHAKE_MS });
	fds[1] = listen_on(t_plain(AF_INET), 2501);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 2501), EHOSTDOWN);
	close_pair(fds);
	enter(near.ns);
	pair_on(1501, fds);
	assert_protected_pair(fds[0], fds[1]);
	close_pair(fds);
}

/* Each end falls under the policy of where it is. */
static void test_between(void **state)
{
	uint64_t here, there;
	int fds[2], listener;

	(void)state;
	make_both();
	/* by neither */
	listener = listen_in(distant.ns, 500);
	fds[0] = connect_over(500);
	fds[1] = t_accept(listener);
	assert_plain_pair(fds[0], fds[1]);
	close_pair(fds);
	close(listener);
	/* by both, each with its own daemon */
	here = handshakes_in(near.ns);
	there = handshakes_in(distant.ns);
	pair_over(fds);
	assert_int_equal(handshakes_in(near.ns), here + 1);
	assert_int_equal(handshakes_in(distant.ns), there + 1);
	close_pair(fds);
	/* by this end only: the other does not speak TLS, and no plaintext is sent */
	listener = listen_in(distant.ns, 1500);
	fds[0] = policy_socket(AF_INET, &(struct t_opts){ .timeout = HANDSHAKE_MS });
	FAILS(try_connect_to(fds[0], THERE, 1500), ETIMEDOUT);
	close(fds[0]);
	close(t_accept(listener));
	close(listener);
}

/* ---- what moves ---- */

/* A socket stays where it was made, with what it falls under; the process's new ones do not. */
static void test_moved(void **state)
{
	int old[2], before[2], late[2], after[2], listener;
	uint64_t here, there;

	(void)state;
	make_both();
	pair_on(1600, old);
	assert_protected_pair(old[0], old[1]);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1601);
	before[0] = policy_socket(AF_INET, &policy_nothing);
	late[0] = t_plain(AF_INET);
	here = tnl_counter(KSC_A_STATS_HANDSHAKES_OK);
	enter(distant.ns);
	there = tnl_counter(KSC_A_STATS_HANDSHAKES_OK);
	assert_protected_pair(old[0], old[1]);
	/* made before, connected and accepted after */
	connect_to(before[0], 1601);
	before[1] = t_accept(listener);
	assert_protected_pair(before[0], before[1]);
	assert_string_equal(t_info(before[0]).server_name, "server.test");
	/* and one that is given to the module after, too */
	t_attach(late[0]);
	by_policy(late[0]);
	connect_to(late[0], 1601);
	late[1] = t_accept(listener);
	assert_protected_pair(late[0], late[1]);
	close_pair(late);
	assert_int_equal(handshakes_in(near.ns), here + 4);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), there);
	/* the same port is another matter here */
	pair_on(1601, after);
	assert_plain_pair(after[0], after[1]);
	close_pair(after);
	pair_on(2601, after);
	assert_protected_pair(after[0], after[1]);
	assert_string_equal(t_info(after[0]).server_name, "other.test");
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), there + 2);
	/* nor does the end of this one's daemon touch what is the other's */
	own_stop(&distant.own);
	assert_protected_pair(before[0], before[1]);
	assert_protected_pair(after[0], after[1]);
	close_pair(old);
	close_pair(before);
	close_pair(after);
	close(listener);
}

static void hand_over(int via, int fd)
{
	char control[CMSG_SPACE(sizeof(fd))] = { 0 }, c = 0;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	assert_int_equal(SYS(sendmsg(via, &msg, 0)), 1);
}

static int take_over(int via)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1,
			      .msg_control = control, .msg_controllen = sizeof(control) };
	int fd = -1;

	if (recvmsg(via, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(fd));
	return fd;
}

/* A process of the distant one: serves one connection of the listener that it is given. */
static int serve_from_afar(int via)
{
	char buf[16];
	int listener, fd;
	ssize_t n;

	if (setns(distant.ns, CLONE_NEWNET))
		return 10;
	listener = take_over(via);
	fd = accept(listener, NULL, NULL);
	if (fd < 0)
		return 11;
	while ((n = recv(fd, buf, sizeof(buf), 0)) > 0) {
		if (send(fd, buf, (size_t)n, 0) != n)
			return 12;
	}
	if (n)
		return 13;
	return what_is(fd);
}

static void test_handed(void **state)
{
	(void)state;
	make_both();
	for (int i = 0; i < 2; i++) {
		const uint16_t port = i ? 2700 : 1700;
		int listener, via[2], status;
		uint64_t there;
		pid_t pid;
		int fd;

		there = handshakes_in(distant.ns);
		SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, via));
		pid = (pid_t)SYS(fork());
		if (!pid) {
			close(via[0]);
			_exit(serve_from_afar(via[1]));
		}
		close(via[1]);
		listener = listen_on(policy_socket(AF_INET, &policy_nothing), port);
		hand_over(via[0], listener);
		close(listener);
		fd = connect_to(policy_socket(AF_INET, &policy_nothing), port);
		t_send(fd, "there", 5);
		t_expect(fd, "there");
		assert_int_equal(what_is(fd), i ? LEFT : PROTECTED);
		SYS(shutdown(fd, SHUT_WR));
		t_expect_eof(fd);
		SYS(waitpid(pid, &status, 0));
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), i ? LEFT : PROTECTED);
		assert_int_equal(handshakes_in(distant.ns), there);
		close(fd);
		close(via[0]);
	}
}

/* ---- the end of a namespace ---- */

static void await_end_of_distant(void)
{
	const int64_t end = t_now_ms() + (int64_t)PATIENCE_S * 1000;

	while (if_nametoindex("witness")) {
		if (t_now_ms() > end)
			fail_msg("the namespace is still there");
		usleep(1000);
	}
}

static void forget_distant(void)
{
	own_kill(&distant.own);
	forget(&distant);
}

/*
 * Our ends are reset in what follows: the namespace of their peers is ending, a FIN may find
 * the cable gone, and TCP would be a minute over sending it again.
 */
static void test_socket_holds(void **state)
{
	int fds[2];

	(void)state;
	make_both();
	pair_over(fds);
	forget_distant();
	/* no process is in it, and only the socket keeps it */
	assert_protected_pair(fds[0], fds[1]);
	assert_true(if_nametoindex("witness"));
	close(fds[1]);
	t_expect_eof(fds[0]);
	t_reset(fds[0]);
	await_end_of_distant();
	tnl_await_counter(KSC_A_STATS_SOCKETS, 0);
}

/* Connects to the near one and waits to be killed; its data is never read. */
static int die_there(int via)
{
	struct t_opts opts = { .server_name = "server.test" };
	int fd;

	if (setns(distant.ns, CLONE_NEWNET))
		return 10;
	for (int i = 0; i < 3; i++) {
		fd = t_socket(AF_INET, &opts);
		if (try_connect_to(fd, HERE, 1800) || send(fd, "hello", 5, 0) != 5)
			return 11;
	}
	/* and one whose peer has not answered, and a listener without a client */
	opts.nonblock = true;
	fd = t_socket(AF_INET, &opts);
	if (!try_connect_to(fd, HERE, 1801) || errno != EINPROGRESS)
		return 12;
	listen_on(t_socket(AF_INET, &t_server), 1802);
	if (write(via, "x", 1) != 1)
		return 13;
	pause();
	return 14;
}

/* All its processes are killed, with connections open. */
static void test_killed(void **state)
{
	int listener, silent, ends[3], half, via[2], status;
	pid_t pid;
	char c;

	(void)state;
	make_both();
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 1800);
	silent = listen_on(t_plain(AF_INET), 1801);
	SYS(pipe2(via, O_CLOEXEC));
	pid = (pid_t)SYS(fork());
	if (!pid)
		_exit(die_there(via[1]));
	close(via[1]);
	for (int i = 0; i < 3; i++) {
		ends[i] = t_accept(listener);
		t_expect(ends[i], "hello");
		/* no process has them: the last ones are reset */
		if (i)
			t_send(ends[i], "unread", 6);
	}
	half = t_accept(silent);
	assert_int_equal(SYS(read(via[0], &c, 1)), 1);
	SYS(kill(pid, SIGKILL));
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFSIGNALED(status));
	forget_distant();
	t_expect_eof(ends[0]);
	for (int i = 0; i < 3; i++) {
		while (recv(ends[i], &c, 1, 0) > 0)
			;
		t_reset(ends[i]);
	}
	while (recv(half, &c, 1, 0) > 0)
		;
	t_reset(half);
	close(silent);
	close(listener);
	close(via[0]);
	await_end_of_distant();
	tnl_await_counter(KSC_A_STATS_SOCKETS, 0);
}

/* The link is deleted first, so that neither end learns of the other's end; both are dropped. */
static void test_cut_off(void **state)
{
	char buf[1024] = "";
	int fds[2];

	(void)state;
	make_both();
	pair_over(fds);
	far_command("ip link del veth0");
	/* data in flight is lost */
	for (int i = 0; i < 2; i++) {
		t_nonblock(fds[i], true);
		for (int k = 0; k < 2; k++)
			assert_int_equal(SYS(send(fds[i], buf, sizeof(buf), 0)), sizeof(buf));
	}
	forget_distant();
	FAILS(recv(fds[0], buf, 1, 0), EAGAIN);
	t_reset(fds[1]);
	await_end_of_distant();
	FAILS(recv(fds[0], buf, 1, 0), EAGAIN);
	t_reset(fds[0]);
	tnl_await_counter(KSC_A_STATS_SOCKETS, 0);
}

/* A namespace that is made anew begins with nothing of the old one. */
static void test_again(void **state)
{
	int fds[2];

	(void)state;
	for (int i = 0; i < 5; i++) {
		make_both();
		pair_over(fds);
		enter(first);
		forget(&near);
		forget_distant();
		/* both have only the sockets that keep them */
		t_exchange(fds[0], fds[1]);
		close_pair(fds);
	}
	own_namespace();
	assert_int_equal(tnl_counter(KSC_A_STATS_DAEMON), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_SOCKETS), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_HANDSHAKES_OK), 0);
	fds[0] = policy_socket(AF_INET, &policy_nothing);
	fds[1] = listen_on(t_plain(AF_INET), 500);
	FAILS(try_connect_to(fds[0], "127.0.0.1", 500), EHOSTDOWN);
	close_pair(fds);
}

#define NETNS_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETNS_TEST(test_loopbacks),
		NETNS_TEST(test_between),
		NETNS_TEST(test_moved),
		NETNS_TEST(test_handed),
		NETNS_TEST(test_socket_holds),
		NETNS_TEST(test_killed),
		NETNS_TEST(test_cut_off),
		NETNS_TEST(test_again),
	};

	return T_RUN(tests);
}
