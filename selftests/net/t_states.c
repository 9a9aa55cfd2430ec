// SPDX-License-Identifier: GPL-2.0-only
/*
 * States that a socket may be brought into by calls in an unexpected order,
 * and what else can be done to the memory that belongs to it.
 *
 * Bugs of in-tree TLS and its like come in classes. These are the tests that would
 * have caught them:
 *
 * Asynchronous completion against lifetime (CVE-2024-26582 to -26585, -26800, -58240,
 *	CVE-2025-40176, CVE-2026-23240, -31533):
 *	t_storm (closed with records in flight; killed), t_threads (test_close_by_other)
 * State of the record under work (CVE-2025-39682 zero-length records, CVE-2024-58239,
 *	CVE-2025-39946, CVE-2026-74611):
 *	t_queue (test_empty_between, test_fault), t_aead (empty records, no type),
 *	t_records (test_empty), t_splice, t_vectors (random peeks and reads)
 * TCP's queue under our feet (CVE-2025-38471, -38616):
 *	t_queue (collapse, out of order, threads), t_rekey (test_bad_network)
 * Lifetime of the ULP, states of the socket (CVE-2023-0461 listening, CVE-2025-37756
 *	disconnecting, CVE-2024-36489 what is seen before it is ready):
 *	here; t_storm (attached while it connects or is closed); t_options (test_ulp);
 *	t_io (test_fork, test_dup, test_pass_fd)
 * Locks, and sockets of another kind (CVE-2023-28466, CVE-2023-1075, CVE-2021-47496,
 *	CVE-2024-53091):
 *	t_storm (everything at once, with lockdep in the debug kernel), t_options
 *	(test_ulp: not a TCP socket), t_threads (test_onlookers)
 * Sockmap (CVE-2025-38608 and others): here
 * Decryption in memory that others have, too ("Dirty Frag"): t_shared
 * Handshakes by another process (as net/handshake: no permission needed, references,
 *	cancellation, the end of a namespace):
 *	here (test_namespace_ends), t_netlink (test_not_the_daemon, test_unprivileged,
 *	malformed(), test_closed_in_step), t_daemon (killed at each step)
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/cut.h"
#include "lib/net.h"
#include "lib/nl.h"

#define SECRET "nobody may see this"

static const struct t_opts nonblock = { .server_name = "server.test", .nonblock = true };

static int disconnect(int fd)
{
	struct sockaddr unspec = { .sa_family = AF_UNSPEC };

	return connect(fd, &unspec, sizeof(unspec));
}

/*
 * Whatever became of a socket that was protected: if it can connect, what it sends is
 * no plaintext.
 */
static void expect_no_plaintext(int fd)
{
	struct timeval brief = { .tv_usec = 200000 };
	static char got[100000];
	size_t len = 0;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), peer;
	ssize_t n;

	t_nonblock(fd, true);
	(void)connect(fd, (struct sockaddr *)&addr.ss, addr.len);
	send(fd, SECRET, sizeof(SECRET), MSG_NOSIGNAL);
	t_nonblock(listener, true);
	peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	if (peer >= 0) {
		SYS(setsockopt(peer, SOL_SOCKET, SO_RCVTIMEO, &brief, sizeof(brief)));
		send(fd, SECRET, sizeof(SECRET), MSG_NOSIGNAL);
		close(fd);
		while (len < sizeof(got) && (n = recv(peer, got + len, sizeof(got) - len, 0)) > 0)
			len += (size_t)n;
		assert_null(memmem(got, len, SECRET, sizeof(SECRET) - 1));
		close(peer);
	} else {
		close(fd);
	}
	close(listener);
}

/* A socket that waits for an answer to its SYN: no host has that address. */
static int connecting(const struct t_opts *opts)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct t_addr addr = { .len = sizeof(in) };
	int fd;

	inet_pton(AF_INET, "10.99.0.2", &in.sin_addr);
	memcpy(&addr.ss, &in, sizeof(in));
	fd = t_socket(AF_INET, opts);
	t_nonblock(fd, true);
	FAILS(connect(fd, (struct sockaddr *)&addr.ss, addr.len), EINPROGRESS);
	return fd;
}

