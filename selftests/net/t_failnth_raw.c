// SPDX-License-Identifier: GPL-2.0
/* Memory runs out in raw mode; see t_failnth.c. */
#include <poll.h>

#include "fault.h"
#include "raw.h"

static char got[3];
static int fds[2];

static struct raw_keys keys;

static void make_raw(void)
{
	keys = raw_keys(raw_13, 0, 0);
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], KSC_RAW_ULP_NAME);
	raw_attach(fds[1], KSC_RAW_ULP_NAME);
}

static int act_raw_tx(void)
{
	return setsockopt(fds[0], SOL_TLS, TLS_TX, &keys, keys.len);
}

static int act_raw_rx(void)
{
	return setsockopt(fds[1], SOL_TLS, TLS_RX, &keys, keys.len);
}

static void raw_talk(void)
{
	t_send(fds[0], "raw", 3);
	t_expect(fds[1], "raw");
	raw_close(fds);
}

static void after_raw_tx(int error)
{
	if (error)
		SYS(act_raw_tx());
	SYS(act_raw_rx());
	raw_talk();
}

static void after_raw_rx(int error)
{
	if (error)
		SYS(act_raw_rx());
	SYS(act_raw_tx());
	raw_talk();
}

static void make_raw_keys(void)
{
	make_raw();
	SYS(act_raw_tx());
	SYS(act_raw_rx());
}

static int act_raw_send(void)
{
	return send(fds[0], "raw", 3, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void after_raw_send(int error)
{
	if (error)
		SYS(act_raw_send());
	t_expect(fds[1], "raw");
	raw_talk();
}

static void make_raw_received(void)
{
	make_raw_keys();
	t_send(fds[0], "raw", 3);
	t_wait(fds[1], POLLIN);
}

static int act_raw_recv(void)
{
	return recv(fds[1], got, 3, 0) < 0 ? -1 : 0;
}

static void after_raw_recv(int error)
{
	if (error)
		SYS(act_raw_recv());
	assert_memory_equal(got, "raw", 3);
	raw_talk();
}

#define WALK(...) FAULT_CASE(fault_setup, fault_teardown, __VA_ARGS__)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WALK("raw: keys to send with", make_raw, act_raw_tx, after_raw_tx),
		WALK("raw: keys to receive with", make_raw, act_raw_rx, after_raw_rx),
		WALK("raw: send", make_raw_keys, act_raw_send, after_raw_send),
		WALK("raw: receive", make_raw_received, act_raw_recv, after_raw_recv),
	};

	if (!fault_possible())
		return T_SKIP(tests, "the kernel has no fault injection");
	return T_RUN(tests);
}
