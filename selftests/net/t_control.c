// SPDX-License-Identifier: GPL-2.0-only
/* All records that may come between those with data, once, in any place and in floods. */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/wire.h"

#define CLOSE_NOTIFY 0
#define USER_CANCELED 90
#define NO_RENEGOTIATION 100

#define WARNING 1
#define FATAL 2

/* NewSessionTicket of little content: lifetime, age, no nonce, a ticket, no extensions */
static const uint8_t ticket[] = { 4, 0, 0, 14, 0, 0, 0, 60, 0, 0, 0, 1, 0, 0, 1, '!', 0, 0 };
/* KeyUpdate: update_not_requested, update_requested */
static const uint8_t update[] = { 24, 0, 0, 1, 0 };
static const uint8_t request[] = { 24, 0, 0, 1, 1 };
static const uint8_t hello_request[] = { 0, 0, 0, 0 };

static void begin(struct wire *w, uint16_t version)
{
	wire_start_as(w, KSC_ROLE_CLIENT, version);
}

static void peer_says(struct wire *w, const char *text)
{
	wire_send(w, WIRE_DATA, text, strlen(text), 0);
}

static void says(struct wire *w, const char *text)
{
	t_send(w->fd, text, strlen(text));
	wire_expect(w, WIRE_DATA, text, strlen(text));
}

static void peer_handshake(struct wire *w, const void *message, size_t len)
{
	wire_send(w, WIRE_HANDSHAKE, message, len, 0);
	if (*(const uint8_t *)message == update[0])
		wire_update(&w->rx);
}

/* Records without data, any number of them: what is behind them comes, and nothing else. */
static void case_18_empty_flood(void **state)
{
	const uint16_t version = *(const uint16_t *)*state;
	struct wire w;
	char buf[16];

	begin(&w, version);
	for (int i = 0; i < 3000; i++)
		wire_send(&w, WIRE_DATA, NULL, 0, version == WIRE_13 ? i % 3 : 0);
	peer_says(&w, "data");
	assert_int_equal(SYS(recv(w.fd, buf, sizeof(buf), 0)), 4);
	assert_memory_equal(buf, "data", 4);
	says(&w, "and back");
	wire_close(&w);
}

/* RFC 8446 6: the level is ignored in TLS 1.3, and all but two alerts are fatal. */
static bool is_warning(uint16_t version, uint8_t level, uint8_t alert)
{
	return alert == USER_CANCELED || (version != WIRE_13 && level == WARNING);
}

static void send_alert(struct wire *w, uint8_t level, uint8_t alert)
{
	wire_send(w, WIRE_ALERT, (uint8_t[]){ level, alert }, 2, 0);
}

static void try_alert(uint16_t version, uint8_t level, uint8_t alert)
{
	struct wire w;
	char c;

	begin(&w, version);
	peer_says(&w, "before");
	send_alert(&w, level, alert);
	if (alert == CLOSE_NOTIFY) {
		t_expect(w.fd, "before");
		t_expect_eof(w.fd);
		says(&w, "the other direction");
	} else if (is_warning(version, level, alert)) {
		peer_says(&w, "after");
		t_expect(w.fd, "beforeafter");
		assert_int_equal(t_error(w.fd).status, KSC_STATUS_OK);
		assert_int_equal(t_error(w.fd).alert, alert);
		says(&w, "back");
	} else {
		t_expect(w.fd, "before");
		FAILS(recv(w.fd, &c, 1, 0), EPROTO);
		t_expect_error(w.fd, KSC_STATUS_ALERT_RECEIVED, EPROTO);
		if (t_error(w.fd).alert != alert)
			fail_msg("%u, not %u", t_error(w.fd).alert, alert);
		assert_int_equal(t_error(w.fd).direction, KSC_DIRECTION_RECEIVED);
		FAILS(send(w.fd, "x", 1, MSG_NOSIGNAL), EPROTO);
	}
	wire_close(&w);
}

static void case_19_every_alert(void **state)
{
	static const uint8_t unknown[] = { 121, 128, 200, 255 };
	const uint16_t version = *(const uint16_t *)*state;

	for (uint8_t level = WARNING; level <= FATAL; level++) {
		for (uint8_t alert = 0; alert <= 120; alert++)
			try_alert(version, level, alert);
		for (size_t i = 0; i < ARRAY_SIZE(unknown); i++)
			try_alert(version, level, unknown[i]);
	}
}

