// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts that wait for the daemon, and the order in which they are served; in a namespace
 * with a daemon of the test's.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/stall.h"

#define WINDOW KSC_DEFAULT_WINDOW
/* A record that might be the beginning of a ClientHello. */
#define HELLO "\x16\x03\x01\x00\x04\x01\x00\x00\x00"
#define HELLO_LEN 9

static struct tnl_conn nl;

/* However long a test takes, none goes by itself. */
static const struct t_opts patient = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };

static void become_daemon(void)
{
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_register(&nl), 0);
}

static int setup(void **state)
{
	const struct rlimit limit = { .rlim_cur = 20000, .rlim_max = 20000 };

	t_setup(state);
	own_namespace();
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	become_daemon();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tnl_close(&nl);
	return 0;
}

/**
 * struct server - a protected socket that was accepted, and the client that sent a ClientHello
 * @fd: the protected one
 * @peer: its client
 * @port: the client's, as in the offer
 */
struct server {
	int fd;
	int peer;
	in_port_t port;
};

static void begin_server(int listener, const struct t_addr *addr, struct server *s)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);

	s->peer = t_connect(addr, NULL);
	t_send(s->peer, HELLO, HELLO_LEN);
	s->fd = t_accept(listener);
	SYS(getsockname(s->peer, (struct sockaddr *)&in, &len));
	s->port = in.sin_port;
}

static void end_server(const struct server *s)
{
	close(s->fd);
	if (s->peer >= 0)
		close(s->peer);
}

static in_port_t peer_port(const struct tnl_event *event)
{
	struct sockaddr_in in;

	assert_non_null(event->attrs[KSC_A_CONTEXT_PEER]);
	memcpy(&in, nla_data(event->attrs[KSC_A_CONTEXT_PEER]), sizeof(in));
	return in.sin_port;
}

static void answer(struct tnl_event *event, uint32_t status)
{
	if (tnl_do(&nl, tnl_step(&nl, event, status)))
		fail_msg("step: %s (%s)", strerror(-nl.error), nl.text);
	tnl_free_event(event);
}

/* The next offer, whatever became of others meanwhile. */
static void next_offer(struct tnl_event *event, int cmd)
{
	for (;;) {
		assert_true(tnl_next_event(&nl, event));
		if (event->cmd != KSC_CMD_CONTEXT_DEL)
			break;
		tnl_free_event(event);
	}
	assert_int_equal(event->cmd, cmd);
}

static void await_offers(uint64_t made, uint64_t waiting)
{
	tnl_await_counter(KSC_A_STATS_OFFERS, made);
	tnl_await_counter(KSC_A_STATS_OFFERS_WAITING, waiting);
}

/* They are offered as they came, and there are never more unanswered than may be. */
static void test_order(void **state)
{
	enum { MANY = 3 * WINDOW };
	struct server servers[MANY];
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		begin_server(listener, &addr, &servers[i]);
		await_offers(i < WINDOW ? i + 1 : WINDOW, i < WINDOW ? 0 : i + 1 - WINDOW);
	}
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_UNANSWERED),
				 MANY - i < WINDOW ? MANY - i : WINDOW);
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		assert_int_equal(peer_port(&event), servers[i].port);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
		/* one for one */
		if (i + WINDOW < MANY)
			await_offers(i + 1 + WINDOW, MANY - i - 1 - WINDOW);
	}
	await_offers(MANY, 0);
	tnl_await_counter(KSC_A_STATS_OFFERS_UNANSWERED, 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_DEFERRED), 0);
	for (unsigned int i = 0; i < MANY; i++)
		end_server(&servers[i]);
	close(listener);
}

