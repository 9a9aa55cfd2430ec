// SPDX-License-Identifier: GPL-2.0-only
/*
 * Flags, options and ioctls that report or limit what is sent, queued, peeked at or waited
 * for.
 */
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "lib/flow.h"
#include "lib/held.h"
#include "lib/peer.h"

static void set_int(int fd, int level, int option, int value)
{
	SYS(setsockopt(fd, level, option, &value, sizeof(value)));
}

static int get_ioctl(int fd, unsigned long request)
{
	int n = -1;

	SYS(ioctl(fd, request, &n));
	return n;
}

/* Is there something to read within this time? */
static bool comes(int fd, int ms)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return SYS(poll(&pfd, 1, ms)) == 1;
}

/*
 * Held back, and for how long: at best of many times, as this machine may be too busy to
 * look in time.
 */
#define TRIES 50
#define SOON_MS 120

typedef void (*release_fn)(int fd);

static void expect_held_until(int fds[2], int flags, release_fn release)
{
	bool held = false, at_once = false;

	for (int i = 0; i < TRIES && !(held && at_once); i++) {
		int64_t start = t_now_ms(), sent;

		assert_int_equal(SYS(send(fds[0], "held", 4, flags)), 4);
		if (!comes(fds[1], 30))
			held = true;
		sent = t_now_ms();
		release(fds[0]);
		/* later it comes by itself */
		if (comes(fds[1], PATIENCE_S * 1000) && t_now_ms() - start < SOON_MS &&
		    sent - start < SOON_MS)
			at_once = true;
		t_expect(fds[1], "held");
		set_int(fds[0], IPPROTO_TCP, TCP_NODELAY, 0);
	}
	if (!held)
		fail_msg("was not held back");
	if (!at_once)
		fail_msg("was held back longer than asked");
}

static void uncork(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_CORK, 0);
}

static void no_delay(int fd)
{
	set_int(fd, IPPROTO_TCP, TCP_NODELAY, 1);
}

static void cork_again(int fd)
{
	uncork(fd);
	set_int(fd, IPPROTO_TCP, TCP_CORK, 1);
}

