// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdate (RFC 8446 4.6.3), seen from the other end of the wire: when it is sent, in which
 * order with other records, and what is rejected. t_update_blocked.c has the peers that do not
 * read.
 */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/update.h"

#define UNEXPECTED_MESSAGE 10
#define ILLEGAL_PARAMETER 47

/* NewSessionTicket of little content: lifetime, age, no nonce, a ticket, no extensions */
static const uint8_t ticket[] = { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 1, '!', 0, 0 };

/* Asked or not, before data, between and behind. */
static void test_peer(void **state)
{
	struct wire w;

	(void)state;
	begin(&w, WIRE_13);
	peer_updates(&w, update);
	peer_says(&w, "one");
	peer_updates(&w, update);
	peer_updates(&w, update);
	peer_says(&w, "two");
	peer_updates(&w, update);
	t_expect(w.fd, "onetwo");
	/* ours was not requested */
	says(&w, "with old keys");
	peer_updates(&w, request);
	peer_says(&w, "three");
	t_expect(w.fd, "three");
	/* without a write of ours */
	expect_update(&w, update);
	says(&w, "with new keys");
	peer_says(&w, "end");
	t_expect(w.fd, "end");
	wire_close(&w);
}

/* poll() reports no data, but a KeyUpdate is processed. */
static void test_poll(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct wire w;
	char c;

	(void)state;
	begin(&w, WIRE_13);
	pfd.fd = w.peer;
	for (int i = 0; i < 5; i++) {
		peer_updates(&w, request);
		/* the answer is all there is to wait for */
		while (!SYS(poll(&pfd, 1, 0)))
			assert_false(readable(w.fd));
		expect_update(&w, update);
		assert_false(readable(w.fd));
		FAILS(recv(w.fd, &c, 1, MSG_DONTWAIT), EAGAIN);
	}
	peer_says(&w, "now");
	t_wait(w.fd, POLLIN);
	t_expect(w.fd, "now");
	wire_close(&w);
}

/* Peeking looks ahead over changes of keys, and changes nothing. */
static void test_peek(void **state)
{
	char buf[64];
	struct wire w;

	(void)state;
	begin(&w, WIRE_13);
	peer_says(&w, "one");
	peer_updates(&w, request);
	peer_says(&w, "two");
	peer_updates(&w, update);
	peer_says(&w, "three");
	t_await_acked(w.peer);
	t_wait(w.fd, POLLIN);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(SYS(recv(w.fd, buf, sizeof(buf), MSG_PEEK)), 11);
		assert_memory_equal(buf, "onetwothree", 11);
	}
	expect_update(&w, update);
	assert_int_equal(SYS(recv(w.fd, buf, 4, 0)), 4);
	assert_memory_equal(buf, "onet", 4);
	peer_updates(&w, update);
	peer_says(&w, "four");
	t_expect(w.fd, "wothreefour");
	says(&w, "once only");
	wire_close(&w);
}

/* A message in pieces: RFC 8446 5.1 allows that for as long as nothing comes between. */
static void test_split(void **state)
{
	(void)state;
	for (size_t cut = 1; cut < 5; cut++) {
		struct wire w;
		char c;

		begin(&w, WIRE_13);
		wire_send(&w, WIRE_HANDSHAKE, request, cut, cut);
		peer_says(&w, "");
		/* the empty record is refused, too: it came between */
		FAILS(recv(w.fd, &c, 1, 0), EPROTO);
		wire_close(&w);

		begin(&w, WIRE_13);
		wire_send(&w, WIRE_HANDSHAKE, request, cut, cut);
		wire_send(&w, WIRE_HANDSHAKE, request + cut, 5 - cut, 0);
		wire_update(&w.rx);
		peer_says(&w, "ok");
		t_expect(w.fd, "ok");
		expect_update(&w, update);
		wire_close(&w);
	}
	{
		struct wire w;

		begin(&w, WIRE_13);
		for (size_t i = 0; i < 5; i++)
			wire_send(&w, WIRE_HANDSHAKE, request + i, 1, 0);
		wire_update(&w.rx);
		peer_says(&w, "ok");
		t_expect(w.fd, "ok");
		expect_update(&w, update);
		says(&w, "fine");
		wire_close(&w);
	}
}

/**
 * struct refused - messages that are refused
 * @name: why
 * @len: how many bytes
 * @bytes: the messages, in one record
 * @alert: the alert for it
 */