/* Tickets without end, small and large: none of them is data, or in its way. */
static void case_22_ticket_flood(void **state)
{
	uint64_t before = tnl_counter(KSC_A_STATS_TICKETS);
	static uint8_t large[16000] = { 4, 0, (16000 - 4) >> 8, (16000 - 4) & 0xff };
	struct wire w;

	(void)state;
	begin(&w, WIRE_13);
	for (int i = 0; i < 1000; i++)
		peer_handshake(&w, ticket, sizeof(ticket));
	peer_says(&w, "one");
	t_expect(w.fd, "one");
	for (int i = 0; i < 100; i++) {
		peer_handshake(&w, large, sizeof(large));
		peer_says(&w, "two");
		t_expect(w.fd, "two");
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_TICKETS), before + 1100);
	says(&w, "and back");
	wire_close(&w);
}

#define PIECES 300

/* Data in pieces of all sizes, with anything between them that may be there. */
static void case_31_between_records(void **state)
{
	static uint8_t data[PIECES * PIECES], got[sizeof(data)];
	size_t len = 0, answers = 0;
	struct wire w;

	(void)state;
	t_fill(data, sizeof(data), 31);
	begin(&w, WIRE_13);
	for (size_t i = 0; i < PIECES; i++) {
		/* one, several or none, and sometimes no data between them */
		if (i % 2)
			peer_handshake(&w, ticket, sizeof(ticket));
		if (i % 3 == 1)
			peer_handshake(&w, update, sizeof(update));
		if (i % 50 == 0) {
			peer_handshake(&w, request, sizeof(request));
			answers++;
		}
		if (i % 7 == 3)
			send_alert(&w, WARNING, USER_CANCELED);
		if (i % 5) {
			wire_send(&w, WIRE_DATA, data + len, i, i % 4);
			len += i;
		}
		if (i % 40 == 39) {
			t_recv(w.fd, got, len);
			assert_memory_equal(got, data, len);
			memmove(data, data + len, sizeof(data) - len);
			len = 0;
		}
	}
	peer_handshake(&w, ticket, sizeof(ticket));
	peer_handshake(&w, update, sizeof(update));
	send_alert(&w, WARNING, CLOSE_NOTIFY);
	t_recv(w.fd, got, len);
	assert_memory_equal(got, data, len);
	t_expect_eof(w.fd);
	/* each request has had its answer, or they share one */
	t_send(w.fd, "end", 3);
	for (;;) {
		uint8_t type;

		len = wire_recv(&w, &type, got);
		if (type == WIRE_DATA)
			break;
		assert_int_equal(type, WIRE_HANDSHAKE);
		assert_int_equal(len, sizeof(update));
		wire_update(&w.tx);
		assert_true(answers--);
	}
	assert_memory_equal(got, "end", 3);
	wire_close(&w);
}

/* Several tickets at once: in a record, in a row, over a border; OpenSSL sends two. */
static void case_33_ticket_burst(void **state)
{
	uint64_t before = tnl_counter(KSC_A_STATS_TICKETS);
	uint8_t two[2 * sizeof(ticket)];
	struct wire w;

	(void)state;
	memcpy(two, ticket, sizeof(ticket));
	memcpy(two + sizeof(ticket), ticket, sizeof(ticket));
	begin(&w, WIRE_13);
	peer_handshake(&w, two, sizeof(two));
	for (size_t cut = 1; cut < sizeof(two); cut++) {
		peer_handshake(&w, two, cut);
		/* not by peer_handshake(): this begins within a message */
		wire_send(&w, WIRE_HANDSHAKE, two + cut, sizeof(two) - cut, 0);
		peer_says(&w, "data");
		t_expect(w.fd, "data");
	}
	peer_handshake(&w, two, sizeof(two));
	send_alert(&w, WARNING, CLOSE_NOTIFY);
	t_expect_eof(w.fd);
	assert_int_equal(tnl_counter(KSC_A_STATS_TICKETS), before + 2 * (sizeof(two) + 1));
	wire_close(&w);
}

/* RFC 5246 7.2.2: a peer that renegotiates gets no_renegotiation, and the session goes on. */
static void case_35_renegotiation(void **state)
{
	const int role = *(const int *)*state;
	/* of the other's hello only its type is looked at */
	static const uint8_t client_hello[4 + 300] = { 1, 0, 1, 44 };
	const void *hello = role == KSC_ROLE_CLIENT ? hello_request : client_hello;
	const size_t len = role == KSC_ROLE_CLIENT ? sizeof(hello_request) : sizeof(client_hello);
	struct wire w;

	wire_start_as(&w, role, WIRE_12);
	for (int i = 0; i < 20; i++) {
		peer_says(&w, "before");
		wire_send(&w, WIRE_HANDSHAKE, hello, len, 0);
		peer_says(&w, "after");
		t_expect(w.fd, "beforeafter");
		wire_expect_alert(&w, WARNING, NO_RENEGOTIATION);
		says(&w, "back");
	}
	assert_int_equal(t_error(w.fd).status, KSC_STATUS_OK);
	wire_close(&w);
}

