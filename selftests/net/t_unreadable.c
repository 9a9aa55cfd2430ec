// SPDX-License-Identifier: GPL-2.0-only
/*
 * A device may put received data into memory of its own, which no CPU can read: then TLS fails,
 * in any state, and calls that wait for data return an error at once. A module for tests marks
 * packets as if a device had.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/own.h"
#include "lib/policy.h"
#include "lib/raw.h"
#include "lib/wire.h"

#define MODULE "ksc-unreadable.ko"
#define PORT "/sys/module/ksc_unreadable/parameters/port"
#define WHY "device memory"
#define HEADER 5

/* From where on the bytes of a record can't be read */
enum from { ALL, BODY };

/* A record of a handshake, as much as is looked at before it is whole */
static const uint8_t hello[] = { 22, 3, 1, 0, 8, 1, 0, 0, 4, 3, 3, 0, 0 };

/* What comes to a socket from now on can't be read; by no socket, that ends. */
static void mark(int fd)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);
	char text[16];

	if (fd >= 0)
		SYS(getsockname(fd, (struct sockaddr *)&in, &len));
	snprintf(text, sizeof(text), "%u", ntohs(in.sin_port));
	assert_true(t_write_file(PORT, text));
}

/* Sends a record of which bytes can't be read by @to. */
static void send_marked(int fd, int to, const void *record, size_t len, enum from from)
{
	const char *at = record;
	int on = 1;

	SYS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	if (from == BODY) {
		t_send(fd, at, HEADER);
		t_await_acked(fd);
		at += HEADER;
		len -= HEADER;
	}
	mark(to);
	t_send(fd, at, len);
}

static void expect_failed(int fd, int alert)
{
	struct ksc_error error;
	char c;

	FAILS(recv(fd, &c, 1, 0), EIO);
	t_expect_error(fd, KSC_STATUS_INTERNAL_ERROR, EIO);
	error = t_error(fd);
	assert_non_null(strstr(error.text, WHY));
	assert_int_equal(error.alert, alert);
}

static void expect_alert(int fd)
{
	uint8_t alert[7];

	t_recv(fd, alert, sizeof(alert));
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x50", sizeof(alert));
}

static void test_server(void **state)
{
	struct t_addr addr;
	int listener, fds[2];

	listener = t_listen(AF_INET, &t_server, &addr);
	fds[0] = t_plain(AF_INET);
	SYS(connect(fds[0], (struct sockaddr *)&addr.ss, addr.len));
	fds[1] = t_accept(listener);
	send_marked(fds[0], fds[1], hello, sizeof(hello), (enum from)(uintptr_t)*state);
	expect_failed(fds[1], 80);
	expect_alert(fds[0]);
	close_pair(fds);
	close(listener);
}

static void test_client(void **state)
{
	struct t_addr addr;
	int listener, fds[2];
	char sent[HEADER];

	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_begin(&addr, &t_client);
	fds[1] = t_accept(listener);
	t_recv(fds[1], sent, sizeof(sent));
	send_marked(fds[1], fds[0], hello, sizeof(hello), (enum from)(uintptr_t)*state);
	expect_failed(fds[0], 80);
	close_pair(fds);
	close(listener);
}

/* It is not known whether the client speaks TLS: the connection does not become plain. */
static void test_prefer(void **state)
{
	int listener, fds[2];

	own_start(&own, policy_basic);
	listener = listen_on(policy_socket(AF_INET, &policy_nothing), 3000);
	fds[0] = connect_to(t_plain(AF_INET), 3000);
	fds[1] = t_accept(listener);
	send_marked(fds[0], fds[1], hello, sizeof(hello), (enum from)(uintptr_t)*state);
	expect_failed(fds[1], 80);
	assert_int_equal(what_is(fds[1]), PROTECTED);
	close_pair(fds);
	close(listener);
}

static void test_established(void **state)
{
	static const uint16_t versions[] = { WIRE_13, WIRE_12 };
	uint8_t *record = malloc(WIRE_MAX_RECORD);
	struct wire w;
	size_t len;

	assert_non_null(record);
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++) {
		wire_start_as(&w, KSC_ROLE_SERVER, versions[i]);
		wire_send(&w, WIRE_DATA, "before", 6, 0);
		t_expect(w.fd, "before");
		len = wire_seal(&w.rx, record, WIRE_DATA, "data", 4, 0);
		send_marked(w.peer, w.fd, record, len, (enum from)(uintptr_t)*state);
		expect_failed(w.fd, 80);
		wire_expect_alert(&w, 2, 80);
		mark(-1);
		wire_close(&w);
	}
	free(record);
}