struct refused {
	const char *name;
	size_t len;
	uint8_t bytes[16];
	uint8_t alert;
};

static const struct refused refused[] = {
	{ "value 2", 5, { 24, 0, 0, 1, 2 }, ILLEGAL_PARAMETER },
	{ "value 255", 5, { 24, 0, 0, 1, 255 }, ILLEGAL_PARAMETER },
	{ "too short", 4, { 24, 0, 0, 0 }, UNEXPECTED_MESSAGE },
	{ "too long", 6, { 24, 0, 0, 2, 0, 0 }, UNEXPECTED_MESSAGE },
	{ "much too long", 5, { 24, 255, 255, 255, 0 }, UNEXPECTED_MESSAGE },
	{ "two", 10, { 24, 0, 0, 1, 0, 24, 0, 0, 1, 0 }, UNEXPECTED_MESSAGE },
	{ "something behind it", 6, { 24, 0, 0, 1, 0, 4 }, UNEXPECTED_MESSAGE },
};

static void test_refused(void **state)
{
	const struct refused *r = *state;
	struct wire w;

	begin(&w, WIRE_13);
	peer_says(&w, "before");
	wire_send(&w, WIRE_HANDSHAKE, r->bytes, r->len, 0);
	t_expect(w.fd, "before");
	wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, r->alert);
	wire_close(&w);
}

/* RFC 5246 has no such message. */
static void test_refused_12(void **state)
{
	struct wire w;

	(void)state;
	begin(&w, WIRE_12);
	peer_says(&w, "before");
	wire_send(&w, WIRE_HANDSHAKE, request, 5, 0);
	t_expect(w.fd, "before");
	wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, UNEXPECTED_MESSAGE);
	wire_close(&w);
}

/* Old keys after the peer's KeyUpdate; new ones before. */
static void test_wrong_keys(void **state)
{
	struct wire w;

	(void)state;
	begin(&w, WIRE_13);
	wire_send(&w, WIRE_HANDSHAKE, update, 5, 0);
	peer_says(&w, "old");
	wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, 20);
	wire_close(&w);
	begin(&w, WIRE_13);
	wire_update(&w.rx);
	peer_says(&w, "new");
	wire_expect_refused(&w, KSC_STATUS_BAD_RECORD, EBADMSG, 20);
	wire_close(&w);
}

/* A ticket and a KeyUpdate in one record, which may stand in that order. */
static void test_behind_ticket(void **state)
{
	uint8_t both[sizeof(ticket) + sizeof(update)];
	struct wire w;

	(void)state;
	memcpy(both, ticket, sizeof(ticket));
	memcpy(both + sizeof(ticket), update, sizeof(update));
	begin(&w, WIRE_13);
	wire_send(&w, WIRE_HANDSHAKE, both, sizeof(both), 0);
	wire_update(&w.rx);
	peer_says(&w, "ok");
	t_expect(w.fd, "ok");
	wire_close(&w);
	/* and in the other order not */
	memcpy(both, update, sizeof(update));
	memcpy(both + sizeof(update), ticket, sizeof(ticket));
	begin(&w, WIRE_13);
	wire_send(&w, WIRE_HANDSHAKE, both, sizeof(both), 0);
	wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, UNEXPECTED_MESSAGE);
	wire_close(&w);
}

/* With the end of one direction, the other one's keys may still change. */
static void test_close(void **state)
{
	struct wire w;

	(void)state;
	/* before the peer's close_notify */
	begin(&w, WIRE_13);
	peer_says(&w, "last");
	peer_updates(&w, request);
	wire_send(&w, WIRE_ALERT, "\1", 2, 0);
	t_expect(w.fd, "last");
	t_expect_eof(w.fd);
	expect_update(&w, update);
	says(&w, "half open");
	/* behind it nothing is looked at */
	peer_updates(&w, request);
	t_expect_eof(w.fd);
	says(&w, "still");
	SYS(shutdown(w.fd, SHUT_WR));
	wire_expect_alert(&w, 1, 0);
	t_expect_eof(w.peer);
	wire_close(&w);

	/* behind our own: it can't be answered, but it is understood */
	begin(&w, WIRE_13);
	SYS(shutdown(w.fd, SHUT_WR));
	wire_expect_alert(&w, 1, 0);
	peer_updates(&w, request);
	peer_says(&w, "new");
	t_expect(w.fd, "new");
	t_expect_eof(w.peer);
	FAILS(rekey(w.fd, 0), EPIPE);
	wire_send(&w, WIRE_ALERT, "\1", 2, 0);
	t_expect_eof(w.fd);
	wire_close(&w);
}