static int remove_void(void **state)
{
	(void)state;
	return t_shell("ip link del void0 2>/dev/null; true");
}

/* A network that swallows what is sent to it. */
static int make_void(void **state)
{
	t_setup(state);
	remove_void(state);
	return t_shell("ip link add void0 type dummy && ip addr add 10.99.0.1/24 dev void0 && "
		      "ip link set void0 up && "
		      "ip neigh replace 10.99.0.2 lladdr 02:00:00:00:00:01 dev void0");
}

/* In each phase. CVE-2025-37756. */
static void test_disconnect(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd, peer, fds[2];
	char buf[5];

	(void)state;
	/* at the beginning */
	fd = t_socket(AF_INET, &t_client);
	disconnect(fd);
	disconnect(fd);
	expect_no_plaintext(fd);
	/* as TCP connects */
	fd = connecting(&t_client);
	disconnect(fd);
	expect_no_plaintext(fd);
	/* during the handshake, with a peer that sends nothing */
	fd = t_try_connect(&addr, &nonblock);
	peer = t_accept(listener);
	t_recv(peer, buf, sizeof(buf));
	if (disconnect(fd))
		assert_int_equal(errno, EOPNOTSUPP);
	close(peer);
	expect_no_plaintext(fd);
	/* with data on their way in both directions, read and unread */
	t_pair(AF_INET, fds);
	t_send(fds[0], "to", 2);
	t_send(fds[1], "fro", 3);
	t_wait(fds[0], POLLIN);
	if (disconnect(fds[0]))
		assert_int_equal(errno, EOPNOTSUPP);
	expect_no_plaintext(fds[0]);
	close(fds[1]);
	/* half closed, each way */
	t_pair(AF_INET, fds);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	disconnect(fds[0]);
	disconnect(fds[1]);
	expect_no_plaintext(fds[0]);
	expect_no_plaintext(fds[1]);
	/* failed */
	fd = t_try_connect(&addr, &nonblock);
	peer = t_accept(listener);
	t_send(peer, "HTTP/1.0 400\r\n\r\n", 16);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), EPROTO);
	disconnect(fd);
	close(peer);
	expect_no_plaintext(fd);
	close(listener);
}

/* A listener stops listening, with children that were not accepted. */
static void test_disconnect_listener(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);

	(void)state;
	for (int i = 0; i < 10; i++) {
		struct t_addr addr;
		int listener = t_listen(AF_INET, &t_server, &addr), fds[4];

		for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
			fds[j] = j & 1 ? t_begin(&addr, &nonblock) : t_connect(&addr, NULL);
		if (i & 1)
			disconnect(listener);
		else
			shutdown(listener, SHUT_RD);
		expect_no_plaintext(listener);
		for (size_t j = 0; j < ARRAY_SIZE(fds); j++)
			close(fds[j]);
	}
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* CVE-2023-0461: a socket with state of a connection begins to listen, and is cloned. */
static void test_listen_on_protected(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fds[2], fd;

	(void)state;
	t_pair(AF_INET, fds);
	for (int i = 0; i < 2; i++)
		FAILS(listen(fds[i], 5), EINVAL);
	t_exchange(fds[0], fds[1]);
	/* by way of disconnecting, if that is allowed at all */
	for (int i = 0; i < 2; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct t_addr at = { .len = sizeof(at.ss) };

		in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		disconnect(fds[i]);
		(void)bind(fds[i], (struct sockaddr *)&in, sizeof(in));
		if (!listen(fds[i], 5) &&
		    !getsockname(fds[i], (struct sockaddr *)&at.ss, &at.len)) {
			fd = t_try_connect(&at, &nonblock);
			close(fds[i]);
			close(fd);
		} else {
			close(fds[i]);
		}
	}
	/* connecting, and then listening */
	fd = connecting(&t_client);
	FAILS(listen(fd, 5), EINVAL);
	disconnect(fd);
	if (!listen(fd, 5)) {
		struct t_addr at = { .len = sizeof(at.ss) };
		int client, child;

		SYS(getsockname(fd, (struct sockaddr *)&at.ss, &at.len));
		((struct sockaddr_in *)&at.ss)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		t_nonblock(fd, false);
		client = t_begin(&at, &t_client);
		child = t_accept(fd);
		t_finish(client);
		t_exchange(client, child);
		close(client);
		close(child);
	}
	close(fd);
	close(listener);
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* ---- a listener's child that becomes something else ---- */

/* Ways to a child that may be disconnected: no handshake of it has begun */
enum child { WAS_RESET, NOT_CONNECTED };
/* Ends of a listener */
enum end { CLOSED, SHUT, DISCONNECTED, ENDS };

static in_port_t port_of(const struct t_addr *addr)
{
	return ntohs(((const struct sockaddr_in *)&addr->ss)->sin_port);
}

/* Has the connection ended that the listener has not accepted? */
static void await_reset(const struct t_addr *addr)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	char command[96];

	snprintf(command, sizeof(command), "ss -t -n -H state established sport = :%u | grep -q .",
		 port_of(addr));
	while (!t_shell(command)) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
}

