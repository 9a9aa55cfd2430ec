// SPDX-License-Identifier: GPL-2.0
/* How many handshakes there may be, and which go; with a daemon of the test's. */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net.h"
#include "nl.h"
#include "own.h"
#include "stall.h"

/* A record that might be the beginning of a ClientHello. */
#define HELLO "\x16\x03\x01\x00\x04\x01\x00\x00\x00"
#define HELLO_LEN 9

static struct tnl_conn nl;

static int setup(void **state)
{
	t_setup(state);
	own_namespace();
	assert_int_equal(t_shell("ip addr add 10.1.0.1/32 dev lo; ip addr add 10.1.0.2/32 dev lo;"
				 "ip addr add 10.1.0.3/32 dev lo"), 0);
	assert_int_equal(t_shell("for a in 1:0::1 1:0::2 1:1::2 1:2::2 1:3::2 2:0::3; do "
				 "ip addr add 2001:db8:$a/128 dev lo nodad; done"), 0);
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_register(&nl), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tnl_close(&nl);
	return 0;
}

/**
 * struct limit - a limit to be set
 * @attr: enum ksc_a_limits; 0 is the end
 * @value: its value
 */
struct limit {
	int attr;
	uint32_t value;
};

static void set_limits(const struct limit *limits, const void *trusted, int len)
{
	struct nl_msg *msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);

	for (; limits->attr; limits++)
		nla_put_u32(msg, limits->attr, limits->value);
	if (len)
		nla_put(msg, KSC_A_LIMITS_TRUSTED, len, trusted);
	if (tnl_do(&nl, msg))
		fail_msg("limits-set: %s (%s)", strerror(-nl.error), nl.text);
}

static void set_address(struct t_addr *addr, const char *text, in_port_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&addr->ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->ss;

	memset(addr, 0, sizeof(*addr));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		addr->len = sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = port;
		assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
		addr->len = sizeof(*in);
	}
}

static int listen_at(const char *text, struct t_addr *addr)
{
	int fd;

	set_address(addr, text, 0);
	fd = t_socket(addr->ss.ss_family, &t_server);
	SYS(bind(fd, (struct sockaddr *)&addr->ss, addr->len));
	SYS(listen(fd, 256));
	SYS(getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len));
	return fd;
}

/**
 * struct half - a handshake that has begun
 * @fd: the protected socket
 * @peer: the other end
 */
struct half {
	int fd;
	int peer;
};

/* A server's, whose client is at an address and has sent a ClientHello. */
static struct half begin_from(int listener, const struct t_addr *addr, const char *from)
{
	struct t_addr source;
	struct half half;

	set_address(&source, from, 0);
	half.peer = t_plain(addr->ss.ss_family);
	SYS(bind(half.peer, (struct sockaddr *)&source.ss, source.len));
	SYS(connect(half.peer, (const struct sockaddr *)&addr->ss, addr->len));
	t_send(half.peer, HELLO, HELLO_LEN);
	half.fd = t_accept(listener);
	return half;
}

/* A client's, whose server says nothing. */
static struct half begin_client(int listener, const struct t_addr *addr, unsigned int uid)
{
	const struct t_opts client = { .nonblock = true };
	struct half half = { .fd = t_socket(AF_INET, &client) };

	SYS(fchown(half.fd, uid, uid));
	FAILS(connect(half.fd, (const struct sockaddr *)&addr->ss, addr->len), EINPROGRESS);
	half.peer = t_accept(listener);
	return half;
}

static void end_half(const struct half *half)
{
	close(half->fd);
	close(half->peer);
}

static bool evicted(const struct half *half)
{
	return t_error(half->fd).status == KSC_STATUS_OVERLOADED;
}

static void await_handshakes(uint64_t count)
{
	tnl_await_counter(KSC_A_STATS_HANDSHAKES, count);
}

/* Each that has begun is counted, or was ended for another. */
static void await_begun(uint64_t count)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;

	while (tnl_counter(KSC_A_STATS_HANDSHAKES) + tnl_counter(KSC_A_STATS_EVICTED_PREFIX) !=
	       count) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
}

