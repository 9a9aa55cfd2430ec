// SPDX-License-Identifier: GPL-2.0-only
/*
 * Admission control: how many handshakes there may be, and which are evicted; with a daemon of
 * the test's.
 */
#include <poll.h>
#include <unistd.h>

#include "lib/half.h"
#include "lib/stall.h"

/* Half of the pool; prefixes don't matter before it is more than half full. */
#define HALF 16

/* The honest one comes first, and so is the oldest of all. */
static void flood(const char *to, const char *const *from, const char *honest_from)
{
	enum { MANY = 60 };
	struct half honest, halves[MANY];
	unsigned int n = 0;
	struct t_addr addr;
	int listener = half_listen(to, &addr);

	honest = half_from(listener, &addr, honest_from);
	half_await(1);
	while (from[n])
		n++;
	for (unsigned int i = 0; i < MANY; i++) {
		halves[i] = half_from(listener, &addr, from[i % n]);
		half_await_begun(i + 2);
		if (i + 2 <= HALF)
			assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_PREFIX), 0);
		else
			tnl_await_at_least(KSC_A_STATS_EVICTED_PREFIX, i + 2 - HALF);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_ALL), 0);
	assert_false(half_evicted(&honest));
	/* the oldest went, not the newest */
	t_wait(halves[0].fd, POLLERR);
	t_expect_error(halves[0].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_false(half_evicted(&halves[MANY - 1]));
	tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, tnl_counter(KSC_A_STATS_EVICTED_PREFIX));
	half_await_evicted(halves, MANY, tnl_counter(KSC_A_STATS_EVICTED_PREFIX));
	for (unsigned int i = 0; i < MANY; i++)
		half_end(&halves[i]);
	half_end(&honest);
	close(listener);
	half_await(0);
}

static const struct half_limit small[] = {
	{ KSC_A_LIMITS_HANDSHAKES, 2 * HALF }, { KSC_A_LIMITS_PER_LISTENER, 2 * HALF },
	{ KSC_A_LIMITS_CLIENT_RESERVE, 0 },    { KSC_A_LIMITS_PER_ADDRESS, 4 },
	{ KSC_A_LIMITS_PER_SITE, 6 },	       { 0 },
};

static void test_address(void **state)
{
	static const char *const from[] = { "10.1.0.2", NULL };

	(void)state;
	half_limits(small, NULL, 0);
	flood("10.1.0.1", from, "10.1.0.3");
}

/* A user that has more than half of what it may have is reason enough. */
static void test_tight_user(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_PER_USER, 2 * HALF },
						    { KSC_A_LIMITS_PER_LISTENER, 2 * HALF },
						    { KSC_A_LIMITS_PER_ADDRESS, 4 }, { 0 } };
	static const char *const from[] = { "10.1.0.2", NULL };

	(void)state;
	half_limits(limits, NULL, 0);
	flood("10.1.0.1", from, "10.1.0.3");
}

static void test_prefix_64(void **state)
{
	static const char *const from[] = { "2001:db8:1:1::2", NULL };

	(void)state;
	half_limits(small, NULL, 0);
	flood("2001:db8:1:0::1", from, "2001:db8:2:0::3");
}

static void test_site_48(void **state)
{
	static const char *const from[] = { "2001:db8:1:1::2", "2001:db8:1:2::2",
					    "2001:db8:1:3::2", NULL };

	(void)state;
	half_limits(small, NULL, 0);
	flood("2001:db8:1:0::1", from, "2001:db8:2:0::3");
}

/* Two prefixes; peers in them have no limit per prefix. */
static const uint8_t trusted[2][17] = {
	{ [10] = 0xff, [11] = 0xff, 10, 1, 0, 0, 120 },
	{ 0x20, 1, 0xd, 0xb8, 0, 1, [16] = 48 },
};

/**
 * struct trust - trusted peers
 * @to: where to
 * @from: from where
 * @trusted: whether it is
 */
struct trust {
	const char *to;
	const char *from;
	bool trusted;
};

static void test_trusted(void **state)
{
	const struct trust *trust = *state;
	struct half halves[30];
	struct t_addr addr;
	int listener = half_listen(trust->to, &addr);

	half_limits(small, trusted, sizeof(trusted));
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		halves[i] = half_from(listener, &addr, trust->from);
	half_await_begun(ARRAY_SIZE(halves));
	assert_int_equal(!tnl_counter(KSC_A_STATS_EVICTED_PREFIX), trust->trusted);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++)
		half_end(&halves[i]);
	close(listener);
}