/* Asked again and again, by a peer that does not read: what it is owed is bounded. */
static void case_35_renegotiation_flood(void **state)
{
	static uint8_t plain[WIRE_MAX_RECORD];
	unsigned int alerts = 0;
	struct wire w;
	uint8_t type;

	(void)state;
	begin(&w, WIRE_12);
	for (int i = 0; i < 2000; i++)
		wire_send(&w, WIRE_HANDSHAKE, hello_request, sizeof(hello_request), 0);
	peer_says(&w, "after");
	t_expect(w.fd, "after");
	t_send(w.fd, "back", 4);
	for (;;) {
		wire_recv(&w, &type, plain);
		if (type == WIRE_DATA)
			break;
		assert_int_equal(type, WIRE_ALERT);
		assert_int_equal(plain[1], NO_RENEGOTIATION);
		alerts++;
	}
	assert_in_range(alerts, 1, 2000);
	says(&w, "still");
	wire_close(&w);
}

static void await_reset(int fd)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	struct tcp_info info;
	socklen_t len = sizeof(info);

	do {
		assert_true(t_now_ms() < end);
		SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	} while (info.tcpi_state != TCP_CLOSE);
}

/* Asked by a peer that has reset the connection: no alert goes out, and its data is there. */
static void case_35_renegotiation_reset(void **state)
{
	struct wire w;
	char c;

	(void)state;
	begin(&w, WIRE_12);
	peer_says(&w, "before");
	wire_send(&w, WIRE_HANDSHAKE, hello_request, sizeof(hello_request), 0);
	peer_says(&w, "after");
	t_reset(w.peer);
	await_reset(w.fd);
	t_expect(w.fd, "beforeafter");
	FAILS(recv(w.fd, &c, 1, 0), ECONNRESET);
	t_expect_error(w.fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	close(w.fd);
}

/* Of the other role's hello there is no such answer, nor is there one in TLS 1.3. */
static void case_35_not_renegotiation(void **state)
{
	static const struct {
		uint16_t version;
		int role;
		uint8_t type;
	} wrong[] = {
		{ WIRE_12, KSC_ROLE_CLIENT, 1 },
		{ WIRE_12, KSC_ROLE_SERVER, 0 },
		{ WIRE_13, KSC_ROLE_CLIENT, 0 },
		{ WIRE_13, KSC_ROLE_SERVER, 1 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		struct wire w;

		wire_start_as(&w, wrong[i].role, wrong[i].version);
		wire_send(&w, WIRE_HANDSHAKE, (uint8_t[]){ wrong[i].type, 0, 0, 0 }, 4, 0);
		wire_expect_refused(&w, KSC_STATUS_PROTOCOL_ERROR, EPROTO, 10);
		wire_close(&w);
	}
}

int main(void)
{
	static const uint16_t v13 = WIRE_13, v12 = WIRE_12;
	static const int client = KSC_ROLE_CLIENT, server = KSC_ROLE_SERVER;
	const struct CMUnitTest tests[] = {
		{ "case_18_empty_flood, TLS 1.3", case_18_empty_flood, t_unlimited, t_limited,
		  (void *)&v13 },
		{ "case_18_empty_flood, TLS 1.2", case_18_empty_flood, t_unlimited, t_limited,
		  (void *)&v12 },
		T_CASE("case_19_every_alert, TLS 1.3", case_19_every_alert, &v13),
		T_CASE("case_19_every_alert, TLS 1.2", case_19_every_alert, &v12),
		cmocka_unit_test_setup_teardown(case_22_ticket_flood, t_unlimited, t_limited),
		cmocka_unit_test_setup_teardown(case_31_between_records, t_unlimited, t_limited),
		cmocka_unit_test(case_33_ticket_burst),
		T_CASE("case_35_renegotiation, client", case_35_renegotiation, &client),
		T_CASE("case_35_renegotiation, server", case_35_renegotiation, &server),
		cmocka_unit_test_setup_teardown(case_35_renegotiation_flood, t_unlimited,
						t_limited),
		cmocka_unit_test(case_35_renegotiation_reset),
		cmocka_unit_test(case_35_not_renegotiation),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
