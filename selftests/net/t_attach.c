// SPDX-License-Identifier: GPL-2.0-only
/* A context is attached to a socket, and a socket goes back to plaintext. */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/ctx.h"
#include "lib/peer.h"

#define RECORD_LEN 40
#define RECORDS 3

static struct ctx client, server;

/* Two plain sockets; the contexts have been through their handshake, on these or not */
static void plain_pair(int fds[2])
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
}

static void handshake(void)
{
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

static void protected_pair(int fds[2])
{
	handshake();
	plain_pair(fds);
	ctx_attach(&client, fds[0]);
	ctx_attach(&server, fds[1]);
}

/* Case 44: the tokens went another way than the records do. */
static void case_44_both(void **state)
{
	struct ksc_info info;
	int fds[2];

	(void)state;
	protected_pair(fds);
	t_exchange(fds[0], fds[1]);
	info = t_info(fds[0]);
	assert_int_equal(info.version, 0x0304);
	assert_int_equal(info.role, KSC_ROLE_CLIENT);
	assert_int_equal(info.cipher_suite, client.last.suite);
	assert_string_equal(info.server_name, "server.test");
	assert_int_equal(t_info(fds[1]).role, KSC_ROLE_SERVER);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void echo_with(const struct peer_conf *conf, size_t chunk)
{
	static uint8_t sent[100000], got[sizeof(sent)];
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	if (conf->server) {
		peer_accept(&peer, conf, listener, peer_echo);
		fd = t_connect(&addr, NULL);
		ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &t_client);
	} else {
		peer_connect(&peer, conf, &addr, peer_echo);
		fd = t_accept(listener);
		ctx_open(&client, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	}
	ctx_run(&client, fd, chunk);
	close(listener);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_attach(&client, fd);
	t_fill(sent, sizeof(sent), chunk);
	t_send(fd, sent, sizeof(sent) / 4);
	t_recv(fd, got, sizeof(sent) / 4);
	assert_memory_equal(sent, got, sizeof(sent) / 4);
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
}

/* Case 44: peers of either make, role and version; what is read at once is little, or all. */
static void case_44_peers(void **state)
{
	static const size_t chunks[] = { 0, 100, KSC_MAX_TOKEN };
	static const int versions[] = { 0x0303, 0x0304 };

	(void)state;
	for (size_t i = 0; i < 24; i++) {
		const struct peer_conf conf = {
			.library = i & 1 ? PEER_GNUTLS : PEER_OPENSSL,
			.server = i & 2,
			.version = versions[i >> 2 & 1],
		};

		echo_with(&conf, chunks[i >> 3]);
	}
}

/* Data right behind the Finished, and then the end */
static void send_records(struct peer *peer)
{
	uint8_t record[RECORD_LEN];

	if (peer_handshake(peer))
		return;
	for (int i = 0; i < RECORDS; i++) {
		memset(record, 'a' + i, sizeof(record));
		if (peer_write(peer, record, sizeof(record)))
			return;
	}
	if (!peer_close(peer))
		peer_await_fin(peer);
}

static void expect_records(int fd)
{
	uint8_t got[RECORD_LEN * RECORDS];

	t_recv(fd, got, sizeof(got));
	for (size_t i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], 'a' + i / RECORD_LEN);
	t_expect_eof(fd);
}

/* Cases 8 and 44: so many bytes come with the context, the rest is still in the socket. */
static size_t split_at(int version, size_t extra)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .version = version };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;
	size_t all;

	peer_connect(&peer, &conf, &addr, send_records);
	fd = t_accept(listener);
	close(listener);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_run(&server, fd, 0);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(server.in_len, 0);
	all = RECORDS * (RECORD_LEN + 5 + (version == 0x0304 ? 17 : 24)) +
	      (version == 0x0304 ? 24 : 31);
	if (extra > all)
		extra = all;
	if (extra)
		t_recv(fd, server.in, extra);
	server.in_len = extra;
	ctx_attach(&server, fd);
	expect_records(fd);
	SYS(shutdown(fd, SHUT_WR));
	close(fd);
	peer_join(&peer);
	return all;
}

static void test_split(void **state)
{
	size_t all = split_at(*(int *)*state, 0);

	/* around the first record's edges, and in between */
	for (size_t at = 1; at < all; at += at < 6 || (at > 60 && at < 72) ? 1 : 9)
		split_at(*(int *)*state, at);
	split_at(*(int *)*state, SIZE_MAX);
}