/* A record that MSG_MORE keeps open is sent first, under the keys that it began with. */
static void test_more(void **state)
{
	struct wire w;
	int64_t since;

	(void)state;
	begin(&w, WIRE_13);
	assert_int_equal(SYS(send(w.fd, "open", 4, MSG_MORE)), 4);
	peer_updates(&w, request);
	assert_false(readable(w.fd));
	t_wait(w.peer, POLLIN);
	wire_expect(&w, WIRE_DATA, "open", 4);
	expect_update(&w, update);
	do {
		since = t_ticks_ms();
		assert_int_equal(SYS(send(w.fd, "and ", 4, MSG_MORE)), 4);
		t_send(w.fd, "shut", 4);
	} while (held_too_long(&w, since, 8));
	wire_expect(&w, WIRE_DATA, "and shut", 8);
	/* on command, the same */
	assert_int_equal(SYS(send(w.fd, "open", 4, MSG_MORE)), 4);
	SYS(rekey(w.fd, 1));
	wire_expect(&w, WIRE_DATA, "open", 4);
	expect_update(&w, request);
	says(&w, "new");
	wire_close(&w);
}

static void test_command(void **state)
{
	struct wire w;
	int one = 1;

	(void)state;
	begin(&w, WIRE_13);
	SYS(rekey(w.fd, 0));
	expect_update(&w, update);
	says(&w, "one");
	SYS(rekey(w.fd, 1));
	expect_update(&w, request);
	says(&w, "two");
	peer_updates(&w, update);
	peer_says(&w, "three");
	t_expect(w.fd, "three");
	/* each of them is its own */
	for (int i = 0; i < 5; i++)
		SYS(rekey(w.fd, i & 1));
	for (int i = 0; i < 5; i++)
		expect_update(&w, i & 1 ? request : update);
	says(&w, "four");
	FAILS(rekey(w.fd, 2), EINVAL);
	FAILS(rekey(w.fd, -1), EINVAL);
	FAILS(setsockopt(w.fd, SOL_KSCHANNEL, KSC_REKEY, &one, 2), EINVAL);
	wire_close(&w);

	begin(&w, WIRE_12);
	FAILS(rekey(w.fd, 0), EOPNOTSUPP);
	says(&w, "unharmed");
	wire_close(&w);

	w.fd = t_socket(AF_INET, &t_client);
	FAILS(rekey(w.fd, 0), ENOTCONN);
	close(w.fd);
}

/* The error for another user than root that does not own the socket. */
static int ask_as_user(uint64_t id)
{
	struct tnl_conn nl;
	int status;
	pid_t pid = (pid_t)SYS(fork());

	if (!pid) {
		if (setgid(1000) || setuid(1000) || !tnl_open(&nl))
			_exit(255);
		_exit(-ask_rekey(&nl, id, false));
	}
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_netlink(void **state)
{
	struct tnl_sock seen;
	struct tnl_conn nl;
	struct wire w;
	int fd;

	(void)state;
	assert_true(tnl_open(&nl));
	begin(&w, WIRE_13);
	seen = tnl_find_socket(w.fd);
	assert_int_equal(seen.updates_sent + seen.updates_received, 0);
	assert_int_equal(ask_rekey(&nl, seen.id, false), 0);
	expect_update(&w, update);
	assert_int_equal(ask_rekey(&nl, seen.id, true), 0);
	expect_update(&w, request);
	peer_updates(&w, update);
	peer_says(&w, "answer");
	t_expect(w.fd, "answer");
	says(&w, "all right");
	seen = tnl_find_socket(w.fd);
	assert_int_equal(seen.updates_sent, 2);
	assert_int_equal(seen.updates_received, 1);
	/* an unknown ID, no ID, and a socket of another user */
	assert_int_equal(ask_rekey(&nl, seen.id + 100000, false), -ENOENT);
	assert_int_equal(ask_rekey(&nl, UINT64_MAX, false), -ENOENT);
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, KSC_CMD_REKEY)), -EINVAL);
	assert_int_equal(ask_as_user(seen.id), ENOENT);
	says(&w, "with the same keys");
	SYS(shutdown(w.fd, SHUT_WR));
	assert_int_equal(ask_rekey(&nl, seen.id, false), -EPIPE);
	wire_close(&w);

	begin(&w, WIRE_12);
	assert_int_equal(ask_rekey(&nl, tnl_find_socket(w.fd).id, false), -EOPNOTSUPP);
	says(&w, "unharmed");
	wire_close(&w);
	fd = t_socket(AF_INET, &t_client);
	assert_int_equal(ask_rekey(&nl, tnl_find_socket(fd).id, false), -ENOTCONN);
	close(fd);
	tnl_close(&nl);
}

