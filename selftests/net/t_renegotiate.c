// SPDX-License-Identifier: GPL-2.0-only
/* TLS 1.2 renegotiation is refused, and the session goes on. */
#include <stdio.h>
#include <unistd.h>

#include <gnutls/gnutls.h>

#include "lib/ctx.h"
#include "lib/nl.h"
#include "lib/peer.h"

/* How often each peer asks. */
#define TIMES 3

/* The peer gets no_renegotiation, as a warning (RFC 5246 7.2.2). */
static int expect_refusal(struct peer *peer, ssize_t ret)
{
	if (ret != GNUTLS_E_WARNING_ALERT_RECEIVED)
		return peer_error(peer, "renegotiation: %zd, %s", ret, gnutls_strerror((int)ret));
	if (gnutls_alert_get(peer->session) != GNUTLS_A_NO_RENEGOTIATION)
		return peer_error(peer, "alert %d", (int)gnutls_alert_get(peer->session));
	return 0;
}

/* A server that asks for it, and a client that begins it; data comes before and after. */
static void insist(struct peer *peer)
{
	char buf[8];

	if (peer_handshake(peer))
		return;
	for (int i = 0; i < TIMES; i++) {
		ssize_t ret;

		if (peer_write(peer, "before", 6))
			return;
		if (peer->conf.server) {
			ret = gnutls_rehandshake(peer->session);
			if (ret) {
				peer_error(peer, "rehandshake: %s", gnutls_strerror((int)ret));
				return;
			}
			ret = gnutls_record_recv(peer->session, buf, sizeof(buf));
		} else {
			ret = gnutls_handshake(peer->session);
		}
		if (expect_refusal(peer, ret) || peer_write(peer, "after", 5) ||
		    peer_expect(peer, "ours"))
			return;
	}
	if (!peer_expect_close(peer))
		peer_close(peer);
}

static void exchange(int fd)
{
	for (int i = 0; i < TIMES; i++) {
		t_expect(fd, "beforeafter");
		t_send(fd, "ours", 4);
	}
	assert_int_equal(t_info(fd).version, 0x0303);
	t_expect_error(fd, KSC_STATUS_OK, 0);
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
}

static void test_socket(void **state)
{
	const bool we_serve = *state;
	const struct peer_conf conf = { .library = PEER_GNUTLS, .version = 0x0303,
					.server = !we_serve };
	uint64_t before = tnl_counter(KSC_A_STATS_ALERTS_SENT);
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	if (we_serve) {
		listener = t_listen(AF_INET, &t_server, &addr);
		peer_connect(&peer, &conf, &addr, insist);
		fd = t_accept(listener);
		close(listener);
	} else {
		fd = peer_serve(&peer, &conf, insist);
	}
	exchange(fd);
	peer_join(&peer);
	/* a warning ends nothing */
	assert_int_equal(tnl_counter(KSC_A_STATS_ALERTS_SENT), before);
}

/* With a handshake that the application carried. */
static void test_context(void **state)
{
	const struct peer_conf conf = { .library = PEER_GNUTLS, .version = 0x0303,
					.server = true };
	struct peer peer = { 0 };
	struct ctx client;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	(void)state;
	peer_accept(&peer, &conf, listener, insist);
	fd = t_connect(&addr, NULL);
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_run(&client, fd, 0);
	ctx_attach(&client, fd);
	exchange(fd);
	close(listener);
	peer_join(&peer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("test_socket client", test_socket, 0),
		T_CASE("test_socket server", test_socket, 1),
		cmocka_unit_test_setup_teardown(test_context, ctx_setup, ctx_teardown),
	};

	return T_RUN(tests);
}