/* The honest one comes first, and so is the oldest of all. */
static void flood(const char *to, const char *const *from, const char *honest_from)
{
	enum { MANY = 60 };
	struct half honest, halves[MANY];
	unsigned int gone = 0, n = 0;
	struct t_addr addr;
	int listener = listen_at(to, &addr);

	honest = begin_from(listener, &addr, honest_from);
	await_handshakes(1);
	while (from[n])
		n++;
	for (unsigned int i = 0; i < MANY; i++) {
		halves[i] = begin_from(listener, &addr, from[i % n]);
		await_begun(i + 2);
	}
	assert_true(tnl_counter(KSC_A_STATS_EVICTED_PREFIX) >= MANY - 17);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_ALL), 0);
	assert_false(evicted(&honest));
	/* the oldest went, not the newest */
	t_wait(halves[0].fd, POLLERR);
	t_expect_error(halves[0].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_false(evicted(&halves[MANY - 1]));
	tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, tnl_counter(KSC_A_STATS_EVICTED_PREFIX));
	for (unsigned int i = 0; i < MANY; i++) {
		gone += evicted(&halves[i]);
		end_half(&halves[i]);
	}
	assert_int_equal(gone, tnl_counter(KSC_A_STATS_EVICTED_PREFIX));
	end_half(&honest);
	close(listener);
	await_handshakes(0);
}

static const struct limit small[] = {
	{ KSC_A_LIMITS_HANDSHAKES, 32 },   { KSC_A_LIMITS_PER_USER, 32 },
	{ KSC_A_LIMITS_CLIENT_RESERVE, 0 }, { KSC_A_LIMITS_PER_ADDRESS, 4 },
	{ KSC_A_LIMITS_PER_SITE, 6 },	    { 0 },
};

static void test_address(void **state)
{
	static const char *const from[] = { "10.1.0.2", NULL };

	(void)state;
	set_limits(small, NULL, 0);
	flood("10.1.0.1", from, "10.1.0.3");
}

static void test_prefix_64(void **state)
{
	static const char *const from[] = { "2001:db8:1:1::2", NULL };

	(void)state;
	set_limits(small, NULL, 0);
	flood("2001:db8:1:0::1", from, "2001:db8:2:0::3");
}

static void test_site_48(void **state)
{
	static const char *const from[] = { "2001:db8:1:1::2", "2001:db8:1:2::2",
					    "2001:db8:1:3::2", NULL };

	(void)state;
	set_limits(small, NULL, 0);
	flood("2001:db8:1:0::1", from, "2001:db8:2:0::3");
}

static void test_trusted(void **state)
{
	static const uint8_t trusted[17] = { [10] = 0xff, [11] = 0xff, 10, 1, 0, 0, 120 };
	struct half halves[30];
	struct t_addr addr;
	int listener = listen_at("10.1.0.1", &addr);

	(void)state;
	set_limits(small, trusted, sizeof(trusted));
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = begin_from(listener, &addr, "10.1.0.2");
	await_handshakes(ARRAY_SIZE(halves));
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_PREFIX), 0);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		end_half(&halves[i]);
	close(listener);
}

/* A user that has its fill displaces itself, and nobody else. */
static void test_user(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_PER_USER, 8 }, { 0 } };
	struct half other, halves[30];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	set_limits(limits, NULL, 0);
	other = begin_client(listener, &addr, 1000);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = begin_client(listener, &addr, 1001);
	tnl_await_counter(KSC_A_STATS_EVICTED_USER, ARRAY_SIZE(halves) - 8);
	await_handshakes(9);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		if (i < ARRAY_SIZE(halves) - 8) {
			t_wait(halves[i].fd, POLLERR);
			assert_int_equal(t_so_error(halves[i].fd), EBUSY);
			t_expect_error(halves[i].fd, KSC_STATUS_OVERLOADED, EBUSY);
		} else {
			assert_false(evicted(&halves[i]));
		}
		end_half(&halves[i]);
	}
	assert_false(evicted(&other));
	end_half(&other);
	close(listener);
	await_handshakes(0);
}

/* Servers leave what is kept for clients. */
static void test_reserve(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_HANDSHAKES, 16 },
					       { KSC_A_LIMITS_CLIENT_RESERVE, 8 }, { 0 } };
	struct half servers[12], clients[8];
	struct t_addr addr, plain;
	int listener = listen_at("127.0.0.1", &addr), target = t_listen(AF_INET, NULL, &plain);

	(void)state;
	set_limits(limits, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		servers[i] = begin_from(listener, &addr, "127.0.0.1");
	tnl_await_counter(KSC_A_STATS_EVICTED_ALL, ARRAY_SIZE(servers) - 8);
	await_handshakes(8);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = begin_client(target, &plain, 0);
	await_handshakes(16);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_ALL), ARRAY_SIZE(servers) - 8);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		end_half(&servers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		end_half(&clients[i]);
	close(target);
	close(listener);
}

static void answer(uint32_t status, const char *token, bool consume)
{
	struct tnl_event event;
	struct nl_msg *msg;

	do {
		assert_true(tnl_next_event(&nl, &event));
		if (event.cmd == KSC_CMD_CONTEXT_DEL)
			tnl_free_event(&event);
	} while (event.cmd == KSC_CMD_CONTEXT_DEL);
	msg = tnl_step(&nl, &event, status);
	if (token)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)strlen(token), token);
	if (consume && event.attrs[KSC_A_CONTEXT_TOKEN])
		nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED,
			    (uint32_t)nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]));
	if (tnl_do(&nl, msg))
		fail_msg("step: %s (%s)", strerror(-nl.error), nl.text);
	tnl_free_event(&event);
}