/* A daemon that comes late is not flooded: no offer is lost. */
static void test_many_wait(void **state)
{
	/* with all checks on, each costs a multiple */
	const int many = t_kasan() ? 300 : 2000;
	const struct t_opts client = { .nonblock = true,
				       .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	static int fds[2000];
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	SYS(listen(listener, many));
	t_shell("echo 4096 >/proc/sys/net/core/somaxconn");
	tnl_close(&nl);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	for (int i = 0; i < many; i++) {
		fds[i] = t_try_connect(&addr, &client);
		assert_int_equal(errno, EINPROGRESS);
	}
	await_offers(0, many);
	become_daemon();
	for (int i = 0; i < many; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		if (i % 100 == 0)
			assert_in_range(tnl_counter(KSC_A_STATS_OFFERS_UNANSWERED), 1, WINDOW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	await_offers(many, 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_DEFERRED), 0);
	tnl_await_counter(KSC_A_STATS_STEPS, many);
	for (int i = 0; i < many; i++)
		close(fds[i]);
	close(listener);
}

/* A handshake that is reset or closed while it waits costs no step, and delays no other. */
static void test_gone(void **state)
{
	enum { GONE = 150 };
	struct server first[WINDOW], gone[GONE], honest;
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	(void)state;
	for (int i = 0; i < WINDOW; i++)
		begin_server(listener, &addr, &first[i]);
	await_offers(WINDOW, 0);
	for (int i = 0; i < GONE; i++)
		begin_server(listener, &addr, &gone[i]);
	await_offers(WINDOW, GONE);
	begin_server(listener, &addr, &honest);
	await_offers(WINDOW, GONE + 1);
	for (int i = 0; i < GONE; i++) {
		switch (i % 3) {
		case 0:
			t_reset(gone[i].peer);
			break;
		case 1:
			close(gone[i].fd);
			gone[i].fd = -1;
			break;
		default:
			/* a client that sends no more will never finish */
			close(gone[i].peer);
		}
		if (i % 3 != 1)
			gone[i].peer = -1;
	}
	await_offers(WINDOW, 1);
	for (int i = 0; i < WINDOW; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	next_offer(&event, KSC_CMD_CONTEXT_NEW);
	assert_int_equal(peer_port(&event), honest.port);
	answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	await_offers(WINDOW + 1, 0);
	tnl_await_counter(KSC_A_STATS_STEPS, WINDOW + 1);
	for (int i = 0; i < WINDOW; i++)
		end_server(&first[i]);
	for (int i = 0; i < GONE; i++)
		end_server(&gone[i]);
	end_server(&honest);
	close(listener);
}

/* An offered handshake that ends makes room, and the daemon is notified. */
static void test_offered_gone(void **state)
{
	struct server servers[WINDOW + 1];
	struct tnl_event event;
	bool told[2] = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	(void)state;
	for (int i = 0; i <= WINDOW; i++) {
		begin_server(listener, &addr, &servers[i]);
		if (i == WINDOW - 1)
			await_offers(WINDOW, 0);
	}
	await_offers(WINDOW, 1);
	t_reset(servers[3].peer);
	servers[3].peer = -1;
	await_offers(WINDOW + 1, 0);
	for (int i = 0; i < WINDOW; i++) {
		tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
		tnl_free_event(&event);
	}
	/* the next one may be offered before the daemon is notified, by another CPU */
	for (int i = 0; i < 2; i++) {
		assert_true(tnl_next_event(&nl, &event));
		if (event.cmd == KSC_CMD_CONTEXT_NEW)
			assert_int_equal(peer_port(&event), servers[WINDOW].port);
		else
			assert_int_equal(event.cmd, KSC_CMD_CONTEXT_DEL);
		told[event.cmd == KSC_CMD_CONTEXT_NEW] = true;
		tnl_free_event(&event);
	}
	assert_true(told[0] && told[1]);
	for (int i = 0; i <= WINDOW; i++)
		end_server(&servers[i]);
	close(listener);
}

/* What a daemon left unanswered comes first at the next. */
static void test_daemon_dies(void **state)
{
	enum { MANY = 2 * WINDOW };
	struct server servers[MANY];
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	(void)state;
	for (unsigned int i = 0; i < MANY; i++) {
		begin_server(listener, &addr, &servers[i]);
		await_offers(i < WINDOW ? i + 1 : WINDOW, i < WINDOW ? 0 : i + 1 - WINDOW);
	}
	tnl_close(&nl);
	await_offers(WINDOW, MANY);
	become_daemon();
	await_offers(2UL * WINDOW, MANY - WINDOW);
	/* these were called at once */
	for (int i = 0; i < WINDOW; i++) {
		bool found = false;

		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		for (int k = 0; k < WINDOW && !found; k++) {
			found = peer_port(&event) == servers[k].port;
			if (found)
				servers[k].port = 0;
		}
		assert_true(found);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	for (int i = WINDOW; i < MANY; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	await_offers(MANY + WINDOW, 0);
	for (unsigned int i = 0; i < MANY; i++)
		end_server(&servers[i]);
	close(listener);
}

/* A daemon on its way out ends what it has begun; new ones don't stand in the way. */
static void test_drain(void **state)
{
	const struct t_opts client = { .nonblock = true,
				       .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	enum { MANY = WINDOW + 5 };
	struct server servers[MANY];
	struct tnl_event event;
	struct tnl_conn other;
	struct nl_msg *msg;
	struct t_addr addr, plain;
	int listener = t_listen(AF_INET, &patient, &addr);
	int target = t_listen(AF_INET, NULL, &plain), fd, peer;

	(void)state;
	fd = t_try_connect(&plain, &client);
	next_offer(&event, KSC_CMD_CONTEXT_NEW);
	msg = tnl_step(&nl, &event, KSC_STATUS_CONTINUE_NEEDED);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "begun");
	assert_int_equal(tnl_do(&nl, msg), 0);
	tnl_free_event(&event);
	peer = t_accept(target);
	t_expect(peer, "begun");
	for (int i = 0; i < MANY; i++)
		begin_server(listener, &addr, &servers[i]);
	await_offers(1 + WINDOW, MANY - WINDOW);
	assert_true(tnl_open(&other));
	assert_int_equal(tnl_do(&other, tnl_request(&other, KSC_CMD_DRAIN)), -EPERM);
	tnl_close(&other);
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, KSC_CMD_DRAIN)), 0);
	await_offers(1 + WINDOW, MANY);
	/* what had come before */
	for (int i = 0; i < WINDOW; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		assert_int_equal(tnl_do(&nl, tnl_step(&nl, &event, KSC_STATUS_PROTOCOL_ERROR)),
				 -EPERM);
		tnl_free_event(&event);
	}
	t_send(peer, "\x16\x03\x03\x00\x04\x02\x00\x00\x00", 9);
	next_offer(&event, KSC_CMD_TOKEN);
	answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), EPROTO);
	await_offers(2 + WINDOW, MANY);
	tnl_close(&nl);
	become_daemon();
	for (int i = 0; i < MANY; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	for (int i = 0; i < MANY; i++)
		end_server(&servers[i]);
	close(fd);
	close(peer);
	close(target);
	close(listener);
}

static void put_key(struct nl_msg *msg, int direction)
{
	static const uint8_t secret[32];
	struct nlattr *nest = nla_nest_start(msg, direction);

	nla_put(msg, KSC_A_KEY_SECRET, sizeof(secret), secret);
	nla_put_u64(msg, KSC_A_KEY_RECORD_SEQ, 0);
	nla_nest_end(msg, nest);
}

/* A client's connection whose daemon is interested in tickets. */
static int connect_kept(const struct t_addr *addr)
{
	const struct t_opts client = { .nonblock = true };
	struct tnl_event event;
	struct nlattr *keys;
	struct nl_msg *msg;
	int fd = t_try_connect(addr, &client);

	next_offer(&event, KSC_CMD_CONTEXT_NEW);
	msg = tnl_step(&nl, &event, KSC_STATUS_OK);
	keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	nla_put_u16(msg, KSC_A_KEYS_VERSION, 0x0304);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, 0x1301);
	put_key(msg, KSC_A_KEYS_TX);
	put_key(msg, KSC_A_KEYS_RX);
	nla_nest_end(msg, keys);
	nla_put_flag(msg, KSC_A_CONTEXT_TICKETS);
	assert_int_equal(tnl_do(&nl, msg), 0);
	tnl_free_event(&event);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), 0);
	return fd;
}

