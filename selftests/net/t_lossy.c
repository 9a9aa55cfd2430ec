// SPDX-License-Identifier: GPL-2.0
/* A network that is slow and loses packets, to another network namespace. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "net.h"
#include "peer.h"

#define SIZE 200000

static void do_command(const char *command)
{
	int ret = system(command);

	if (ret)
		fail_msg("%s: status %d", command, ret);
}

static int remove_network(void **state)
{
	(void)state;
	return system("{ ip netns del peer; ip link del veth0; } 2>/dev/null; true");
}

/*
 * Client and server have a namespace each; the daemon is in the first one, so
 * the server is of another make.
 */
static int make_network(void **state)
{
	(void)state;
	t_setup(state);
	/* what a setup that failed left behind */
	remove_network(state);
	do_command("ip netns add peer");
	do_command("ip link add veth0 type veth peer name veth1 netns peer");
	do_command("ip addr add 10.9.0.1/24 dev veth0 && ip link set veth0 up");
	do_command("ip -n peer addr add 10.9.0.2/24 dev veth1 && ip -n peer link set veth1 up");
	do_command("tc qdisc add dev veth0 root netem delay 20ms loss 1%");
	do_command("tc -n peer qdisc add dev veth1 root netem delay 20ms loss 1%");
	return 0;
}

/**
 * struct far - a listener in the other namespace
 * @addr: its address
 * @fd: the listener, or -1
 */
struct far {
	struct t_addr addr;
	int fd;
};

static void *listen_far(void *arg)
{
	struct far *far = arg;
	int ns = open("/run/netns/peer", O_RDONLY | O_CLOEXEC);

	/* a socket stays in the namespace where its thread was when it made it */
	far->fd = -1;
	if (ns >= 0 && !setns(ns, CLONE_NEWNET))
		far->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (far->fd >= 0 && (bind(far->fd, (struct sockaddr *)&far->addr.ss, far->addr.len) ||
			     listen(far->fd, 16) ||
			     getsockname(far->fd, (struct sockaddr *)&far->addr.ss,
					 &far->addr.len))) {
		close(far->fd);
		far->fd = -1;
	}
	if (ns >= 0)
		close(ns);
	return NULL;
}

static int far_listener(struct t_addr *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct far far = { .addr.len = sizeof(in) };
	pthread_t thread;

	inet_pton(AF_INET, "10.9.0.2", &in.sin_addr);
	memcpy(&far.addr.ss, &in, sizeof(in));
	t_thread(&thread, listen_far, &far);
	t_join(thread);
	assert_true(far.fd >= 0);
	*addr = far.addr;
	return far.fd;
}

/* A client that never blocks, until all that it sent has come back. */
static void test_nonblocking(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	static uint8_t out[SIZE], in[SIZE];
	size_t sent = 0, received = 0;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = far_listener(&addr), fd;
	ssize_t n;

	peer_accept(&peer, *state, listener, peer_echo);
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	t_fill(out, sizeof(out), 5);
	while (received < SIZE) {
		t_wait(fd, sent < SIZE ? POLLIN | POLLOUT : POLLIN);
		if (sent < SIZE) {
			n = send(fd, out + sent, SIZE - sent, 0);
			if (n < 0)
				assert_int_equal(errno, EAGAIN);
			else
				sent += (size_t)n;
		}
		n = recv(fd, in + received, SIZE - received, 0);
		if (n < 0)
			assert_int_equal(errno, EAGAIN);
		else if (!n)
			fail_msg("end of file after %zu bytes", received);
		else
			received += (size_t)n;
	}
	assert_memory_equal(in, out, SIZE);
	SYS(shutdown(fd, SHUT_WR));
	t_nonblock(fd, false);
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
	close(listener);
}

/* Ten handshakes, so that a packet of one is lost at some time. */
static void test_many_handshakes(void **state)
{
	struct t_addr addr;
	int listener = far_listener(&addr);

	for (int i = 0; i < 10; i++) {
		struct peer peer = { 0 };
		int fd;

		peer_accept(&peer, *state, listener, peer_echo);
		fd = t_connect(&addr, &t_client);
		t_send(fd, "far away", 8);
		t_expect(fd, "far away");
		close(fd);
		peer_join(&peer);
	}
	close(listener);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, make_network, remove_network, (void *)(arg)                            \
	}

int main(void)
{
	static const struct peer_conf openssl = { .library = PEER_OPENSSL, .server = true };
	static const struct peer_conf gnutls = { .library = PEER_GNUTLS, .server = true };
	const struct CMUnitTest tests[] = {
		TEST("non-blocking, OpenSSL", test_nonblocking, &openssl),
		TEST("non-blocking, GnuTLS", test_nonblocking, &gnutls),
		TEST("handshakes, OpenSSL", test_many_handshakes, &openssl),
	};

	return T_RUN(tests);
}
