// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP_CORK: writes that TCP would put into one segment share a record, and nothing waits that
 * TCP would have sent.
 */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/held.h"
#include "lib/net.h"
#include "lib/wire.h"

/* What a web server says before a file. */
#define LEAD 240

static int restore(void **state)
{
	(void)state;
	return t_shell("ip link set lo mtu 65536");
}

/* Connected, and corked. */
static void start(struct wire *w, const struct wire_suite *suite)
{
	wire_start(w, suite, 1);
	held_set_tcp(w, TCP_CORK, 1);
}

static void test_share(void **state)
{
	struct wire w;

	start(&w, *state);
	for (int i = 0; i < 2; i++) {
		int64_t since;

		do {
			since = t_ticks_ms();
			t_send(w.fd, "one ", 4);
			t_send(w.fd, "two ", 4);
			t_send(w.fd, "three", 5);
			held_set_tcp(&w, TCP_CORK, 0);
			assert_int_equal(held_unsent(&w), 0);
			held_set_tcp(&w, TCP_CORK, 1);
		} while (held_too_long(&w, since, 13));
		wire_expect(&w, WIRE_DATA, "one two three", 13);
	}
	wire_close(&w);
}

/* A record ends where the application says so, whether or not it is sent. */
static void test_ends(void **state)
{
	struct wire w;
	int64_t since;

	start(&w, *state);
	do {
		held_set_tcp(&w, TCP_CORK, 1);
		since = t_ticks_ms();
		t_send(w.fd, "one ", 4);
		assert_int_equal(SYS(send(w.fd, "two", 3, MSG_EOR)), 3);
		t_send(w.fd, "three", 5);
		held_set_tcp(&w, TCP_CORK, 0);
	} while (held_too_long(&w, since, 12));
	wire_expect(&w, WIRE_DATA, "one two", 7);
	wire_expect(&w, WIRE_DATA, "three", 5);
	wire_close(&w);
}

/* A full segment does not wait. */
static void test_full(void **state)
{
	struct wire w;
	size_t sent;

	assert_int_equal(t_shell("ip link set lo mtu 1500"), 0);
	for (;;) {
		start(&w, *state);
		sent = held_fill(&w);
		if (sent)
			break;
		wire_close(&w);
	}
	held_set_tcp(&w, TCP_CORK, 0);
	held_expect(&w, sent);
	wire_close(&w);
}

/* TCP_NODELAY is weaker than the cork, except for data that is pending when it is set. */
static void test_no_delay(void **state)
{
	struct wire w;
	int64_t since;

	start(&w, *state);
	t_send(w.fd, "one", 3);
	held_set_tcp(&w, TCP_NODELAY, 1);
	assert_int_equal(held_unsent(&w), 0);
	wire_expect(&w, WIRE_DATA, "one", 3);
	do {
		held_set_tcp(&w, TCP_CORK, 1);
		since = t_ticks_ms();
		t_send(w.fd, "two ", 4);
		t_send(w.fd, "three", 5);
		held_set_tcp(&w, TCP_CORK, 0);
		assert_int_equal(held_unsent(&w), 0);
	} while (held_too_long(&w, since, 9));
	wire_expect(&w, WIRE_DATA, "two three", 9);
	wire_close(&w);
}

/* Pending data is sent before the alert. */
static void test_shutdown(void **state)
{
	struct wire w;
	int64_t since;

	for (;;) {
		start(&w, *state);
		since = t_ticks_ms();
		t_send(w.fd, "one ", 4);
		t_send(w.fd, "two", 3);
		SYS(shutdown(w.fd, SHUT_WR));
		if (!held_too_long(&w, since, 7))
			break;
		wire_close(&w);
	}
	wire_expect(&w, WIRE_DATA, "one two", 7);
	wire_expect_alert(&w, 1, 0);
	wire_close(&w);
}

/* Since Linux 6.5 a socket is given the pages of a file, and not one at a time. */
static bool takes_pages(void)
{
	struct utsname name;
	unsigned long major, minor;
	char *end;

	SYS(uname(&name));
	major = strtoul(name.release, &end, 10);
	assert_int_equal(*end, '.');
	minor = strtoul(end + 1, NULL, 10);
	return major > 6 || (major == 6 && minor >= 5);
}

static size_t expect_part(struct wire *w, const uint8_t *data)
{
	uint8_t in[WIRE_MAX_PAYLOAD + 1], type;
	size_t n = wire_recv(w, &type, in);

	assert_int_equal(type, WIRE_DATA);
	assert_memory_equal(in, data, n);
	return n;
}

/* A file behind a few words: it shares their record if it fits, else it has its own. */
static void test_file(void **state)
{
	static const size_t sizes[] = { 1, 1024, 5000, 16384 - LEAD, 16384, 40000 };
	int file = (int)SYS(memfd_create("file", MFD_CLOEXEC));
	uint8_t data[LEAD + 40000];
	struct wire w;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 8);
	assert_int_equal(SYS(write(file, data + LEAD, 40000)), 40000);
	start(&w, *state);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		size_t all = LEAD + sizes[i], got;
		int64_t since;

		do {
			off_t at = 0;

			since = t_ticks_ms();
			t_send(w.fd, data, LEAD);
			while ((size_t)at < sizes[i])
				SYS(sendfile(w.fd, file, &at, sizes[i] - (size_t)at));
			held_set_tcp(&w, TCP_CORK, 0);
			held_set_tcp(&w, TCP_CORK, 1);
		} while (held_too_long(&w, since, all));
		got = expect_part(&w, data);
		if (all <= 16384)
			assert_int_equal(got, all);
		else
			assert_int_equal(got, takes_pages() ? LEAD : 16384);
		while (got < all)
			got += expect_part(&w, data + got);
		assert_int_equal(got, all);
	}
	close(file);
	wire_close(&w);
}

#define CORK(test, version, suite)                                                                 \
	{                                                                                          \
		#test ", " #suite, test, t_setup, restore, (void *)wire_suite(version, suite)      \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CORK(test_share, WIRE_13, 0x1301),    CORK(test_share, WIRE_12, 0xc02b),
		CORK(test_ends, WIRE_13, 0x1301),     CORK(test_full, WIRE_13, 0x1301),
		CORK(test_no_delay, WIRE_13, 0x1303), CORK(test_shutdown, WIRE_12, 0xcca9),
		CORK(test_file, WIRE_13, 0x1301),     CORK(test_file, WIRE_12, 0xc02b),
		CORK(test_file, WIRE_13, 0x1304),
	};
	int ret;

	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