/* A child that has been disconnected */
static int former_child(int parent, const struct t_addr *addr, enum child way)
{
	int client = way == WAS_RESET ? t_connect(addr, NULL) : cut_fast_open(addr), child;
	struct tcp_info info;
	socklen_t len = sizeof(info);

	t_wait(parent, POLLIN);
	if (way == WAS_RESET) {
		t_reset(client);
		await_reset(addr);
	}
	child = t_accept(parent);
	SYS(getsockopt(child, IPPROTO_TCP, TCP_INFO, &info, &len));
	assert_int_equal(info.tcpi_state, way == WAS_RESET ? TCP_CLOSE : TCP_SYN_RECV);
	/* it is a connection, or was one */
	FAILS(listen(child, 4), EINVAL);
	SYS(disconnect(child));
	/* not before: it would answer by RST */
	if (way == NOT_CONNECTED)
		close(client);
	return child;
}

static void exchange_and_close(int client, int child)
{
	t_finish(client);
	t_finish(child);
	assert_int_equal(t_info(child).role, KSC_ROLE_SERVER);
	t_exchange(client, child);
	close(client);
	close(child);
}

/* What a listener accepts is protected, or sends nothing */
static void expect_serves(int listener, const struct t_addr *addr)
{
	int client = t_begin(addr, &t_client), child = t_accept(listener);
	char c;

	exchange_and_close(client, child);
	client = t_connect(addr, NULL);
	child = t_accept(listener);
	FAILS(send(child, SECRET, sizeof(SECRET), MSG_DONTWAIT | MSG_NOSIGNAL), EAGAIN);
	FAILS(recv(client, &c, 1, MSG_DONTWAIT), EAGAIN);
	close(client);
	close(child);
}

static void end_listener(int fd, enum end how)
{
	if (how == SHUT)
		SYS(shutdown(fd, SHUT_RD));
	else if (how == DISCONNECTED)
		SYS(disconnect(fd));
	close(fd);
}

/*
 * A child listens, as a listener in its own right, and comes to its end: neither is any
 * business of its parent's, whose other children are served before and after.
 */