/* The pump finds the connection reset: the error is left for the reader. */
static void test_reset(void **state)
{
	static const uint8_t data[16384];
	struct tnl_conn nl;

	(void)state;
	assert_true(tnl_open(&nl));
	for (int i = 0; i < 20; i++) {
		const int most = 40000 + 3000 * i;
		struct wire w;
		uint64_t id;
		char c;

		begin(&w, WIRE_13);
		id = tnl_find_socket(w.fd).id;
		/* until there is no room: with some sizes for a part of a record */
		SYS(setsockopt(w.fd, SOL_SOCKET, SO_SNDBUF, &most, sizeof(most)));
		while (send(w.fd, data, sizeof(data) - (size_t)i * 500, MSG_DONTWAIT) > 0)
			;
		t_reset(w.peer);
		t_wait(w.fd, POLLIN);
		ask_rekey(&nl, id, false);
		/* which takes the pump no longer than some of these */
		for (int k = 0; k < 20; k++)
			tnl_counter(KSC_A_STATS_SOCKETS);
		FAILS(recv(w.fd, &c, 1, 0), ECONNRESET);
		assert_string_equal(t_error(w.fd).text, "the connection was reset");
		close(w.fd);
	}
	tnl_close(&nl);
}

#define KEYS 1000

/* New keys in either direction take no new ciphers, of which the crypto API may know none. */
static void test_ciphers(void **state)
{
	uint64_t made;
	struct wire w;

	(void)state;
	t_set_parameter("max_key_updates", 0);
	t_set_parameter("idle_seconds", 0);
	begin(&w, WIRE_13);
	says(&w, "mine");
	peer_says(&w, "yours");
	t_expect(w.fd, "yours");
	made = tnl_counter(KSC_A_STATS_CIPHERS_MADE);
	for (int i = 0; i < KEYS; i++) {
		peer_updates(&w, request);
		if (i % 10)
			continue;
		peer_says(&w, "x");
		t_expect(w.fd, "x");
	}
	peer_says(&w, "end");
	t_expect(w.fd, "end");
	assert_int_equal(tnl_find_socket(w.fd).updates_received, KEYS);
	assert_in_range(tnl_find_socket(w.fd).updates_sent, 1, KEYS);
	assert_int_equal(tnl_counter(KSC_A_STATS_CIPHERS_MADE), made);
	wire_close(&w);
}

#define TEST(name) { #name, test_##name, NULL, NULL, NULL }

int main(void)
{
	static const struct CMUnitTest plain[] = {
		TEST(peer),	   TEST(poll),	     TEST(peek),    TEST(split),
		TEST(refused_12),  TEST(wrong_keys), TEST(behind_ticket), TEST(close),
		TEST(more),	   TEST(command),    TEST(netlink), TEST(reset),
		{ "ciphers", test_ciphers, NULL, update_limited, NULL },
	};
	static struct CMUnitTest tests[ARRAY_SIZE(plain) + ARRAY_SIZE(refused)];
	static char names[ARRAY_SIZE(refused)][64];
	size_t count = ARRAY_SIZE(plain);
	int ret;

	memcpy(tests, plain, sizeof(plain));
	for (size_t i = 0; i < ARRAY_SIZE(refused); i++, count++) {
		snprintf(names[i], sizeof(names[i]), "refused: %s", refused[i].name);
		tests[count].name = names[i];
		tests[count].test_func = test_refused;
		tests[count].initial_state = (void *)&refused[i];
	}
	if (wire_begin())
		return 1;
	ret = t_run(__FILE__, tests, count);
	return wire_end() ? 1 : ret;
}