/* A client's whose first flight has come to its server. */
static struct half begin_spoken(int listener, const struct t_addr *addr)
{
	struct half half = begin_client(listener, addr, 1000);

	answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(half.peer, "hello");
	return half;
}

/* Who has answered stays, and if all have, the new one goes; a change_cipher_spec is no answer. */
static void test_proven(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_PER_USER, 2 }, { 0 } };
	struct half halves[4];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	set_limits(limits, NULL, 0);
	for (int i = 0; i < 2; i++) {
		halves[i] = begin_spoken(listener, &addr);
		t_send(halves[i].peer,
		       i ? "\x14\x03\x03\x00\x01\x01" : "\x16\x03\x03\x00\x01\x02", 6);
		answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	}
	halves[2] = begin_client(listener, &addr, 1000);
	tnl_await_counter(KSC_A_STATS_EVICTED_USER, 1);
	t_wait(halves[1].fd, POLLERR);
	t_expect_error(halves[1].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_false(evicted(&halves[0]));
	answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[2].peer, "hello");
	t_send(halves[2].peer, "\x16\x03\x03\x00\x01\x02", 6);
	answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	halves[3].fd = t_socket(AF_INET, &(struct t_opts){ .nonblock = true });
	SYS(fchown(halves[3].fd, 1000, 1000));
	/* which may be known at once */
	if (connect(halves[3].fd, (struct sockaddr *)&addr.ss, addr.len))
		assert_true(errno == EINPROGRESS || errno == EBUSY);
	halves[3].peer = t_accept(listener);
	t_wait(halves[3].fd, POLLERR);
	t_expect_error(halves[3].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_USER), 1);
	assert_false(evicted(&halves[0]));
	assert_false(evicted(&halves[2]));
	for (int i = 0; i < 4; i++)
		end_half(&halves[i]);
	close(listener);
}

/* Nor does who has answered go while nobody can look: another thread has the socket's lock. */
static void test_unseen(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_PER_USER, 2 }, { 0 } };
	struct half halves[3];
	struct stall stall;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	stall_needed();
	set_limits(limits, NULL, 0);
	for (int i = 0; i < 2; i++)
		halves[i] = begin_spoken(listener, &addr);
	stall_begin(&stall, halves[0].fd);
	t_send(halves[0].peer, "\x16\x03\x03\x00\x01\x02", 6);
	halves[2] = begin_client(listener, &addr, 1000);
	t_wait(halves[1].fd, POLLERR);
	t_expect_error(halves[1].fd, KSC_STATUS_OVERLOADED, EBUSY);
	answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[2].peer, "hello");
	stall_end(&stall);
	/* what was not seen is offered now */
	answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	assert_false(evicted(&halves[0]));
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), 1);
	for (int i = 0; i < 3; i++)
		end_half(&halves[i]);
	close(listener);
}

/* Whom the daemon has served stays: those who waited meanwhile go first, the oldest of them. */
static void test_served(void **state)
{
	enum { MOST = 8, MANY = 2 * MOST - 1 };
	static const struct limit limits[] = { { KSC_A_LIMITS_PER_USER, MOST },
					       { KSC_A_LIMITS_WINDOW, 1 }, { 0 } };
	struct half halves[MANY];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	set_limits(limits, NULL, 0);
	for (unsigned int i = 0; i < MOST; i++) {
		halves[i] = begin_client(listener, &addr, 1000);
		/* in this order */
		await_handshakes(i + 1);
		tnl_await_counter(KSC_A_STATS_OFFERS_WAITING, i);
	}
	answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[0].peer, "hello");
	for (unsigned int i = MOST; i < MANY; i++) {
		halves[i] = begin_client(listener, &addr, 1000);
		tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, i + 1 - MOST);
		assert_false(evicted(&halves[0]));
		t_wait(halves[i + 1 - MOST].fd, POLLERR);
		t_expect_error(halves[i + 1 - MOST].fd, KSC_STATUS_OVERLOADED, EBUSY);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), MANY - MOST);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(evicted(&halves[i]), i && i <= MANY - MOST);
		end_half(&halves[i]);
	}
	close(listener);
	await_handshakes(0);
}