/* A user at its limit displaces its own handshakes, and no others. */
static void test_user(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_PER_USER, 8 }, { 0 } };
	struct half other, halves[30];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	half_limits(limits, NULL, 0);
	other = half_client(listener, &addr, 1000);
	half_await_begun(1);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		halves[i] = half_client(listener, &addr, 1001);
		/* in this order */
		half_await_begun(i + 2);
	}
	tnl_await_counter(KSC_A_STATS_EVICTED_USER, ARRAY_SIZE(halves) - 8);
	half_await(9);
	for (size_t i = 0; i < ARRAY_SIZE(halves); i++) {
		if (i < ARRAY_SIZE(halves) - 8) {
			t_wait(halves[i].fd, POLLERR);
			assert_int_equal(t_so_error(halves[i].fd), EBUSY);
			t_expect_error(halves[i].fd, KSC_STATUS_OVERLOADED, EBUSY);
		} else {
			assert_false(half_evicted(&halves[i]));
		}
		half_end(&halves[i]);
	}
	assert_false(half_evicted(&other));
	half_end(&other);
	close(listener);
	half_await(0);
}

/* Servers leave what is kept for clients. */
static void test_reserve(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_HANDSHAKES, 16 },
						    { KSC_A_LIMITS_PER_LISTENER, 16 },
					       { KSC_A_LIMITS_CLIENT_RESERVE, 8 }, { 0 } };
	struct half servers[12], clients[8];
	struct t_addr addr, plain;
	int listener = half_listen("127.0.0.1", &addr), target = t_listen(AF_INET, NULL, &plain);

	(void)state;
	half_limits(limits, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		servers[i] = half_from(listener, &addr, "127.0.0.1");
	tnl_await_counter(KSC_A_STATS_EVICTED_ALL, ARRAY_SIZE(servers) - 8);
	half_await(8);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		clients[i] = half_client(target, &plain, 0);
	half_await(16);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_ALL), ARRAY_SIZE(servers) - 8);
	for (size_t i = 0; i < ARRAY_SIZE(servers); i++)
		half_end(&servers[i]);
	for (size_t i = 0; i < ARRAY_SIZE(clients); i++)
		half_end(&clients[i]);
	close(target);
	close(listener);
}

/* A client's handshake, whose first flight has arrived at its server. */
static struct half begin_spoken(int listener, const struct t_addr *addr, unsigned int uid)
{
	struct half half = half_client(listener, addr, uid);

	half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(half.peer, "hello");
	return half;
}

/* All that there may be: the oldest goes, whosever it is. */
static void test_all(void **state)
{
	enum { MOST = 16, MORE = 5 };
	static const struct half_limit limits[] = { { KSC_A_LIMITS_HANDSHAKES, MOST },
						    { KSC_A_LIMITS_PER_USER, MOST - 4 }, { 0 } };
	struct half halves[MOST + MORE];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	half_limits(limits, NULL, 0);
	for (unsigned int i = 0; i < MOST + MORE; i++) {
		halves[i] = half_client(listener, &addr, 1000 + i / 8);
		half_await(i < MOST ? i + 1 : MOST);
		tnl_await_counter(KSC_A_STATS_EVICTED_ALL, i < MOST ? 0 : i + 1 - MOST);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_ALL), 0);
	for (unsigned int i = 0; i < MOST + MORE; i++) {
		if (i < MORE)
			t_wait(halves[i].fd, POLLERR);
		assert_int_equal(half_evicted(&halves[i]), i < MORE);
		half_end(&halves[i]);
	}
	close(listener);
	half_await(0);
}

/* Fails at once: all places are taken. */
static struct half refused_client(int listener, const struct t_addr *addr, unsigned int uid)
{
	struct half half = { .fd = t_socket(AF_INET, &(struct t_opts){ .nonblock = true }) };

	SYS(fchown(half.fd, uid, uid));
	/* which may be known at once */
	if (connect(half.fd, (const struct sockaddr *)&addr->ss, addr->len))
		assert_true(errno == EINPROGRESS || errno == EBUSY);
	half.peer = t_accept(listener);
	t_wait(half.fd, POLLERR);
	t_expect_error(half.fd, KSC_STATUS_OVERLOADED, EBUSY);
	return half;
}