/* Until TCP_CORK is taken back; and what MSG_MORE holds until the same, or TCP_NODELAY. */
static void test_held(void **state)
{
	int fds[2];

	(void)state;
	flow_pair(fds);
	expect_held_until(fds, MSG_MORE, uncork);
	expect_held_until(fds, MSG_MORE, no_delay);
	set_int(fds[0], IPPROTO_TCP, TCP_CORK, 1);
	expect_held_until(fds, 0, cork_again);
	expect_held_until(fds, MSG_MORE, cork_again);
	uncork(fds[0]);
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* Without any further call, what is held is sent in the end, as with TCP. */
static void test_not_for_good(void **state)
{
	int fds[2];

	(void)state;
	flow_pair(fds);
	assert_int_equal(SYS(send(fds[0], "more", 4, MSG_MORE)), 4);
	t_expect(fds[1], "more");
	/* once more, from the beginning */
	assert_int_equal(SYS(send(fds[0], "ag", 2, MSG_MORE)), 2);
	assert_int_equal(SYS(send(fds[0], "ain", 3, MSG_MORE)), 3);
	t_expect(fds[1], "again");
	set_int(fds[0], IPPROTO_TCP, TCP_CORK, 1);
	t_send(fds[0], "corked", 6);
	t_expect(fds[1], "corked");
	assert_int_equal(SYS(send(fds[0], "both", 4, MSG_MORE)), 4);
	t_expect(fds[1], "both");
	flow_close(fds);
}

/* Retransmissions, when the guest was paused, are not the program's. */
static unsigned int segments(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return info.tcpi_data_segs_out - info.tcpi_total_retrans;
}

static unsigned int segments_of_small_writes(int fds[2])
{
	unsigned int before = segments(fds[0]);
	char buf[20 * 10];

	for (int i = 0; i < 20; i++)
		t_send(fds[0], "0123456789", 10);
	uncork(fds[0]);
	t_recv(fds[1], buf, sizeof(buf));
	return segments(fds[0]) - before;
}

/* Small writes: each on its own way with TCP_NODELAY, together with TCP_CORK. */
static void test_small_writes(void **state)
{
	unsigned int corked = 20, alone = 0;
	int fds[2];

	(void)state;
	flow_pair(fds);
	set_int(fds[0], IPPROTO_TCP, TCP_NODELAY, 1);
	/* TCP's autocorking merges what finds the link busy */
	for (int i = 0; i < TRIES && alone < 20; i++)
		alone = segments_of_small_writes(fds);
	assert_true(alone >= 20);
	set_int(fds[0], IPPROTO_TCP, TCP_NODELAY, 0);
	for (int i = 0; i < TRIES && corked >= 10; i++) {
		set_int(fds[0], IPPROTO_TCP, TCP_CORK, 1);
		corked = segments_of_small_writes(fds);
	}
	assert_true(corked < 10);
	/* and as it is by default: whatever Nagle makes of it */
	segments_of_small_writes(fds);
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

/* MSG_EOR ends a record, even with MSG_MORE. */
static void test_eor(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true };
	struct peer_records records;
	int64_t since, took;

	(void)state;
	do {
		struct peer peer = { .arg = &records };
		int fd = peer_serve(&peer, &conf, peer_note_records);

		since = t_ticks_ms();
		assert_int_equal(SYS(send(fd, "one", 3, MSG_EOR)), 3);
		assert_int_equal(SYS(send(fd, "two ", 4, MSG_MORE)), 4);
		assert_int_equal(SYS(send(fd, "three", 5, MSG_MORE | MSG_EOR)), 5);
		assert_int_equal(SYS(send(fd, "four", 4, MSG_MORE | MSG_EOR)), 4);
		assert_int_equal(SYS(send(fd, "five ", 5, MSG_MORE)), 5);
		assert_int_equal(SYS(send(fd, "six", 3, MSG_EOR)), 3);
		took = t_ticks_ms() - since;
		SYS(shutdown(fd, SHUT_WR));
		t_expect_eof(fd);
		close(fd);
		peer_join(&peer);
		/* data that waits for more is sent after a while */
	} while (took >= HELD_MS);
	assert_string_equal(records.text, "one|two three|four|five six|");
}

/* A peek shows all records that have come, up to eight, and takes nothing. */
static void test_peek(void **state)
{
	const uint8_t *data = flow_data(1);
	static uint8_t buf[100000];
	const int room = 1 << 20;
	int fds[2];

	(void)state;
	flow_pair(fds);
	/* what is decrypted ahead counts: there is room for all that may be */
	SYS(setsockopt(fds[1], SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)));
	t_send(fds[0], data, 40000);
	assert_int_equal(SYS(recv(fds[1], buf, 40000, MSG_PEEK | MSG_WAITALL)), 40000);
	assert_memory_equal(buf, data, 40000);
	/* over a border, from within a record */
	flow_expect(fds[1], data, 16000);
	assert_int_equal(SYS(recv(fds[1], buf, 1000, MSG_PEEK)), 1000);
	assert_memory_equal(buf, data + 16000, 1000);
	assert_int_equal(SYS(recv(fds[1], buf, 40000, MSG_PEEK)), 24000);
	assert_memory_equal(buf, data + 16000, 24000);
	flow_expect(fds[1], data + 16000, 24000);
	/* each in a record of its own */
	set_int(fds[0], IPPROTO_TCP, TCP_NODELAY, 1);
	for (int i = 0; i < 20; i++)
		t_send(fds[0], data + i, 1);
	/* with no way to see more it does not wait */
	assert_int_equal(SYS(recv(fds[1], buf, 20, MSG_PEEK | MSG_WAITALL)), 8);
	assert_memory_equal(buf, data, 8);
	flow_expect(fds[1], data, 5);
	assert_int_equal(SYS(recv(fds[1], buf, 20, MSG_PEEK | MSG_WAITALL)), 8);
	assert_memory_equal(buf, data + 5, 8);
	flow_expect(fds[1], data + 5, 15);
	flow_close(fds);
}