/* So much of a record, of which the receive buffer has no room for the rest */
#define PART 12000

/* The pump comes later than the reader, where there is a window for that to be widened. */
static void send_part(int fd, int to, const uint8_t *record)
{
	const int size = 4096;

	SYS(setsockopt(to, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	t_failpoint(T_PUMP, 200);
	send_marked(fd, to, record, PART, BODY);
}

static void test_stalled(void **state)
{
	uint8_t *record = malloc(WIRE_MAX_RECORD), *data = calloc(1, RAW_MAX);
	struct wire w;

	(void)state;
	assert_non_null(record);
	assert_non_null(data);
	wire_start_as(&w, KSC_ROLE_SERVER, WIRE_13);
	wire_seal(&w.rx, record, WIRE_DATA, data, RAW_MAX, 0);
	send_part(w.peer, w.fd, record);
	expect_failed(w.fd, 80);
	t_failpoint(T_PUMP, 0);
	wire_close(&w);
	free(data);
	free(record);
}

static void test_raw_stalled(void **state)
{
	const size_t len = HEADER + RAW_MAX + 1 + 16;
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	uint8_t *record = malloc(len), *data = calloc(1, RAW_MAX);
	int fds[2], made[2];
	uint8_t type;
	char c;

	(void)state;
	assert_non_null(record);
	assert_non_null(data);
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, made));
	raw_craft(made[0], &keys, 0, RAW_DATA, data, RAW_MAX, 0);
	t_recv(made[1], record, len);
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], KSC_RAW_ULP_NAME);
	raw_set(fds[1], TLS_RX, &keys);
	send_part(fds[0], fds[1], record);
	FAILS(raw_recv(fds[1], &type, &c, 1, 0), EFAULT);
	t_failpoint(T_PUMP, 0);
	raw_close(made);
	raw_close(fds);
	free(data);
	free(record);
}

static void test_raw(void **state)
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	char record[HEADER + 4 + 1 + 16], c;
	int fds[2], made[2];
	uint8_t type;

	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, made));
	raw_craft(made[0], &keys, 0, RAW_DATA, "data", 4, 0);
	t_recv(made[1], record, sizeof(record));
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], KSC_RAW_ULP_NAME);
	raw_set(fds[1], TLS_RX, &keys);
	send_marked(fds[0], fds[1], record, sizeof(record), (enum from)(uintptr_t)*state);
	FAILS(raw_recv(fds[1], &type, &c, 1, 0), EFAULT);
	raw_close(made);
	raw_close(fds);
}

static int teardown(void **state)
{
	(void)state;
	mark(-1);
	return 0;
}

static int prefer_teardown(void **state)
{
	mark(-1);
	return policy_teardown(state);
}

/* The test is the daemon. */
static int wire_setup(void **state)
{
	(void)state;
	return wire_begin();
}

static int wire_teardown(void **state)
{
	(void)state;
	mark(-1);
	return wire_end();
}

#define CASE(name, test, from)                                                                     \
	{                                                                                          \
		name, test, NULL, teardown, (void *)(from)                                         \
	}
#define WIRE_CASE(name, test, from)                                                                \
	{                                                                                          \
		name, test, wire_setup, wire_teardown, (void *)(from)                              \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("a client's first record", test_server, ALL),
		CASE("a client's first record but its header", test_server, BODY),
		CASE("a server's first record", test_client, ALL),
		CASE("a server's first record but its header", test_client, BODY),
		WIRE_CASE("a protected record", test_established, ALL),
		WIRE_CASE("a protected record but its header", test_established, BODY),
		WIRE_CASE("one that finds no room", test_stalled, BODY),
		CASE("raw mode", test_raw, ALL),
		CASE("raw mode but a header", test_raw, BODY),
		CASE("raw mode, one that finds no room", test_raw_stalled, BODY),
		/* these leave the namespace */
		{ "a client that may be plain", test_prefer, policy_setup, prefer_teardown,
		  (void *)ALL },
	};
	const char *here = getenv("KSC_TESTS");
	char command[128];
	int ret;

	snprintf(command, sizeof(command), "%s/" MODULE, here ? here : "/opt/net");
	/* the rig builds it where there is such memory */
	if (access(command, F_OK))
		return T_SKIP(tests, "there is no module for tests");
	snprintf(command, sizeof(command), "insmod %s/" MODULE, here ? here : "/opt/net");
	if (t_shell(command))
		return 1;
	ret = T_RUN(tests);
	return t_shell("rmmod ksc_unreadable") ? 1 : ret;
}