/* And if all have answered, the new one goes, of a user that has none. */
static void test_all_proven(void **state)
{
	enum { MOST = 8 };
	static const struct half_limit limits[] = { { KSC_A_LIMITS_HANDSHAKES, MOST },
						    { KSC_A_LIMITS_PER_USER, MOST / 2 }, { 0 } };
	struct half halves[MOST + 1];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	half_limits(limits, NULL, 0);
	for (unsigned int i = 0; i < MOST; i++) {
		halves[i] = begin_spoken(listener, &addr, 1000 + i % 2);
		t_send(halves[i].peer, "\x16\x03\x03\x00\x01\x02", 6);
		half_answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	}
	halves[MOST] = refused_client(listener, &addr, 1002);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_ALL), 1);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_USER), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_ALL), 0);
	for (unsigned int i = 0; i <= MOST; i++) {
		assert_int_equal(half_evicted(&halves[i]), i == MOST);
		half_end(&halves[i]);
	}
	close(listener);
}

/* Peers that have answered stay; if all have, the new one is refused. CCS is no answer. */
static void test_proven(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_PER_USER, 2 }, { 0 } };
	struct half halves[4];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	half_limits(limits, NULL, 0);
	for (int i = 0; i < 2; i++) {
		halves[i] = begin_spoken(listener, &addr, 1000);
		t_send(halves[i].peer,
		       i ? "\x14\x03\x03\x00\x01\x01" : "\x16\x03\x03\x00\x01\x02", 6);
		half_answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	}
	halves[2] = half_client(listener, &addr, 1000);
	tnl_await_counter(KSC_A_STATS_EVICTED_USER, 1);
	t_wait(halves[1].fd, POLLERR);
	t_expect_error(halves[1].fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_false(half_evicted(&halves[0]));
	half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[2].peer, "hello");
	t_send(halves[2].peer, "\x16\x03\x03\x00\x01\x02", 6);
	half_answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	halves[3] = refused_client(listener, &addr, 1000);
	assert_int_equal(tnl_counter(KSC_A_STATS_REFUSED_USER), 1);
	assert_false(half_evicted(&halves[0]));
	assert_false(half_evicted(&halves[2]));
	for (int i = 0; i < 4; i++)
		half_end(&halves[i]);
	close(listener);
}

/* Nor is one evicted that has answered while another thread has the socket's lock. */
static void test_unseen(void **state)
{
	static const struct half_limit limits[] = { { KSC_A_LIMITS_PER_USER, 2 }, { 0 } };
	struct half halves[3];
	struct stall stall;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	stall_needed();
	half_limits(limits, NULL, 0);
	for (int i = 0; i < 2; i++)
		halves[i] = begin_spoken(listener, &addr, 1000);
	stall_begin(&stall, halves[0].fd);
	t_send(halves[0].peer, "\x16\x03\x03\x00\x01\x02", 6);
	halves[2] = half_client(listener, &addr, 1000);
	t_wait(halves[1].fd, POLLERR);
	t_expect_error(halves[1].fd, KSC_STATUS_OVERLOADED, EBUSY);
	half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[2].peer, "hello");
	stall_end(&stall);
	/* what was not seen is offered now */
	half_answer(KSC_STATUS_CONTINUE_NEEDED, NULL, true);
	assert_false(half_evicted(&halves[0]));
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), 1);
	for (int i = 0; i < 3; i++)
		half_end(&halves[i]);
	close(listener);
}

/* A served handshake stays: those that waited meanwhile are evicted first, oldest first. */
static void test_served(void **state)
{
	enum { MOST = 8, MANY = 2 * MOST - 1 };
	static const struct half_limit limits[] = { { KSC_A_LIMITS_PER_USER, MOST },
					       { KSC_A_LIMITS_WINDOW, 1 }, { 0 } };
	struct half halves[MANY];
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	(void)state;
	half_limits(limits, NULL, 0);
	for (unsigned int i = 0; i < MOST; i++) {
		halves[i] = half_client(listener, &addr, 1000);
		/* in this order */
		half_await(i + 1);
		tnl_await_counter(KSC_A_STATS_OFFERS_WAITING, i);
	}
	half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", false);
	t_expect(halves[0].peer, "hello");
	for (unsigned int i = MOST; i < MANY; i++) {
		halves[i] = half_client(listener, &addr, 1000);
		tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, i + 1 - MOST);
		assert_false(half_evicted(&halves[0]));
		t_wait(halves[i + 1 - MOST].fd, POLLERR);
		t_expect_error(halves[i + 1 - MOST].fd, KSC_STATUS_OVERLOADED, EBUSY);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_EVICTED_USER), MANY - MOST);
	for (unsigned int i = 0; i < MANY; i++) {
		assert_int_equal(half_evicted(&halves[i]), i && i <= MANY - MOST);
		half_end(&halves[i]);
	}
	close(listener);
	half_await(0);
}