static void test_peek_off(void **state)
{
	int fds[2], offset = 1;

	(void)state;
	flow_pair(fds);
	/* refused rather than not minded */
	FAILS(setsockopt(fds[0], SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof(offset)), EOPNOTSUPP);
	flow_close(fds);
}

static void test_trunc(void **state)
{
	const uint8_t *data = flow_data(2);
	int fds[2];

	(void)state;
	flow_pair(fds);
	t_send(fds[0], data, 40000);
	/* nothing is copied, with MSG_PEEK either */
	assert_int_equal(SYS(recv(fds[1], NULL, 40000, MSG_TRUNC | MSG_PEEK | MSG_WAITALL)),
			 40000);
	assert_int_equal(SYS(recv(fds[1], NULL, 17000, MSG_TRUNC | MSG_WAITALL)), 17000);
	flow_expect(fds[1], data + 17000, 23000);
	FAILS(recv(fds[1], NULL, 1, MSG_TRUNC | MSG_DONTWAIT), EAGAIN);
	flow_close(fds);
}

/* MSG_WAITALL over borders of records, of which the last comes late. */
static void test_waitall(void **state)
{
	const uint8_t *data = flow_data(3);
	struct flow out = { .data = data, .len = 100000, .step = 7001, .pause_ms = 5 };
	static uint8_t got[100000];
	int fds[2];

	(void)state;
	flow_pair(fds);
	out.fd = fds[1];
	flow_send(&out);
	assert_int_equal(SYS(recv(fds[0], got, sizeof(got), MSG_WAITALL)), sizeof(got));
	assert_memory_equal(got, data, sizeof(got));
	flow_join(&out);
	flow_close(fds);
}

/* A reader wants to be woken for so many bytes of data, not of what protects them. */
static void test_rcvlowat(void **state)
{
	static uint8_t buf[50000];
	struct flow out = { .data = flow_data(0), .len = 600, .step = 100, .pause_ms = 20 };
	int fds[2];
	ssize_t n;

	(void)state;
	flow_pair(fds);
	t_exchange(fds[0], fds[1]);
	set_int(fds[1], SOL_SOCKET, SO_RCVLOWAT, 500);
	t_send(fds[0], flow_data(0), 499);
	t_await_acked(fds[0]);
	assert_false(comes(fds[1], 300));
	/* a reader that asks gets it */
	assert_int_equal(SYS(recv(fds[1], buf, 500, MSG_PEEK | MSG_DONTWAIT)), 499);
	assert_false(comes(fds[1], 0));
	t_send(fds[0], flow_data(0) + 499, 1);
	assert_true(comes(fds[1], PATIENCE_S * 1000));
	flow_expect(fds[1], flow_data(0), 400);
	assert_false(comes(fds[1], 0));
	flow_expect(fds[1], flow_data(0) + 400, 100);
	/* a read that waits, waits for that much */
	out.fd = fds[0];
	flow_send(&out);
	n = SYS(recv(fds[1], buf, sizeof(buf), 0));
	assert_in_range(n, 500, 600);
	flow_join(&out);
	flow_expect(fds[1], flow_data(0) + n, 600 - (size_t)n);
	/* more than records are decrypted ahead, and the end of the data */
	set_int(fds[1], SOL_SOCKET, SO_RCVLOWAT, 50000);
	t_send(fds[0], flow_data(1), 40000);
	assert_false(comes(fds[1], 300));
	t_send(fds[0], flow_data(1) + 40000, 10000);
	assert_true(comes(fds[1], PATIENCE_S * 1000));
	flow_expect(fds[1], flow_data(1), 50000);
	t_send(fds[0], "end", 3);
	assert_false(comes(fds[1], 100));
	SYS(shutdown(fds[0], SHUT_WR));
	assert_true(comes(fds[1], PATIENCE_S * 1000));
	t_expect(fds[1], "end");
	t_expect_eof(fds[1]);
	flow_close(fds);
}