static int bind_port(uint32_t port)
{
	const struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_pid = port };
	int fd = (int)SYS(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC));

	SYS(bind(fd, (const struct sockaddr *)&to, sizeof(to)));
	return fd;
}

/* A socket that has got a dead daemon's port ID is not sent its notifications. */
static void test_port_of_another(void **state)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd[2], thief;
	uint32_t port = nl_socket_get_local_port(nl.sk);
	char c;

	(void)state;
	fd[0] = connect_kept(&addr);
	fd[1] = connect_kept(&addr);
	tnl_close(&nl);
	thief = bind_port(port);
	close(fd[0]);
	FAILS(recv(thief, &c, 1, MSG_DONTWAIT), EAGAIN);
	/* nor with another daemon */
	become_daemon();
	close(fd[1]);
	FAILS(recv(thief, &c, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(nl_socket_get_fd(nl.sk), &c, 1, MSG_DONTWAIT), EAGAIN);
	close(thief);
	close(listener);
}

/* A thread can't keep a turn by keeping a socket's lock. */
static void test_locked(void **state)
{
	struct server locked[WINDOW], honest;
	struct stall stalls[WINDOW];
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	(void)state;
	stall_needed();
	/* no daemon, so that they wait, and are locked then */
	tnl_close(&nl);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	for (int i = 0; i < WINDOW; i++)
		begin_server(listener, &addr, &locked[i]);
	await_offers(0, WINDOW);
	begin_server(listener, &addr, &honest);
	await_offers(0, WINDOW + 1);
	for (int i = 0; i < WINDOW; i++)
		stall_begin(&stalls[i], locked[i].fd);
	become_daemon();
	next_offer(&event, KSC_CMD_CONTEXT_NEW);
	assert_int_equal(peer_port(&event), honest.port);
	answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	for (int i = 0; i < WINDOW; i++)
		stall_end(&stalls[i]);
	for (int i = 0; i < WINDOW; i++) {
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	for (int i = 0; i < WINDOW; i++)
		end_server(&locked[i]);
	end_server(&honest);
	close(listener);
}

static void set_window(uint32_t window)
{
	struct nl_msg *msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);

	nla_put_u32(msg, KSC_A_LIMITS_WINDOW, window);
	if (tnl_do(&nl, msg))
		fail_msg("limits-set: %s (%s)", strerror(-nl.error), nl.text);
}

