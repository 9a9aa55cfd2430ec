// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that memory is written out by, as those of network block devices: no allocation for
 * them may wait for that. The owner of such a socket sets its sk_allocation, which a module
 * for tests does here; and it reports the allocations.
 */
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/raw.h"
#include "lib/stall.h"
#include "lib/wire.h"

#define OURS KSC_RAW_ULP_NAME
#define MODULE "ksc-allocs.ko"
#define PARAMETERS "/sys/module/ksc_allocs/parameters/"
#define WATCH PARAMETERS "watch"
#define READ PARAMETERS "read"
#define RECORD 16384
#define FILL 300000
#define BUFFER 4096
/* An act that found all that it needs is repeated, but not forever */
#define TRIES 16
#define THIEVES 64

static const uint8_t update[5] = { 24, 0, 0, 1, 0 };
static const uint8_t request[5] = { 24, 0, 0, 1, 1 };

/**
 * struct ends - a connection
 * @fd: the socket that matters
 * @peer: its other end
 * @raw: they are in raw mode, both of them, and @peer matters as well
 * @generation: of the keys, in raw mode
 * @w: else, the connection
 */
struct ends {
	int fd;
	int peer;
	bool raw;
	unsigned int generation;
	struct wire w;
};

/**
 * struct found - what was allocated
 * @seen: by the module or what it calls
 * @bad: of these, what could have waited for memory to be written out
 * @text: and the module's report on the first of them
 */
struct found {
	int seen;
	int bad;
	char text[4097];
};

static struct found found;
static int thieves[THIEVES][2];
static unsigned int stolen;
static cpu_set_t all;

static void watch(int fd, const char *how)
{
	char text[32];

	snprintf(text, sizeof(text), "%d %s", fd, how);
	assert_true(t_write_file(WATCH, text));
}

static void look(void)
{
	FILE *file = fopen(WATCH, "re");
	char *end;
	size_t n;

	assert_non_null(file);
	n = fread(found.text, 1, sizeof(found.text) - 1, file);
	fclose(file);
	found.text[n] = '\0';
	found.seen = (int)strtol(found.text, &end, 10);
	found.bad = (int)strtol(end, &end, 10);
	assert_int_equal(*end, '\n');
}

/* ---- the other end ---- */

static void peer_sends(struct ends *e, const void *data, size_t len)
{
	if (e->raw)
		t_send(e->peer, data, len);
	else
		wire_send(&e->w, WIRE_DATA, data, len, 0);
}

static void peer_expects(struct ends *e, const uint8_t *data, size_t len)
{
	static uint8_t buf[WIRE_MAX_RECORD];
	uint8_t type;

	for (size_t done = 0, n; done < len; done += n) {
		n = len - done < RECORD ? len - done : RECORD;
		if (e->raw) {
			t_recv(e->peer, buf, n);
		} else {
			n = wire_recv(&e->w, &type, buf);
			assert_int_equal(type, WIRE_DATA);
			assert_in_range(n, 1, len - done);
		}
		assert_memory_equal(buf, data + done, n);
	}
}

/* ---- acts ---- */

/* Room for a decrypted record is per CPU: another connection's record is in it for now. */
static void steal(void)
{
	int *fds = thieves[stolen % THIEVES];
	char c;

	if (stolen++ >= THIEVES)
		raw_close(fds);
	raw_pair(raw_13, OURS, OURS, fds);
	t_send(fds[0], flow_data(3), RECORD);
	t_await_acked(fds[0]);
	assert_int_equal(SYS(recv(fds[1], &c, 1, MSG_PEEK)), 1);
}