/* More than a buffer can hold: a full buffer has to do. */
static void test_rcvlowat_beyond(void **state)
{
	struct flow out = { .data = flow_data(0), .len = FLOW_MAX }, in = out;
	int fds[2];

	(void)state;
	flow_pair(fds);
	flow_small_buffers(fds, 8192);
	set_int(fds[1], SOL_SOCKET, SO_RCVLOWAT, FLOW_MAX);
	out.fd = fds[0];
	in.fd = fds[1];
	in.step = 100000;
	flow_send(&out);
	assert_true(comes(fds[1], PATIENCE_S * 1000));
	flow_recv(&in);
	flow_join(&out);
	flow_join(&in);
	flow_close(fds);
}

/* SIOCINQ is what a read gives at once. */
static void test_inq(void **state)
{
	static uint8_t buf[20000];
	int fds[2];

	(void)state;
	flow_pair(fds);
	assert_int_equal(get_ioctl(fds[1], SIOCINQ), 0);
	t_send(fds[0], flow_data(0), 20000);
	t_recv(fds[1], buf, 1);
	assert_int_equal(get_ioctl(fds[1], SIOCINQ), 16383);
	assert_int_equal(SYS(recv(fds[1], buf, 19999, MSG_PEEK | MSG_WAITALL)), 19999);
	assert_int_equal(get_ioctl(fds[1], SIOCINQ), 19999);
	t_recv(fds[1], buf, 19999);
	assert_int_equal(get_ioctl(fds[1], SIOCINQ), 0);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	assert_int_equal(get_ioctl(fds[1], SIOCINQ), 0);
	flow_close(fds);
}

static int inquire(int fd)
{
	return get_ioctl(fd, SIOCINQ);
}

static int detach(int fd)
{
	socklen_t len = 0;

	return getsockopt(fd, SOL_KSCHANNEL, KSC_DETACH, NULL, &len);
}

/* Pollers are woken for records that a non-reading call has decrypted: nothing else would. */
static void test_rcvlowat_opened(void **state)
{
	const struct {
		int (*call)(int fd);
		int gives;
	} ways[] = { { inquire, 500 }, { detach, -1 } };
	int fds[2];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		flow_pair(fds);
		t_exchange(fds[0], fds[1]);
		set_int(fds[1], SOL_SOCKET, SO_RCVLOWAT, 500);
		t_send(fds[0], flow_data(0), 500);
		t_await_acked(fds[0]);
		assert_int_equal(ways[i].call(fds[1]), ways[i].gives);
		assert_true(comes(fds[1], PATIENCE_S * 1000));
		flow_expect(fds[1], flow_data(0), 500);
		flow_close(fds);
	}
}

static void await_outq(int fd, int want)
{
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	int n;

	while ((n = get_ioctl(fd, SIOCOUTQ)) != want) {
		if (t_now_ms() > end)
			fail_msg("%d bytes, not %d", n, want);
		usleep(1000);
	}
}

/* SIOCOUTQ is 0 when the peer's TCP has everything, and not before. */
static void test_outq(void **state)
{
	size_t sent;
	int fds[2], n;

	(void)state;
	flow_pair(fds);
	await_outq(fds[0], 0);
	set_int(fds[0], IPPROTO_TCP, TCP_CORK, 1);
	assert_int_equal(SYS(send(fds[0], "open", 4, MSG_MORE)), 4);
	n = get_ioctl(fds[0], SIOCOUTQ);
	/* it may have waited long enough already, on a busy machine */
	if (!comes(fds[1], 0)) {
		assert_true(n >= 4 + 5);
		assert_true(n < 100);
	}
	uncork(fds[0]);
	t_expect(fds[1], "open");
	await_outq(fds[0], 0);
	flow_small_buffers(fds, 16384);
	sent = flow_fill(fds[0], flow_data(0));
	n = get_ioctl(fds[0], SIOCOUTQ);
	assert_true(get_ioctl(fds[0], SIOCOUTQNSD) <= n);
	/* what the peer's buffer took is acknowledged, the rest is here */
	assert_true(n > 0);
	flow_expect(fds[1], flow_data(0), sent);
	await_outq(fds[0], 0);
	assert_int_equal(get_ioctl(fds[0], SIOCOUTQNSD), 0);
	flow_close(fds);
}