/* So many bytes of a handshake in one record. */
static void send_record(int fd, size_t len)
{
	uint8_t record[1024] = { 0x16, 3, 1, (uint8_t)((len - 5) >> 8), (uint8_t)(len - 5), 1, 0,
				 0xff, 0xff };

	assert_in_range(len, 6, sizeof(record));
	t_send(fd, record, len);
}

/* What a peer sends of its first flight, in two halves of a kilobyte, and @more behind it. */
static struct half first_flight(int listener, const struct t_addr *addr, size_t len, size_t more)
{
	struct half half = { .peer = t_connect(addr, NULL) };

	assert_int_equal(len % 512, 0);
	send_record(half.peer, 512);
	half.fd = t_accept(listener);
	for (size_t sent = 512; sent < len; sent += 512) {
		half_answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
		send_record(half.peer, sent + 512 < len ? 512 : 512 + more);
	}
	return half;
}

/* To the byte. */
static void test_first_flight(void **state)
{
	const struct half_limit limits[] = {
		{ *state ? KSC_A_LIMITS_FIRST_FLIGHT : 0, (uint32_t)(uintptr_t)*state }, { 0 }
	};
	struct t_addr addr;
	struct half half;
	int listener = t_listen(AF_INET, &t_server, &addr);
	size_t most;

	half_limits(limits, NULL, 0);
	most = tnl_counter(KSC_A_STATS_LIMIT_FIRST_FLIGHT);
	assert_int_equal(most, *state ? (uintptr_t)*state : 18432);
	half = first_flight(listener, &addr, most, 0);
	half_answer(KSC_STATUS_CONTINUE_NEEDED, "hello", true);
	t_expect(half.peer, "hello");
	/* from now on it is another matter */
	send_record(half.peer, 512);
	half_answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
	assert_int_equal(tnl_counter(KSC_A_STATS_FIRST_FLIGHT_TOO_LONG), 0);
	half_end(&half);
	half = first_flight(listener, &addr, most, 1);
	t_wait(half.fd, POLLERR);
	t_expect_error(half.fd, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE);
	assert_int_equal(tnl_counter(KSC_A_STATS_FIRST_FLIGHT_TOO_LONG), 1);
	half_end(&half);
	close(listener);
}

static void test_steps(void **state)
{
	const struct half_limit limits[] = {
		{ *state ? KSC_A_LIMITS_STEPS : 0, (uint32_t)(uintptr_t)*state }, { 0 }
	};
	struct t_addr addr;
	struct half half;
	int listener = t_listen(AF_INET, &t_server, &addr);
	unsigned int most;

	half_limits(limits, NULL, 0);
	most = (unsigned int)tnl_counter(KSC_A_STATS_LIMIT_STEPS);
	assert_int_equal(most, *state ? (uintptr_t)*state : 64);
	half.peer = t_connect(&addr, NULL);
	send_record(half.peer, 6);
	half.fd = t_accept(listener);
	for (unsigned int i = 0; i < most; i++) {
		assert_int_equal(tnl_counter(KSC_A_STATS_TOO_MANY_STEPS), 0);
		half_answer(KSC_STATUS_INCOMPLETE_MESSAGE, NULL, false);
		send_record(half.peer, 6);
	}
	t_wait(half.fd, POLLERR);
	t_expect_error(half.fd, KSC_STATUS_PROTOCOL_ERROR, EPROTO);
	assert_int_equal(tnl_counter(KSC_A_STATS_TOO_MANY_STEPS), 1);
	assert_int_equal(tnl_counter(KSC_A_STATS_STEPS), most);
	half_end(&half);
	close(listener);
}