/* The peer has said all, and closed its side, before the socket gets its keys. */
static void test_half_closed(void **state)
{
	struct pollfd p = { .events = POLLRDHUP };
	int fds[2];

	(void)state;
	handshake();
	plain_pair(fds);
	ctx_attach(&client, fds[0]);
	t_send(fds[0], "early", 5);
	SYS(shutdown(fds[0], SHUT_WR));
	p.fd = fds[1];
	assert_int_equal(SYS(poll(&p, 1, PATIENCE_S * 1000)), 1);
	ctx_attach(&server, fds[1]);
	t_expect(fds[1], "early");
	t_expect_eof(fds[1]);
	t_send(fds[1], "late", 4);
	t_expect(fds[0], "late");
	close(fds[0]);
	close(fds[1]);
}

/* poll() knows of what came with the context. */
static void test_poll(void **state)
{
	int fds[2];

	(void)state;
	handshake();
	plain_pair(fds);
	ctx_attach(&client, fds[0]);
	t_send(fds[0], "early", 5);
	server.in_len = (size_t)SYS(recv(fds[1], server.in, sizeof(server.in), 0));
	ctx_attach(&server, fds[1]);
	t_wait(fds[1], POLLIN);
	t_expect(fds[1], "early");
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/* Keys as the daemon hands them out */
static int try_attach(int fd, int key)
{
	const struct ksc_attach a = { .fd = key };

	return setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, &a, sizeof(a));
}

static void test_refused(void **state)
{
	const size_t size = sizeof(struct ksc_attach);
	struct ksc_attach a = { 0 };
	int fds[2], other[2], null, unconnected, copy;

	(void)state;
	plain_pair(fds);
	t_attach(fds[0]);
	t_attach(fds[1]);
	handshake();
	a.fd = client.key;
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_ATTACH, &a, size - 1), EINVAL);
	a.pad = 1;
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_ATTACH, &a, size), EINVAL);
	FAILS(try_attach(fds[0], -1), EBADF);
	null = (int)SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
	FAILS(try_attach(fds[0], null), EBADFD);
	close(null);
	FAILS(try_attach(fds[0], null), EBADF);
	FAILS(try_attach(fds[0], fds[1]), EBADFD);
	FAILS(try_attach(fds[0], ctx_sock.fd), EBADFD);
	unconnected = t_plain(AF_INET);
	t_attach(unconnected);
	FAILS(ctx_try_attach(&client, unconnected), ENOTCONN);
	close(unconnected);
	t_pair(AF_INET, other);
	FAILS(ctx_try_attach(&client, other[0]), EBUSY);
	t_exchange(other[0], other[1]);
	/* none of that did any harm */
	copy = (int)SYS(dup(client.key));
	SYS(ctx_try_attach(&client, fds[0]));
	SYS(ctx_try_attach(&server, fds[1]));
	t_exchange(fds[0], fds[1]);
	FAILS(ctx_try_attach(&client, fds[0]), ESTALE);
	close(other[0]);
	close(other[1]);
	/* other descriptors of the same keys are stale */
	plain_pair(other);
	t_attach(other[0]);
	FAILS(try_attach(other[0], copy), ESTALE);
	FAILS(try_attach(other[0], client.key), ESTALE);
	close(copy);
	t_exchange(fds[0], fds[1]);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(other[i]);
	}
}

/* A descriptor of keys tells what they are for, and nothing of them. */
static void test_info(void **state)
{
	struct ksc_info info, of_socket;
	union {
		struct ksc_info info;
		uint8_t bytes[2 * sizeof(struct ksc_info)];
	} room;
	char *mapped, byte;
	int fds[2];

	(void)state;
	handshake();
	memset(&room, 0xff, sizeof(room));
	SYS(ioctl(client.key, KSC_KEY_INFO, &room.info));
	info = room.info;
	assert_int_equal(room.bytes[sizeof(info)], 0xff);
	assert_int_equal(info.version, 0x0304);
	assert_int_equal(info.cipher_suite, client.last.suite);
	assert_int_equal(info.role, KSC_ROLE_CLIENT);
	assert_true(info.flags & KSC_INFO_F_PEER_CERT);
	assert_string_equal(info.server_name, "server.test");
	assert_string_equal(info.peer_subject, "CN=server.test");
	/* it is no file to be read, written, or mapped */
	FAILS(read(client.key, &byte, 1), EINVAL);
	FAILS(write(client.key, &byte, 1), EBADF);
	mapped = mmap(NULL, 4096, PROT_READ, MAP_SHARED, client.key, 0);
	assert_ptr_equal(mapped, MAP_FAILED);
	FAILS(ioctl(client.key, FIONREAD, &byte), ENOTTY);
	FAILS(ioctl(client.key, KSC_KEY_INFO, NULL), EFAULT);
	assert_true(fcntl(client.key, F_GETFD) & FD_CLOEXEC);

	plain_pair(fds);
	t_attach(fds[0]);
	SYS(ctx_try_attach(&client, fds[0]));
	of_socket = t_info(fds[0]);
	/* but for what only an established one is */
	info.phase = of_socket.phase;
	assert_memory_equal(&info, &of_socket, sizeof(info));
	FAILS(ioctl(client.key, KSC_KEY_INFO, &info), ESTALE);
	close(fds[0]);
	close(fds[1]);
}