/* TCP_INQ tells with each read what SIOCINQ would. */
static void test_tcp_inq(void **state)
{
	char control[CMSG_SPACE(sizeof(int))], buf[10];
	struct iovec iov = { .iov_base = buf, .iov_len = 4 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	int fds[2], inq;

	(void)state;
	flow_pair(fds);
	set_int(fds[1], IPPROTO_TCP, TCP_INQ, 1);
	t_send(fds[0], "0123456789", 10);
	assert_int_equal(SYS(recvmsg(fds[1], &msg, 0)), 4);
	cmsg = CMSG_FIRSTHDR(&msg);
	assert_non_null(cmsg);
	assert_int_equal(cmsg->cmsg_level, IPPROTO_TCP);
	assert_int_equal(cmsg->cmsg_type, TCP_CM_INQ);
	memcpy(&inq, CMSG_DATA(cmsg), sizeof(inq));
	assert_int_equal(inq, 6);
	t_expect(fds[1], "456789");
	flow_close(fds);
}

static void test_oob(void **state)
{
	int fds[2];
	char c;

	(void)state;
	flow_pair(fds);
	FAILS(send(fds[0], "!", 1, MSG_OOB), EOPNOTSUPP);
	FAILS(recv(fds[1], &c, 1, MSG_OOB), EINVAL);
	for (int on = 0; on < 2; on++) {
		set_int(fds[1], SOL_SOCKET, SO_OOBINLINE, on);
		FAILS(recv(fds[1], &c, 1, MSG_OOB), EINVAL);
		t_exchange(fds[0], fds[1]);
	}
	flow_close(fds);
}

/* Whole records as a peer's TCP marks them: the last byte of each is urgent. */
static void *mark_all(void *arg)
{
	int *fds = arg;
	uint8_t buf[65536];
	ssize_t n;

	while ((n = recv(fds[0], buf, sizeof(buf), 0)) > 0)
		if (send(fds[1], buf, (size_t)n, MSG_OOB | MSG_NOSIGNAL) != n)
			break;
	shutdown(fds[1], SHUT_WR);
	return NULL;
}

/* A host on the path marks bytes as urgent, from the first: they are bytes like others. */
static void test_urgent(void **state)
{
	int listeners[2], client, server, between[2], back[2];
	struct pollfd pfd = { .events = POLLIN | POLLPRI };
	struct t_addr addrs[2];
	pthread_t threads[2];
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	struct flow in;

	(void)state;
	listeners[0] = t_listen(AF_INET, NULL, &addrs[0]);
	listeners[1] = t_listen(AF_INET, &t_server, &addrs[1]);
	client = t_try_connect(&addrs[0], &opts);
	assert_int_equal(errno, EINPROGRESS);
	between[0] = t_accept(listeners[0]);
	between[1] = t_connect(&addrs[1], NULL);
	back[0] = between[1];
	back[1] = between[0];
	t_thread(&threads[0], mark_all, between);
	t_thread(&threads[1], mark_all, back);
	server = t_accept(listeners[1]);
	t_wait(client, POLLOUT);
	assert_int_equal(t_so_error(client), 0);
	t_nonblock(client, false);
	for (int i = 0; i < 20; i++)
		t_exchange(client, server);
	in = (struct flow){ .fd = client, .data = flow_data(0), .len = 300000, .step = 1000 };
	flow_recv(&in);
	t_send(server, flow_data(0), 300000);
	flow_join(&in);
	t_send(client, "mark", 4);
	pfd.fd = server;
	assert_int_equal(SYS(poll(&pfd, 1, PATIENCE_S * 1000)), 1);
	assert_int_equal(pfd.revents, POLLIN);
	t_expect(server, "mark");
	SYS(shutdown(client, SHUT_WR));
	t_expect_eof(server);
	SYS(shutdown(server, SHUT_WR));
	t_expect_eof(client);
	close(client);
	close(server);
	t_join(threads[0]);
	t_join(threads[1]);
	close(between[0]);
	close(between[1]);
	close(listeners[0]);
	close(listeners[1]);
}

#define VECTORS 1024

/* As many pieces as writev() takes, of all sizes from none up. */
static void test_vectors(void **state)
{
	static struct iovec out[VECTORS], in[VECTORS];
	static uint8_t got[FLOW_MAX];
	const uint8_t *data = flow_data(1);
	size_t len = 0, back = 0;
	struct flow flow;
	int fds[2];

	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		out[i].iov_base = (void *)(data + len);
		out[i].iov_len = i % 3 == 1 ? 0 : i % 511;
		in[i].iov_base = got + len;
		in[i].iov_len = out[i].iov_len;
		len += out[i].iov_len;
	}
	flow_pair(fds);
	flow = (struct flow){ .fd = fds[1], .data = data, .len = len };
	flow_recv(&flow);
	assert_int_equal(SYS(writev(fds[0], out, VECTORS)), len);
	flow_join(&flow);
	/* and the other way, with a page in single bytes */
	for (size_t i = 0; i < VECTORS; i++)
		in[i] = (struct iovec){ got + i, 1 };
	assert_int_equal(SYS(send(fds[1], data, VECTORS, 0)), VECTORS);
	while (back < VECTORS)
		back += (size_t)SYS(readv(fds[0], in + back, (int)(VECTORS - back)));
	assert_memory_equal(got, data, VECTORS);
	/* nothing but empty pieces */
	for (size_t i = 0; i < VECTORS; i++)
		in[i].iov_len = 0;
	assert_int_equal(SYS(writev(fds[0], in, VECTORS)), 0);
	assert_int_equal(SYS(readv(fds[1], in, VECTORS)), 0);
	t_exchange(fds[0], fds[1]);
	flow_close(fds);
}