/* What makes no sense is refused with words, and changes nothing. */
static void test_set(void **state)
{
	static const struct half_limit bad[] = {
		{ KSC_A_LIMITS_HANDSHAKES, 7 },	     { KSC_A_LIMITS_HANDSHAKES, 1U << 31 },
		{ KSC_A_LIMITS_PER_USER, 0 },	     { KSC_A_LIMITS_PER_ADDRESS, 0 },
		{ KSC_A_LIMITS_PER_LISTENER, 0 },    { KSC_A_LIMITS_PER_LISTENER, 1048577 },
		{ KSC_A_LIMITS_FIRST_FLIGHT, 511 },  { KSC_A_LIMITS_FIRST_FLIGHT, 65537 },
		{ KSC_A_LIMITS_STEPS, 3 },	     { KSC_A_LIMITS_WINDOW, 0 },
		{ KSC_A_LIMITS_WINDOW_BYTES, 1000 },
	};
	static const struct half_limit good[] = { { KSC_A_LIMITS_STEPS, 100 },
					     { KSC_A_LIMITS_WINDOW, 7 }, { 0 } };
	struct nl_msg *msg;

	(void)state;
	half_limits(good, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		msg = tnl_request(&half_nl, KSC_CMD_LIMITS_SET);
		nla_put_u32(msg, bad[i].attr, bad[i].value);
		assert_int_equal(tnl_do(&half_nl, msg), -ERANGE);
		assert_true(half_nl.text[0]);
	}
	msg = tnl_request(&half_nl, KSC_CMD_LIMITS_SET);
	nla_put_u32(msg, KSC_A_LIMITS_HANDSHAKES, 100);
	nla_put_u32(msg, KSC_A_LIMITS_CLIENT_RESERVE, 100);
	assert_int_equal(tnl_do(&half_nl, msg), -EINVAL);
	assert_true(half_nl.text[0]);
	msg = tnl_request(&half_nl, KSC_CMD_LIMITS_SET);
	nla_put(msg, KSC_A_LIMITS_TRUSTED, 16, "0123456789abcdef");
	assert_int_equal(tnl_do(&half_nl, msg), -EINVAL);
	msg = tnl_request(&half_nl, KSC_CMD_LIMITS_SET);
	nla_put(msg, KSC_A_LIMITS_TRUSTED, 17, "0123456789abcdef\x81");
	assert_int_equal(tnl_do(&half_nl, msg), -EINVAL);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_STEPS), 100);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_WINDOW), 7);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_HANDSHAKES), KSC_DEFAULT_HANDSHAKES);
	/* what is left out is as if it had never been set */
	half_limits(&(struct half_limit){ 0 }, NULL, 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_STEPS), KSC_DEFAULT_STEPS);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_PER_LISTENER),
			 KSC_DEFAULT_HANDSHAKES_PER_USER / 2);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_WINDOW), KSC_DEFAULT_WINDOW);
}

#define CASE(name, test, arg)                                                                      \
	{                                                                                          \
		name, test, half_setup, half_teardown, (void *)(arg)                               \
	}

int main(void)
{
	static const struct trust v4 = { "10.1.0.1", "10.1.0.2", true };
	static const struct trust v6 = { "2001:db8:1:0::1", "2001:db8:1:1::2", true };
	static const struct trust not_v6 = { "2001:db8:1:0::1", "2001:db8:2:0::3", false };
	const struct CMUnitTest tests[] = {
		CASE("address", test_address, NULL),
		CASE("address, the user having many", test_tight_user, NULL),
		CASE("prefix of 64 bits", test_prefix_64, NULL),
		CASE("site of 48 bits", test_site_48, NULL),
		CASE("trusted, IPv4", test_trusted, &v4),
		CASE("trusted, IPv6", test_trusted, &v6),
		CASE("trusted, but not this one", test_trusted, &not_v6),
		CASE("user", test_user, NULL),
		CASE("reserve", test_reserve, NULL),
		CASE("all", test_all, NULL),
		CASE("all, and they have answered", test_all_proven, NULL),
		CASE("proven", test_proven, NULL),
		CASE("unseen", test_unseen, NULL),
		CASE("served", test_served, NULL),
		CASE("first flight", test_first_flight, 1024),
		CASE("first flight, by default", test_first_flight, 0),
		CASE("steps", test_steps, 4),
		CASE("steps, by default", test_steps, 0),
		CASE("limits that are set", test_set, NULL),
	};

	return T_RUN(tests);
}