static void act_fill(struct ends *e)
{
	const uint8_t *data = flow_data(1);
	ssize_t n;
	size_t sent = 0;

	do {
		n = send(e->fd, data + sent, FILL - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			sent += (size_t)n;
	} while (n > 0 && sent < FILL);
	assert_true(sent > 0);
	peer_expects(e, data, sent);
}

static void act_small(struct ends *e)
{
	t_send(e->fd, "small", 5);
	peer_expects(e, (const uint8_t *)"small", 5);
}

static void act_open(struct ends *e)
{
	assert_int_equal(SYS(send(e->fd, "open", 4, MSG_MORE)), 4);
	t_send(e->fd, "ed", 2);
	peer_expects(e, (const uint8_t *)"opened", 6);
}

static void act_uncork(struct ends *e)
{
	int on = 1;

	assert_int_equal(SYS(send(e->fd, "open", 4, MSG_MORE)), 4);
	SYS(setsockopt(e->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	peer_expects(e, (const uint8_t *)"open", 4);
}

static void act_sendfile(struct ends *e)
{
	const uint8_t *data = flow_data(2);
	int file = (int)SYS(memfd_create("t_noio", MFD_CLOEXEC));
	off_t at = 0;

	assert_int_equal(SYS(write(file, data, 50000)), 50000);
	assert_int_equal(SYS(sendfile(e->fd, file, &at, 50000)), 50000);
	close(file);
	peer_expects(e, data, 50000);
}

static void act_recv(struct ends *e)
{
	peer_sends(e, flow_data(1), 2000);
	flow_expect(e->fd, flow_data(1), 2000);
}

/* Read by a user in the kernel */
static void act_read(struct ends *e)
{
	char fd[16];

	peer_sends(e, flow_data(1), 2000);
	t_await_acked(e->peer);
	snprintf(fd, sizeof(fd), "%d", e->fd);
	assert_true(t_write_file(READ, fd));
}

static void act_peek(struct ends *e)
{
	char c;

	peer_sends(e, "peek", 4);
	assert_int_equal(SYS(recv(e->fd, &c, 1, MSG_PEEK)), 1);
	t_expect(e->fd, "peek");
}

static void act_ask(struct ends *e)
{
	int n;

	peer_sends(e, "ask", 3);
	t_await_acked(e->peer);
	SYS(ioctl(e->fd, FIONREAD, &n));
	t_expect(e->fd, "ask");
}

static void act_splice(struct ends *e)
{
	uint8_t buf[2000];
	int via[2];

	SYS(pipe2(via, O_CLOEXEC));
	peer_sends(e, flow_data(1), sizeof(buf));
	assert_int_equal(SYS(splice(e->fd, NULL, via[1], NULL, sizeof(buf), 0)), sizeof(buf));
	assert_int_equal(SYS(read(via[0], buf, sizeof(buf))), sizeof(buf));
	assert_memory_equal(buf, flow_data(1), sizeof(buf));
	close(via[0]);
	close(via[1]);
}

static void act_poll(struct ends *e)
{
	peer_sends(e, "poll", 4);
	/* which allocates nothing of its own, as epoll_ctl() would */
	t_wait(e->fd, POLLIN);
	t_expect(e->fd, "poll");
}

/* What came of a record is moved, by a worker of the kernel */
static void act_stage(struct ends *e)
{
	static uint8_t record[WIRE_MAX_RECORD];
	size_t len = wire_seal(&e->w.rx, record, WIRE_DATA, flow_data(1), RECORD, 0);

	t_send(e->peer, record, 12000);
	t_await_acked(e->peer);
	t_send(e->peer, record + 12000, len - 12000);
	flow_expect(e->fd, flow_data(1), RECORD);
}

static void act_asked_to_update(struct ends *e)
{
	wire_send(&e->w, WIRE_HANDSHAKE, request, 5, 0);
	wire_update(&e->w.rx);
	peer_sends(e, "three", 5);
	t_expect(e->fd, "three");
	wire_expect(&e->w, WIRE_HANDSHAKE, update, 5);
	wire_update(&e->w.tx);
}

static void act_update(struct ends *e)
{
	int both = 1;

	SYS(setsockopt(e->fd, SOL_KSCHANNEL, KSC_REKEY, &both, sizeof(both)));
	wire_expect(&e->w, WIRE_HANDSHAKE, request, 5);
	wire_update(&e->w.tx);
	wire_send(&e->w, WIRE_HANDSHAKE, update, 5, 0);
	wire_update(&e->w.rx);
	peer_sends(e, "five", 4);
	t_expect(e->fd, "five");
}

static void act_keys(struct ends *e)
{
	struct raw_keys there = raw_keys(raw_13, 2 * ++e->generation, 0);
	struct raw_keys back = raw_keys(raw_13, 2 * e->generation + 1, 0);

	raw_set(e->fd, TLS_TX, &there);
	raw_set(e->peer, TLS_RX, &there);
	raw_set(e->fd, TLS_RX, &back);
	raw_set(e->peer, TLS_TX, &back);
	t_exchange(e->fd, e->peer);
}

static void act_shut(struct ends *e)
{
	SYS(shutdown(e->fd, SHUT_WR));
	wire_expect_alert(&e->w, 1, 0);
	t_expect_eof(e->peer);
}

/* close() sends an open record; not in raw mode, as with in-tree kTLS. */
static void act_close(struct ends *e)
{
	assert_int_equal(SYS(send(e->fd, "open", 4, MSG_MORE)), 4);
	SYS(close(e->fd));
	e->fd = -1;
	if (!e->raw) {
		peer_expects(e, (const uint8_t *)"open", 4);
		wire_expect_alert(&e->w, 1, 0);
	}
	t_expect_eof(e->peer);
}

/**
 * struct act - what is done with a connection
 * @name: for people
 * @run: does it, perhaps several times
 * @when: which mode has it, and whether it is the connection's end
 */
struct act {
	const char *name;
	void (*run)(struct ends *e);
	unsigned int when;
};

#define IN_RAW 1
#define MANAGED 2
#define LAST 4
#define BOTH (IN_RAW | MANAGED)

static const struct act acts[] = {
	{ "send much", act_fill, BOTH },
	{ "send little", act_small, BOTH },
	{ "send an open record", act_open, BOTH },
	{ "uncork", act_uncork, MANAGED },
	{ "send a file", act_sendfile, BOTH },
	{ "receive", act_recv, BOTH },
	{ "receive in the kernel", act_read, MANAGED },
	{ "peek", act_peek, BOTH },
	{ "ask for how much there is", act_ask, MANAGED },
	{ "splice", act_splice, BOTH },
	{ "poll", act_poll, BOTH },
	{ "a record that comes in parts", act_stage, MANAGED },
	{ "an update that is asked for", act_asked_to_update, MANAGED },
	{ "an update", act_update, MANAGED },
	{ "other keys", act_keys, IN_RAW },
	{ "shutdown", act_shut, MANAGED | LAST },
	{ "close", act_close, BOTH | LAST },
};

static void begin(struct ends *e, bool raw)
{
	*e = (struct ends){ .raw = raw };
	if (raw) {
		int fds[2];

		raw_pair(raw_13, OURS, OURS, fds);
		e->fd = fds[0];
		e->peer = fds[1];
	} else {
		wire_start(&e->w, wire_suite(WIRE_13, 0x1301), 1);
		e->fd = e->w.fd;
		e->peer = e->w.peer;
	}
}

static void end(struct ends *e)
{
	if (e->fd >= 0)
		close(e->fd);
	close(e->peer);
}

/* Returns how much of what was allocated could have waited. */
static int perform(const struct act *act, bool raw, const char *how)
{
	int tries = 0, size = BUFFER, others[2];
	struct stall s;
	struct ends e;

	begin(&e, raw);
	raw_pair(raw_13, OURS, OURS, others);
	if (act->run == act_stage)
		SYS(setsockopt(e.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	do {
		steal();
		/* and the page that small records are built in */
		stall_send(&s, others[0]);
		if (raw)
			watch(e.peer, how);
		watch(e.fd, how);
		act->run(&e);
		look();
		stall_end(&s);
		/* with data there already, another task ran in between */
	} while (!found.seen && !(act->when & LAST) && ++tries < TRIES);
	end(&e);
	raw_close(others);
	print_message("# %s, %s: %d allocated, %d of them could have waited\n", how, act->name,
		      found.seen, found.bad);
	assert_true(found.seen > 0);
	return found.bad;
}

static const char *const hows[] = { "kernel", "nofs", "noio", "atomic" };

static void test_acts(void **state)
{
	const bool raw = (uintptr_t)*state & 1;
	const char *how = hows[(uintptr_t)*state / 2];
	uint64_t staged = tnl_counter(KSC_A_STATS_RX_STAGED);
	bool free = how == hows[0];
	int bad = 0, n;

	stall_needed();
	for (size_t i = 0; i < ARRAY_SIZE(acts); i++) {
		if (!(acts[i].when & (raw ? IN_RAW : MANAGED)))
			continue;
		n = perform(&acts[i], raw, how);
		if (n && !free)
			print_error("%s, %s: %s", how, acts[i].name, found.text);
		bad += n;
	}
	/* where all is allowed there is something to be seen */
	assert_true(free == (bad > 0));
	if (!raw)
		assert_true(tnl_counter(KSC_A_STATS_RX_STAGED) > staged);
}

/* What is a CPU's own is always the same CPU's. */
static int setup(void **state)
{
	cpu_set_t one;
	int cpu = 0;

	t_setup(state);
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	stolen = 0;
	return sched_setaffinity(0, sizeof(one), &one);
}

static int teardown(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < stolen && i < THIEVES; i++)
		raw_close(thieves[i]);
	return sched_setaffinity(0, sizeof(all), &all);
}

#define CASE(name, raw, how)                                                                       \
	{                                                                                          \
		name, test_acts, setup, teardown, (void *)(uintptr_t)((raw) + 2 * (how))           \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE("anything, managed", 0, 0), CASE("anything, raw", 1, 0),
		CASE("no file systems, managed", 0, 1), CASE("no file systems, raw", 1, 1),
		CASE("no devices, managed", 0, 2), CASE("no devices, raw", 1, 2),
		CASE("no waiting, managed", 0, 3), CASE("no waiting, raw", 1, 3),
	};
	const char *here = getenv("KSC_TESTS");
	char command[128];
	int ret;

	snprintf(command, sizeof(command), "insmod %s/" MODULE, here ? here : "/opt/net");
	/* the rig builds it */
	if (t_shell(command))
		return getenv("KTAP") ? T_SKIP(tests, "there is no module for tests") : 1;
	ret = sched_getaffinity(0, sizeof(all), &all) || wire_begin() ? 1 : T_RUN(tests);
	if (wire_end())
		ret = 1;
	return t_shell("rmmod ksc_allocs") ? 1 : ret;
}