static void test_child_listens(void **state)
{
	uint64_t sockets = tnl_counter(KSC_A_STATS_SOCKETS);
	const enum child way = (enum child)(intptr_t)*state;

	t_keep(CUT_FAST_OPEN);
	for (enum end how = CLOSED; how < ENDS; how++) {
		struct t_addr addr, own = { .len = sizeof(own.ss) };
		int parent = t_listen(AF_INET, &t_server, &addr), child, waiting;

		cut_fast_open_allow(parent);
		child = former_child(parent, &addr, way);
		SYS(listen(child, 4));
		SYS(getsockname(child, (struct sockaddr *)&own.ss, &own.len));
		assert_int_not_equal(port_of(&own), port_of(&addr));
		/* one that is the parent's already, and one that is not accepted */
		waiting = t_begin(&addr, &t_client);
		expect_serves(child, &own);
		close(t_connect(&own, NULL));
		end_listener(child, how);
		exchange_and_close(waiting, t_accept(parent));
		expect_serves(parent, &addr);
		close(parent);
	}
	tnl_await_counter(KSC_A_STATS_SOCKETS, sockets);
}

/* One whose handshake has begun stays what it is, and its parent a listener */
static void test_child_does_not_listen(void **state)
{
	struct t_addr addr;
	int parent = t_listen(AF_INET, &t_server, &addr), fds[2], silent, child, failed;

	(void)state;
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(parent);
	t_finish(fds[0]);
	t_finish(fds[1]);
	silent = t_connect(&addr, NULL);
	child = t_accept(parent);
	FAILS(disconnect(child), EOPNOTSUPP);
	FAILS(listen(child, 4), EINVAL);
	t_send(silent, "GET / HTTP/1.0\r\n\r\n", 18);
	t_wait(child, POLLERR);
	failed = t_so_error(child);
	assert_int_not_equal(failed, 0);
	FAILS(disconnect(child), EOPNOTSUPP);
	FAILS(listen(child, 4), EINVAL);
	FAILS(disconnect(fds[1]), EOPNOTSUPP);
	FAILS(listen(fds[1], 4), EINVAL);
	t_exchange(fds[0], fds[1]);
	/* nor when TCP's connection has ended */
	t_reset(fds[0]);
	t_wait(fds[1], POLLHUP);
	FAILS(disconnect(fds[1]), EOPNOTSUPP);
	FAILS(listen(fds[1], 4), EINVAL);
	close(fds[1]);
	close(silent);
	close(child);
	expect_serves(parent, &addr);
	close(parent);
}

/* The ULP where it does not belong: t_options has more of it. */
static void test_attach(void **state)
{
	const char name[] = KSC_ULP_NAME;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd, peer;
	char buf[5];

	(void)state;
	/* its children might be there already, unprotected */
	FAILS(setsockopt(listener, IPPROTO_TCP, TCP_ULP, name, sizeof(name)), ENOTCONN);
	/* twice, in any phase */
	fd = connecting(NULL);
	t_attach(fd);
	FAILS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)), EEXIST);
	close(fd);
	/* with plaintext in the receive queue */
	fd = t_connect(&addr, NULL);
	peer = t_accept(listener);
	t_send(peer, "plain", 5);
	t_wait(fd, POLLIN);
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &(int){ KSC_ROLE_CLIENT }, sizeof(int)));
	FAILS(recv(fd, buf, sizeof(buf), 0), EPROTO);
	close(fd);
	close(peer);
	/* to one that the peer has closed, or reset: the handshake fails */
	fd = t_connect(&addr, NULL);
	peer = t_accept(listener);
	close(peer);
	t_wait(fd, POLLIN);
	t_attach(fd);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &(int){ KSC_ROLE_CLIENT }, sizeof(int)));
	assert_true(send(fd, SECRET, sizeof(SECRET), MSG_NOSIGNAL) < 0);
	close(fd);
	fd = t_connect(&addr, NULL);
	peer = t_accept(listener);
	t_reset(peer);
	t_wait(fd, POLLIN);
	if (!setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)))
		assert_true(send(fd, SECRET, sizeof(SECRET), MSG_NOSIGNAL) < 0);
	expect_no_plaintext(fd);
	close(listener);
}

static int bpf_call(int cmd, union bpf_attr *attr)
{
	return (int)syscall(__NR_bpf, cmd, attr, sizeof(*attr));
}