#define BATCH 16

static void test_batches(void **state)
{
	static uint8_t got[BATCH][3000];
	struct mmsghdr out[BATCH] = { 0 }, in[BATCH] = { 0 };
	struct iovec iov_out[BATCH], iov_in[BATCH];
	const uint8_t *data = flow_data(2);
	int fds[2], n, back = 0;

	(void)state;
	for (size_t i = 0; i < BATCH; i++) {
		iov_out[i] = (struct iovec){ (void *)(data + i * 3000), 3000 };
		iov_in[i] = (struct iovec){ got[i], 3000 };
		out[i].msg_hdr = (struct msghdr){ .msg_iov = &iov_out[i], .msg_iovlen = 1 };
		in[i].msg_hdr = (struct msghdr){ .msg_iov = &iov_in[i], .msg_iovlen = 1 };
	}
	flow_pair(fds);
	assert_int_equal(SYS(sendmmsg(fds[0], out, BATCH, 0)), BATCH);
	for (int i = 0; i < BATCH; i++)
		assert_int_equal(out[i].msg_len, 3000);
	assert_int_equal(SYS(recvmmsg(fds[1], in, BATCH, MSG_WAITALL, NULL)), BATCH);
	assert_memory_equal(got, data, sizeof(got));
	/* what has come, and no more */
	assert_int_equal(SYS(sendmmsg(fds[0], out, 3, MSG_MORE)), 3);
	t_send(fds[0], "x", 1);
	while (back < 9001) {
		t_wait(fds[1], POLLIN);
		n = (int)SYS(recvmmsg(fds[1], in, BATCH, MSG_DONTWAIT, NULL));
		for (int i = 0; i < n; i++)
			back += (int)in[i].msg_len;
	}
	assert_int_equal(back, 9001);
	flow_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_held),	     cmocka_unit_test(test_not_for_good),
		cmocka_unit_test(test_small_writes), cmocka_unit_test(test_eor),
		cmocka_unit_test(test_peek),	     cmocka_unit_test(test_peek_off),
		cmocka_unit_test(test_trunc),	     cmocka_unit_test(test_waitall),
		cmocka_unit_test(test_rcvlowat),     cmocka_unit_test(test_rcvlowat_beyond),
		cmocka_unit_test(test_inq),	     cmocka_unit_test(test_outq),
		cmocka_unit_test(test_tcp_inq),	     cmocka_unit_test(test_oob),
		cmocka_unit_test(test_urgent),	     cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_batches),	     cmocka_unit_test(test_rcvlowat_opened),
	};

	return T_RUN(tests);
}