static void test_first_flight(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_FIRST_FLIGHT, 1024 }, { 0 } };
	uint8_t record[505] = { 0x16, 3, 1, 1, 0xf4, 1, 0, 0xff, 0xff };
	struct t_addr addr;
	struct half half;
	int listener = t_listen(AF_INET, &t_server, &addr);

	(void)state;
	set_limits(limits, NULL, 0);
	half.peer = t_connect(&addr, NULL);
	t_send(half.peer, record, sizeof(record));
	half.fd = t_accept(listener);
	answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
	t_send(half.peer, record, sizeof(record));
	answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
	t_send(half.peer, record, sizeof(record));
	t_wait(half.fd, POLLERR);
	t_expect_error(half.fd, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE);
	assert_int_equal(tnl_counter(KSC_A_STATS_FIRST_FLIGHT_TOO_LONG), 1);
	end_half(&half);
	close(listener);
}

static void test_steps(void **state)
{
	static const struct limit limits[] = { { KSC_A_LIMITS_STEPS, 4 }, { 0 } };
	struct t_addr addr;
	struct half half;
	int listener = t_listen(AF_INET, &t_server, &addr);

	(void)state;
	set_limits(limits, NULL, 0);
	half.peer = t_connect(&addr, NULL);
	t_send(half.peer, "\x16\x03\x01\x00\x01\x01", 6);
	half.fd = t_accept(listener);
	for (int i = 0; i < 4; i++) {
		answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
		t_send(half.peer, "\x16\x03\x01\x00\x01\x01", 6);
	}
	t_wait(half.fd, POLLERR);
	t_expect_error(half.fd, KSC_STATUS_PROTOCOL_ERROR, EPROTO);
	assert_int_equal(tnl_counter(KSC_A_STATS_TOO_MANY_STEPS), 1);
	assert_int_equal(tnl_counter(KSC_A_STATS_STEPS), 4);
	end_half(&half);
	close(listener);
}

/* What makes no sense is refused with words, and changes nothing. */
static void test_set(void **state)
{
	static const struct limit bad[] = {
		{ KSC_A_LIMITS_HANDSHAKES, 7 },	     { KSC_A_LIMITS_HANDSHAKES, 1U << 31 },
		{ KSC_A_LIMITS_PER_USER, 0 },	     { KSC_A_LIMITS_PER_ADDRESS, 0 },
		{ KSC_A_LIMITS_FIRST_FLIGHT, 511 },  { KSC_A_LIMITS_FIRST_FLIGHT, 65537 },
		{ KSC_A_LIMITS_STEPS, 3 },	     { KSC_A_LIMITS_WINDOW, 0 },
		{ KSC_A_LIMITS_WINDOW_BYTES, 1000 },
	};
	static const struct limit good[] = { { KSC_A_LIMITS_STEPS, 100 },
					     { KSC_A_LIMITS_WINDOW, 7 }, { 0 } };
	struct nl_msg *msg;

	(void)state;
	set_limits(good, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);
		nla_put_u32(msg, bad[i].attr, bad[i].value);
		assert_int_equal(tnl_do(&nl, msg), -ERANGE);
		assert_true(nl.text[0]);
	}
	msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);
	nla_put_u32(msg, KSC_A_LIMITS_HANDSHAKES, 100);
	nla_put_u32(msg, KSC_A_LIMITS_CLIENT_RESERVE, 100);
	assert_int_equal(tnl_do(&nl, msg), -EINVAL);
	assert_true(nl.text[0]);
	msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);
	nla_put(msg, KSC_A_LIMITS_TRUSTED, 16, "0123456789abcdef");
	assert_int_equal(tnl_do(&nl, msg), -EINVAL);
	msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);
	nla_put(msg, KSC_A_LIMITS_TRUSTED, 17, "0123456789abcdef\x81");
	assert_int_equal(tnl_do(&nl, msg), -EINVAL);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_STEPS), 100);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_WINDOW), 7);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_HANDSHAKES), KSC_DEFAULT_HANDSHAKES);
	/* what is left out is as if it had never been set */
	set_limits(&(struct limit){ 0 }, NULL, 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_STEPS), KSC_DEFAULT_STEPS);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_WINDOW), KSC_DEFAULT_WINDOW);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_address, setup, teardown),
		cmocka_unit_test_setup_teardown(test_prefix_64, setup, teardown),
		cmocka_unit_test_setup_teardown(test_site_48, setup, teardown),
		cmocka_unit_test_setup_teardown(test_trusted, setup, teardown),
		cmocka_unit_test_setup_teardown(test_user, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reserve, setup, teardown),
		cmocka_unit_test_setup_teardown(test_proven, setup, teardown),
		cmocka_unit_test_setup_teardown(test_unseen, setup, teardown),
		cmocka_unit_test_setup_teardown(test_served, setup, teardown),
		cmocka_unit_test_setup_teardown(test_first_flight, setup, teardown),
		cmocka_unit_test_setup_teardown(test_steps, setup, teardown),
		cmocka_unit_test_setup_teardown(test_set, setup, teardown),
	};

	return T_RUN(tests);
}