static int put_into_map(int map, int fd)
{
	union bpf_attr attr = { .map_fd = (uint32_t)map };
	int key = 0;

	attr.key = (uintptr_t)&key;
	attr.value = (uintptr_t)&fd;
	attr.flags = BPF_ANY;
	return bpf_call(BPF_MAP_UPDATE_ELEM, &attr);
}

/* Both want the socket's operations for themselves. CVE-2025-38608. */
static void test_sockmap(void **state)
{
	const char name[] = KSC_ULP_NAME;
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_SOCKMAP, .key_size = 4,
				.value_size = 4, .max_entries = 2 };
	struct t_addr addr;
	int map = bpf_call(BPF_MAP_CREATE, &attr);
	int listener, fds[2], fd, peer;

	(void)state;
	if (map < 0 && errno == EINVAL)
		skip();
	SYS(map);
	/* a protected one into the map: not in any phase */
	t_pair(AF_INET, fds);
	for (int i = 0; i < 2; i++)
		assert_true(put_into_map(map, fds[i]) < 0);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	assert_true(put_into_map(map, fd) < 0);
	close(fd);
	peer = t_accept(listener);
	close(peer);
	/* one of the map cannot be protected */
	fd = t_connect(&addr, NULL);
	peer = t_accept(listener);
	SYS(put_into_map(map, fd));
	FAILS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, name, sizeof(name)), EOPNOTSUPP);
	t_exchange(fd, peer);
	close(fd);
	close(peer);
	close(listener);
	/* nor a listener, whose children have the map's operations */
	listener = t_listen(AF_INET, &t_server, &addr);
	put_into_map(map, listener);
	fd = t_begin(&addr, &t_client);
	peer = t_accept(listener);
	t_finish(fd);
	t_exchange(fd, peer);
	close(fd);
	close(peer);
	close(listener);
	close(map);
}

/* In a namespace of its own, with a daemon of its own that never answers. */
static int leave_handshakes_open(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	struct tnl_event event;
	struct tnl_conn nl;
	int listener, fd;

	if (unshare(CLONE_NEWNET) || t_shell("ip link set lo up") || !tnl_open(&nl) ||
	    tnl_register(&nl))
		return 1;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL);
	if (listener < 0 || bind(listener, (struct sockaddr *)&in, sizeof(in)) ||
	    listen(listener, 20) || getsockname(listener, (struct sockaddr *)&in, &len))
		return 2;
	for (int i = 0; i < 5; i++) {
		/* one side of each waits for the daemon, and so does the other once asked */
		fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, i & 1 ? IPPROTO_KSCHANNEL : 0);
		if (fd < 0)
			return 3;
		/* a plain one may be connected at once */
		if (connect(fd, (struct sockaddr *)&in, sizeof(in)) && errno != EINPROGRESS)
			return 3;
		if (!(i & 1))
			send(fd, "\x16\x03\x01\x00\x01\x01", 6, 0);
	}
	if (!tnl_next_event(&nl, &event))
		return 4;
	/* everything goes at once: sockets, daemon, namespace */
	raise(SIGKILL);
	return 5;
}

static void test_namespace_ends(void **state)
{
	(void)state;
	for (int i = 0; i < 10; i++) {
		int status;
		pid_t pid = (pid_t)SYS(fork());

		if (!pid)
			_exit(leave_handshakes_open());
		SYS(waitpid(pid, &status, 0));
		if (!WIFSIGNALED(status))
			fail_msg("status %d", WEXITSTATUS(status));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_disconnect, make_void, remove_void),
		cmocka_unit_test(test_disconnect_listener),
		cmocka_unit_test_setup_teardown(test_listen_on_protected, make_void, remove_void),
		T_CASE("a child that was reset listens", test_child_listens, WAS_RESET),
		T_CASE("a child that is not connected listens", test_child_listens, NOT_CONNECTED),
		cmocka_unit_test(test_child_does_not_listen),
		cmocka_unit_test_setup_teardown(test_attach, make_void, remove_void),
		cmocka_unit_test(test_sockmap),
		cmocka_unit_test(test_namespace_ends),
	};

	return T_RUN(tests);
}
