// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's own users of sockets: KCM, which splits a protected stream into messages. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/kcm.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/wire.h"

#define HEADER 4
/* KCM takes no message that is longer than the receive buffer. */
#define MESSAGE_MAX 40000
#define MESSAGES 60

/* A message is as long as its first four bytes say, which are not counted. */
static int length_filter(void)
{
	static const struct bpf_insn program[] = {
		/* r6 = the packet, which the load wants there */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_X, .dst_reg = 6, .src_reg = 1 },
		/* r0 = its first word: BPF_LD, which is 0 */
		{ .code = BPF_ABS | BPF_W, .imm = 0 },
		/* and the header: BPF_ADD is 0, too */
		{ .code = BPF_ALU64 | BPF_K, .dst_reg = 0, .imm = HEADER },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
		.insns = (uintptr_t)program,
		.insn_cnt = ARRAY_SIZE(program),
		.license = (uintptr_t)"GPL",
	};

	return (int)SYS(syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr)));
}

static bool have_kcm(void)
{
	int fd = socket(AF_KCM, SOCK_DGRAM, KCMPROTO_CONNECTED);

	if (fd >= 0)
		close(fd);
	return fd >= 0 || errno != EAFNOSUPPORT;
}

/* A KCM socket with one protected socket in it. */
static int kcm_on(int fd)
{
	struct kcm_attach attach = { .fd = fd };
	int kcm = (int)SYS(socket(AF_KCM, SOCK_DGRAM, KCMPROTO_CONNECTED));
	const struct timeval tv = { .tv_sec = PATIENCE_S };

	SYS(setsockopt(kcm, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	SYS(setsockopt(kcm, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	attach.bpf_fd = length_filter();
	SYS(ioctl(kcm, SIOCKCMATTACH, &attach));
	close(attach.bpf_fd);
	return kcm;
}

static size_t message_len(unsigned int number)
{
	return 1 + number * 15013 % MESSAGE_MAX;
}

static size_t message_of(uint8_t *to, unsigned int number, size_t len)
{
	uint32_t header = htonl((uint32_t)len);

	memcpy(to, &header, HEADER);
	memcpy(to + HEADER, flow_data(0) + number, len);
	return HEADER + len;
}

static size_t message(uint8_t *to, unsigned int number)
{
	return message_of(to, number, message_len(number));
}

/* All of them, one behind the other. */
static uint8_t *stream(size_t *len)
{
	uint8_t *all = malloc((size_t)MESSAGES * (HEADER + MESSAGE_MAX));

	*len = 0;
	assert_non_null(all);
	for (unsigned int i = 0; i < MESSAGES; i++)
		*len += message(all + *len, i);
	return all;
}

/**
 * struct sender - sends messages in a thread of its own
 * @fd: the socket
 * @step: at most so much at once; 0: each message as a whole
 * @ok: all went out
 * @thread: the thread
 */
struct sender {
	int fd;
	size_t step;
	bool ok;
	pthread_t thread;
};

/*
 * A message begins with a record: the kernel has a program that looks for its length look
 * at the first bytes of a packet, wherever in it the message begins.
 */
static void *send_messages(void *arg)
{
	struct sender *sender = arg;
	uint8_t *buf = malloc(HEADER + MESSAGE_MAX);

	for (unsigned int i = 0; i < MESSAGES; i++) {
		size_t len = message(buf, i), done = 0;

		while (done < len) {
			size_t n = len - done;

			if (sender->step && sender->step < n)
				n = sender->step;
			if (send(sender->fd, buf + done, n, MSG_NOSIGNAL) != (ssize_t)n) {
				free(buf);
				return NULL;
			}
			done += n;
		}
	}
	sender->ok = true;
	free(buf);
	return NULL;
}

static void expect_bytes(int kcm, const uint8_t *want, size_t len)
{
	static uint8_t got[HEADER + MESSAGE_MAX];
	ssize_t n = SYS(recv(kcm, got, sizeof(got), 0));

	if (n != (ssize_t)len)
		fail_msg("a message has %zd bytes, not %zu", n, len);
	assert_memory_equal(got, want, len);
}

static void expect_message(int kcm, unsigned int number)
{
	static uint8_t want[HEADER + MESSAGE_MAX];

	expect_bytes(kcm, want, message(want, number));
}

/* What is sent at once is a record of its own: a message begins where a record does. */
static void kcm_pair(int fds[2])
{
	const int on = 1;

	flow_pair(fds);
	SYS(setsockopt(fds[0], IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

/* Messages come whole, of however many records they are. */
static void test_recv(void **state)
{
	struct sender sender = { .step = (size_t)(uintptr_t)*state };
	int fds[2], kcm;

	kcm_pair(fds);
	kcm = kcm_on(fds[1]);
	sender.fd = fds[0];
	t_thread(&sender.thread, send_messages, &sender);
	for (unsigned int i = 0; i < MESSAGES; i++)
		expect_message(kcm, i);
	t_join(sender.thread);
	assert_true(sender.ok);
	close(kcm);
	flow_close(fds);
}

#define SLOW_MESSAGE 17500
#define SLOW_FIRST 997
#define SLOW_PIECE 100

/*
 * KCM has a message's first record, knows how much is missing, and looks again when there
 * is as much. The rest comes in records so small that what protects them counts: KCM looks
 * too early, and finds the message not whole. It has to look once more.
 */
static void test_rest(void **state)
{
	static uint8_t one[SLOW_MESSAGE];
	const struct timespec pause = { .tv_nsec = 5000000 };
	size_t len = message_of(one, 7, SLOW_MESSAGE - HEADER), n;
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	int fds[2], kcm, unread;
	uint64_t records;

	(void)state;
	kcm_pair(fds);
	kcm = kcm_on(fds[1]);
	records = tnl_find_socket(fds[1]).rx_records;
	t_send(fds[0], one, SLOW_FIRST);
	/* decrypted, and taken by KCM */
	for (;;) {
		SYS(ioctl(fds[1], SIOCINQ, &unread));
		if (!unread && tnl_find_socket(fds[1]).rx_records > records)
			break;
		assert_true(t_now_ms() < end);
		nanosleep(&pause, NULL);
	}
	for (size_t done = SLOW_FIRST; done < len; done += n) {
		n = len - done < SLOW_PIECE ? len - done : SLOW_PIECE;
		t_send(fds[0], one + done, n);
		/* time to look: a call that asked would take the lock, and change the result */
		nanosleep(&pause, NULL);
	}
	expect_bytes(kcm, one, len);
	t_send(fds[0], one, message(one, 3));
	expect_message(kcm, 3);
	close(kcm);
	flow_close(fds);
}

/* What had come, and was decrypted, before KCM took over. */
static void test_late(void **state)
{
	uint8_t first[HEADER + MESSAGE_MAX], c;
	int fds[2], kcm;

	(void)state;
	kcm_pair(fds);
	t_send(fds[0], first, message(first, 1));
	t_wait(fds[1], POLLIN);
	assert_int_equal(SYS(recv(fds[1], &c, 1, MSG_PEEK)), 1);
	kcm = kcm_on(fds[1]);
	expect_message(kcm, 1);
	t_send(fds[0], first, message(first, 2));
	expect_message(kcm, 2);
	close(kcm);
	flow_close(fds);
}

static const struct peer_conf client_13 = { .library = PEER_OPENSSL, .name = "server.test" };
static const struct peer_conf client_12 = { .library = PEER_OPENSSL, .name = "server.test",
					    .version = WIRE_12 };

static void greet_when_told(struct peer *peer)
{
	uint8_t one[HEADER + MESSAGE_MAX];
	char c;

	if (read(*(int *)peer->arg, &c, 1) != 1 || peer_handshake(peer) ||
	    peer_write(peer, one, message(one, 1)))
		return;
	peer_await_fin(peer);
}

/* KCM attached before the handshake began: the replaced callback no longer sees tokens. */
static void test_handshake(void **state)
{
	struct peer peer = { 0 };
	int listener, told[2], fd, kcm;
	struct t_addr addr;

	SYS(pipe(told));
	peer.arg = &told[0];
	listener = t_listen(AF_INET, &t_server, &addr);
	peer_connect(&peer, *state, &addr, greet_when_told);
	fd = t_accept(listener);
	close(listener);
	kcm = kcm_on(fd);
	assert_int_equal(SYS(write(told[1], "", 1)), 1);
	expect_message(kcm, 1);
	close(fd);
	close(kcm);
	peer_join(&peer);
	close(told[0]);
	close(told[1]);
}

/* More records without data than are dealt with at once: no other event brings the rest. */
static void test_empty(void **state)
{
	uint8_t one[HEADER + MESSAGE_MAX];
	struct wire w = { .role = KSC_ROLE_CLIENT };
	int kcm;

	(void)state;
	assert_int_equal(wire_begin(), 0);
	wire_start(&w, &wire_suites[0], 1);
	for (int i = 0; i < 200; i++)
		wire_send(&w, WIRE_DATA, NULL, 0, 0);
	wire_send(&w, WIRE_DATA, one, message(one, 0), 0);
	kcm = kcm_on(w.fd);
	expect_message(kcm, 0);
	close(kcm);
	wire_close(&w);
	assert_int_equal(wire_end(), 0);
}

/* Messages go out as a stream, with a peer that is slower than KCM. */
static void test_send(void **state)
{
	static uint8_t one[HEADER + MESSAGE_MAX];
	struct flow in = { .step = 7000, .pause_ms = 1 };
	uint8_t *all;
	int fds[2], kcm;

	kcm_pair(fds);
	if (*state)
		flow_small_buffers(fds, (int)(intptr_t)*state);
	kcm = kcm_on(fds[1]);
	all = stream(&in.len);
	in.data = all;
	in.fd = fds[0];
	flow_recv(&in);
	for (unsigned int i = 0; i < MESSAGES; i++) {
		size_t len = message(one, i);

		assert_int_equal(SYS(send(kcm, one, len, 0)), len);
	}
	flow_join(&in);
	close(kcm);
	flow_close(fds);
	free(all);
}

/* KCM lets go of the socket, which is as it was. */
static void test_let_go(void **state)
{
	uint8_t one[HEADER + MESSAGE_MAX];
	struct kcm_unattach unattach;
	int fds[2], kcm;

	(void)state;
	kcm_pair(fds);
	kcm = kcm_on(fds[1]);
	for (unsigned int i = 0; i < 5; i++) {
		t_send(fds[0], one, message(one, i));
		expect_message(kcm, i);
	}
	unattach.fd = fds[1];
	SYS(ioctl(kcm, SIOCKCMUNATTACH, &unattach));
	close(kcm);
	t_exchange(fds[0], fds[1]);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	t_send(fds[1], "end", 3);
	t_expect(fds[0], "end");
	flow_close(fds);
}

/* A socket that KCM took before it was connected, and that has been disconnected since */
static int taken_early(int *kcm)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	struct t_addr nobody;
	int deaf = t_listen(AF_INET, &t_server, &nobody), filler = t_deafen(deaf, &nobody);
	int fd = t_begin(&nobody, &t_client);

	*kcm = kcm_on(fd);
	SYS(connect(fd, &unspec, sizeof(unspec)));
	close(filler);
	close(deaf);
	/* of the connection that failed */
	t_so_error(fd);
	return fd;
}

static void let_go(int kcm, int fd)
{
	struct kcm_unattach unattach = { .fd = fd };

	SYS(ioctl(kcm, SIOCKCMUNATTACH, &unattach));
	close(kcm);
}

/*
 * KCM takes a socket that is not connected yet, and lets go of it when it has been
 * disconnected: what it puts back then was ours, and the next connection does not take it
 * for TCP's.
 */
static void test_disconnected(void **state)
{
	int kcm, fd = taken_early(&kcm), listener, child;
	struct t_addr addr;

	(void)state;
	let_go(kcm, fd);
	listener = t_listen(AF_INET, &t_server, &addr);
	t_begin_on(fd, &addr.ss, addr.len);
	child = t_accept(listener);
	t_finish(fd);
	t_finish(child);
	t_exchange(fd, child);
	close(child);
	close(fd);
	close(listener);
}

/* More than there is room for: a sender of all of it has to wait */
#define LOAD 400000

/**
 * struct waiter - a call that waits, in a thread of its own
 * @fd: the socket
 * @load: what to send; NULL: it receives
 * @tid: the thread
 * @n: what the call returned
 * @thread: the thread
 */
struct waiter {
	int fd;
	const void *load;
	atomic_int tid;
	ssize_t n;
	pthread_t thread;
};

static void *wait_in_call(void *arg)
{
	struct waiter *w = arg;
	char c;

	atomic_store(&w->tid, gettid());
	w->n = w->load ? send(w->fd, w->load, LOAD, MSG_NOSIGNAL) : recv(w->fd, &c, 1, 0);
	return NULL;
}

/* A thread that waits for the other end to write, or to read, is woken when it does */
static void expect_woken(int fd, int other)
{
	static uint8_t load[LOAD], got[LOAD];
	struct waiter reader = { .fd = fd }, writer = { .fd = fd, .load = load };
	const int room = 16384;

	t_thread(&reader.thread, wait_in_call, &reader);
	t_await_asleep(&reader.tid);
	t_send(other, "y", 1);
	t_join(reader.thread);
	assert_int_equal(reader.n, 1);
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)));
	t_thread(&writer.thread, wait_in_call, &writer);
	t_await_asleep(&writer.tid);
	t_recv(other, got, sizeof(got));
	t_join(writer.thread);
	assert_int_equal(writer.n, LOAD);
}

/* A listener whose callback KCM has replaced wakes no thread for a new child */
static int accept_unheard(int fd)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	while (!SYS(poll(&pfd, 1, 0))) {
		assert_true(t_now_ms() < end);
		nanosleep(&pause, NULL);
	}
	return t_accept(fd);
}

/*
 * The same socket listens: KCM's callbacks are on it or, when KCM has let go, ours. Its
 * children do not have them: they begin with TCP's.
 */
static void test_listens(void **state)
{
	int kcm, fd = taken_early(&kcm), client, child;
	struct t_addr addr = { .len = sizeof(struct sockaddr_in) };
	struct sockaddr_in *in = (struct sockaddr_in *)&addr.ss;

	if (*state)
		let_go(kcm, fd);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	SYS(bind(fd, (struct sockaddr *)in, sizeof(*in)));
	SYS(listen(fd, 4));
	SYS(getsockname(fd, (struct sockaddr *)in, &addr.len));
	for (int i = 0; i < 3; i++) {
		client = t_begin(&addr, &t_client);
		child = accept_unheard(fd);
		t_finish(client);
		t_finish(child);
		expect_woken(child, client);
		t_exchange(client, child);
		/* its end is reported, too */
		t_reset(client);
		t_wait(child, POLLHUP);
		close(child);
	}
	if (!*state)
		let_go(kcm, fd);
	close(fd);
}

/* The peer ends the stream, or breaks it: KCM's reader gets an error, and nothing leaks. */
static void test_end(void **state)
{
	uint8_t one[HEADER + MESSAGE_MAX];
	int fds[2], kcm;

	kcm_pair(fds);
	kcm = kcm_on(fds[1]);
	t_send(fds[0], one, message(one, 3));
	expect_message(kcm, 3);
	if (*state)
		t_reset(fds[0]);
	else
		close(fds[0]);
	close(fds[1]);
	close(kcm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("messages in", test_recv, 0),
		T_CASE("messages in, in small pieces", test_recv, 997),
		T_CASE("messages in, in pieces", test_recv, 10000),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_late),
		T_CASE("attached during the handshake", test_handshake, &client_13),
		T_CASE("attached during the handshake, TLS 1.2", test_handshake, &client_12),
		T_CASE("messages out", test_send, 0),
		T_CASE("messages out, small buffers", test_send, 16384),
		cmocka_unit_test(test_let_go),
		T_CASE("the peer closes", test_end, 0),
		T_CASE("the peer resets", test_end, 1),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_disconnected),
		T_CASE("listens with KCM's callbacks", test_listens, 0),
		T_CASE("listens with ours", test_listens, 1),
	};

	if (!have_kcm())
		return T_SKIP(tests, "this kernel has no KCM");
	return T_RUN(tests);
}