/**
 * struct turns - contexts that wait, and how they are called
 * @olds: those that were begun
 * @youngs: new ones
 * @olds_locked: so many of the first that were begun are locked meanwhile
 * @youngs_locked: and of the first new ones
 * @expected: the order of the others: o was begun, y is new
 */
struct turns {
	int olds;
	int youngs;
	int olds_locked;
	int youngs_locked;
	const char *expected;
};

static void expect_turns(const struct turns *t)
{
	enum { MOST = 9, LOCKED = 4 };
	const int locked = t->olds_locked + t->youngs_locked;
	struct server old[MOST], young[MOST], first;
	struct stall stalls[LOCKED];
	struct tnl_event event;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &patient, &addr);

	if (locked)
		stall_needed();
	set_window(1);
	for (int i = 0; i < t->olds; i++) {
		begin_server(listener, &addr, &old[i]);
		next_offer(&event, KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_INCOMPLETE_MESSAGE);
	}
	begin_server(listener, &addr, &first);
	await_offers(t->olds + 1, 0);
	/* those to be locked are the first of their kind */
	for (int i = 0; i < t->youngs; i++) {
		begin_server(listener, &addr, &young[i]);
		await_offers(t->olds + 1, i + 1);
	}
	for (int i = 0; i < t->olds; i++) {
		t_send(old[i].peer, HELLO, HELLO_LEN);
		await_offers(t->olds + 1, t->youngs + i + 1);
	}
	for (int i = 0; i < locked; i++)
		stall_begin(&stalls[i], i < t->olds_locked ? old[i].fd :
							     young[i - t->olds_locked].fd);
	next_offer(&event, KSC_CMD_CONTEXT_NEW);
	answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	for (const char *next = t->expected; *next; next++) {
		next_offer(&event, *next == 'o' ? KSC_CMD_TOKEN : KSC_CMD_CONTEXT_NEW);
		answer(&event, KSC_STATUS_PROTOCOL_ERROR);
	}
	if (!locked)
		await_offers(2 * t->olds + t->youngs + 1, 0);
	for (int i = 0; i < locked; i++)
		stall_end(&stalls[i]);
	for (int i = 0; i < t->olds; i++)
		end_server(&old[i]);
	for (int i = 0; i < t->youngs; i++)
		end_server(&young[i]);
	end_server(&first);
	close(listener);
}

/* Handshakes that have begun go first, but after four of them it is a new one's turn. */
static void test_begun_first(void **state)
{
	(void)state;
	expect_turns(&(struct turns){ 9, 4, 0, 0, "ooooyooooyoyy" });
}

/* What is skipped, being locked, has not had the turn of others of its kind. */
static void test_begun_locked(void **state)
{
	(void)state;
	expect_turns(&(struct turns){ 9, 2, 4, 0, "ooooyoy" });
}

static void test_new_locked(void **state)
{
	(void)state;
	expect_turns(&(struct turns){ 5, 3, 0, 1, "ooooyoy" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_begun_first, setup, teardown),
		cmocka_unit_test_setup_teardown(test_begun_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_new_locked, setup, teardown),
		cmocka_unit_test_setup_teardown(test_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_many_wait, setup, teardown),
		cmocka_unit_test_setup_teardown(test_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_offered_gone, setup, teardown),
		cmocka_unit_test_setup_teardown(test_daemon_dies, setup, teardown),
		cmocka_unit_test_setup_teardown(test_drain, setup, teardown),
		cmocka_unit_test_setup_teardown(test_port_of_another, setup, teardown),
		cmocka_unit_test_setup_teardown(test_locked, setup, teardown),
	};

	return T_RUN(tests);
}
