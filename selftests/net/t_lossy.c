// SPDX-License-Identifier: GPL-2.0-only
/* A network that is slow and loses packets, to another network namespace. */
#include <poll.h>
#include <unistd.h>

#include "lib/far.h"
#include "lib/peer.h"

#define SIZE 200000

static int make_network(void **state)
{
	t_setup(state);
	far_make();
	far_command("tc qdisc add dev veth0 root netem delay 20ms loss 1%");
	far_command("tc -n peer qdisc add dev veth1 root netem delay 20ms loss 1%");
	return 0;
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
		/* with the network gone, one that was closed first would try for minutes */
		SYS(shutdown(fd, SHUT_WR));
		t_expect_eof(fd);
		close(fd);
		peer_join(&peer);
	}
	close(listener);
}

#define TEST(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, make_network, far_remove, (void *)(arg)                            \
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