static void close_notify(int fd)
{
	int one = 1;

	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_CLOSE_NOTIFY, &one, sizeof(one)));
}

static int try_detach(int fd, void *data, socklen_t *len)
{
	return getsockopt(fd, SOL_KSCHANNEL, KSC_DETACH, data, len);
}

static void detach(int fd)
{
	socklen_t len = 0;

	SYS(try_detach(fd, NULL, &len));
	assert_int_equal(len, 0);
}

static void test_detach(void **state)
{
	char text[64];
	socklen_t len = sizeof(text);
	int fds[2];

	(void)state;
	plain_pair(fds);
	t_attach(fds[0]);
	FAILS(try_detach(fds[0], text, &len), ENOTCONN);
	t_attach(fds[1]);
	handshake();
	SYS(ctx_try_attach(&client, fds[0]));
	SYS(ctx_try_attach(&server, fds[1]));
	t_exchange(fds[0], fds[1]);
	FAILS(try_detach(fds[0], text, &len), EBUSY);
	t_send(fds[0], "last words", 10);
	close_notify(fds[0]);
	FAILS(send(fds[0], "x", 1, MSG_NOSIGNAL), EPIPE);
	FAILS(try_detach(fds[0], text, &len), EBUSY);
	/* the other direction still goes on */
	t_send(fds[1], "not mine", 8);
	close_notify(fds[1]);
	t_await_acked(fds[1]);
	FAILS(try_detach(fds[1], text, &len), EBUSY);
	t_expect(fds[1], "last words");
	t_expect_eof(fds[1]);
	t_expect(fds[0], "not mine");
	detach(fds[0]);
	/* plaintext, while the other end has yet to detach */
	t_send(fds[0], "plain", 5);
	detach(fds[1]);
	t_expect(fds[1], "plain");
	t_exchange(fds[0], fds[1]);
	FAILS(try_detach(fds[0], text, &len), EOPNOTSUPP);
	SYS(shutdown(fds[0], SHUT_WR));
	t_expect_eof(fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/*
 * It has spoken TLS once, so it can't be disconnected for another use. But it
 * can be reset, for which TCP has the same way.
 */
static void test_detach_again(void **state)
{
	const struct sockaddr unspec = { .sa_family = AF_UNSPEC };
	int fds[2];
	char c;

	(void)state;
	for (int i = 0; i < 4; i++) {
		/* with a context's keys, and with a handshake of its own */
		if (i & 1)
			t_pair(AF_INET, fds);
		else
			protected_pair(fds);
		t_exchange(fds[0], fds[1]);
		close_notify(fds[0]);
		close_notify(fds[1]);
		t_expect_eof(fds[0]);
		t_expect_eof(fds[1]);
		detach(fds[0]);
		detach(fds[1]);
		t_exchange(fds[0], fds[1]);
		/* the client, and the server */
		FAILS(connect(fds[i >> 1], &unspec, sizeof(unspec)), EOPNOTSUPP);
		t_exchange(fds[0], fds[1]);
		t_reset(fds[i >> 1]);
		FAILS(recv(fds[!(i >> 1)], &c, 1, 0), ECONNRESET);
		close(fds[!(i >> 1)]);
	}
}

/* The whole of a short session was read along with the handshake. */
static void test_detach_rest(void **state)
{
	char text[64];
	socklen_t len = 3;
	int fds[2];

	(void)state;
	plain_pair(fds);
	handshake();
	ctx_attach(&client, fds[0]);
	t_send(fds[0], "quick", 5);
	close_notify(fds[0]);
	t_await_acked(fds[0]);
	server.in_len = (size_t)SYS(recv(fds[1], server.in, sizeof(server.in), 0));
	/* data behind a close_notify is not the client's to judge */
	memcpy(server.in + server.in_len, "plain", 5);
	server.in_len += 5;
	ctx_attach(&server, fds[1]);
	t_expect(fds[1], "quick");
	t_expect_eof(fds[1]);
	close_notify(fds[1]);
	FAILS(try_detach(fds[1], text, &len), ERANGE);
	len = sizeof(text);
	SYS(try_detach(fds[1], text, &len));
	assert_int_equal(len, 5);
	assert_memory_equal(text, "plain", 5);
	t_expect_eof(fds[0]);
	detach(fds[0]);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

/**
 * struct racer - a thread that attaches keys to a socket, as another does
 * @key: the keys
 * @fd: the socket
 * @extra: what the server has said behind its end of the handshake
 * @len: length of @extra in bytes
 * @error: the result
 */
struct racer {
	int key;
	int fd;
	const uint8_t *extra;
	size_t len;
	int error;
};

static void *attach_it(void *arg)
{
	struct racer *racer = arg;
	const size_t size = sizeof(struct ksc_attach) + racer->len;
	struct ksc_attach *a = calloc(1, size);

	if (!a)
		return NULL;
	a->fd = racer->key;
	memcpy(a->extra, racer->extra, racer->len);
	racer->error = setsockopt(racer->fd, SOL_KSCHANNEL, KSC_ATTACH, a, (socklen_t)size) ?
		       errno : 0;
	free(a);
	return NULL;
}

/* Cases 41 and 44: two sockets and one key: one of them has it. */
static void case_41_44_race(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct racer racers[2];
		pthread_t threads[2];
		int fds[2][2], winner;

		handshake();
		for (int k = 0; k < 2; k++) {
			plain_pair(fds[k]);
			t_attach(fds[k][0]);
			racers[k] = (struct racer) { client.key, fds[k][0], client.in,
						     client.in_len, -1 };
		}
		for (int k = 0; k < 2; k++)
			t_thread(&threads[k], attach_it, &racers[k]);
		for (int k = 0; k < 2; k++)
			t_join(threads[k]);
		winner = racers[0].error ? 1 : 0;
		assert_int_equal(racers[winner].error, 0);
		assert_true(racers[!winner].error == ESTALE || racers[!winner].error == EBUSY);
		ctx_attach(&server, fds[winner][1]);
		t_exchange(fds[winner][0], fds[winner][1]);
		ctx_close(&client);
		for (int k = 0; k < 2; k++) {
			close(fds[k][0]);
			close(fds[k][1]);
		}
	}
}

static void *close_it(void *arg)
{
	const struct racer *racer = arg;

	close(racer->key);
	return NULL;
}

/* Case 41: the descriptor is closed while its keys are attached to a socket. */
static void case_41_closed(void **state)
{
	(void)state;
	for (int i = 0; i < 30; i++) {
		struct racer racer;
		pthread_t thread;
		int fds[2], ret;

		handshake();
		plain_pair(fds);
		t_attach(fds[0]);
		racer = (struct racer) { .key = (int)SYS(dup(client.key)) };
		ctx_close(&client);
		t_thread(&thread, close_it, &racer);
		ret = try_attach(fds[0], racer.key);
		if (ret)
			assert_int_equal(errno, EBADF);
		t_join(thread);
		tnl_await_counter(KSC_A_STATS_KEYS, 1);
		ctx_close(&server);
		close(fds[0]);
		close(fds[1]);
	}
}

int main(void)
{
	static int v12 = 0x0303, v13 = 0x0304;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(case_44_both, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_44_peers, ctx_setup, ctx_teardown),
		{ "test_split_12", test_split, ctx_setup, ctx_teardown, &v12 },
		{ "test_split_13", test_split, ctx_setup, ctx_teardown, &v13 },
		cmocka_unit_test_setup_teardown(test_half_closed, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_poll, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_refused, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_info, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_detach, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_detach_again, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(test_detach_rest, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_41_44_race, ctx_setup, ctx_teardown),
		cmocka_unit_test_setup_teardown(case_41_closed, ctx_setup, ctx_teardown),
	};

	return T_RUN(tests);
}
