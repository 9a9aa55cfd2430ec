// SPDX-License-Identifier: GPL-2.0-only
/* Applications that judge the peer's certificate themselves: until then no data is exchanged. */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "lib/ctx.h"
#include "lib/daemon.h"
#include "lib/peer.h"

/* Numbers of alerts. */
#define BAD_CERTIFICATE 42
#define CERTIFICATE_EXPIRED 45

/* A peer's version and library, and the role that is left for us. */
struct variant {
	struct peer_conf peer;
	bool we_serve;
};

static const struct variant variants[] = {
	{ { .library = PEER_OPENSSL, .version = 0x0304, .server = true }, false },
	{ { .library = PEER_OPENSSL, .version = 0x0303, .server = true }, false },
	{ { .library = PEER_GNUTLS, .version = 0x0304, .server = true }, false },
	{ { .library = PEER_OPENSSL, .version = 0x0304, .cert = "client" }, true },
	{ { .library = PEER_OPENSSL, .version = 0x0303, .cert = "client" }, true },
	{ { .library = PEER_GNUTLS, .version = 0x0304, .cert = "client" }, true },
};

static const struct t_opts manual = {
	.server_name = "server.test", .verify = KSC_VERIFY_MANUAL, .nonblock = true,
};

static const struct t_opts manual_server = {
	.credential = "trusting", .verify = KSC_VERIFY_MANUAL, .nonblock = true,
};

static int judge(int fd, int verdict)
{
	return setsockopt(fd, SOL_KSCHANNEL, KSC_VERDICT, &verdict, sizeof(verdict));
}

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT | POLLPRI | POLLRDHUP };

	SYS(poll(&p, 1, 0));
	return p.revents;
}

static int verification(int fd, struct ksc_verification *v)
{
	socklen_t len = sizeof(*v);

	memset(v, 0, sizeof(*v));
	return getsockopt(fd, SOL_KSCHANNEL, KSC_VERIFICATION, v, &len);
}

/* Whole DER sequences, each after its length. */
static unsigned int count_chain(const uint8_t *p, size_t len)
{
	unsigned int n = 0;

	while (len) {
		size_t size;

		assert_true(len > 7);
		size = (size_t)(p[0] << 16 | p[1] << 8 | p[2]);
		assert_in_range(size, 4, len - 3);
		/* a SEQUENCE, its length in two bytes */
		assert_int_equal(p[3], 0x30);
		assert_int_equal(p[4], 0x82);
		assert_int_equal(p[5] << 8 | p[6], size - 4);
		p += 3 + size;
		len -= 3 + size;
		n++;
	}
	return n;
}

static void check_chain(int fd, size_t size)
{
	uint8_t chain[KSC_MAX_CHAIN];
	socklen_t len = (socklen_t)size - 1;

	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_PEER_CHAIN, chain, &len), ERANGE);
	len = sizeof(chain);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_PEER_CHAIN, chain, &len));
	assert_int_equal(len, size);
	assert_true(count_chain(chain, len) >= 1);
}

/* A socket on which a verdict is awaited, and the peer that waits for it. */
static int begin(const struct variant *v, const struct t_opts *opts, struct peer *peer, peer_fn run)
{
	struct t_addr addr;
	int listener, fd;

	memset(peer, 0, sizeof(*peer));
	if (v->we_serve) {
		listener = t_listen(AF_INET, opts, &addr);
		t_nonblock(listener, false);
		peer_connect(peer, &v->peer, &addr, run);
		fd = t_accept(listener);
		t_nonblock(fd, true);
	} else {
		listener = t_listen(AF_INET, NULL, &addr);
		peer_accept(peer, &v->peer, listener, run);
		fd = t_try_connect(&addr, opts);
		assert_int_equal(errno, EINPROGRESS);
	}
	t_wait(fd, POLLPRI);
	close(listener);
	return fd;
}

static int begin_default(const struct variant *v, struct peer *peer, peer_fn run)
{
	return begin(v, v->we_serve ? &manual_server : &manual, peer, run);
}

/* No byte goes in or out. */
static void expect_shut(int fd, bool client)
{
	const struct sockaddr_in addr = { .sin_family = AF_INET };
	struct ksc_info info;
	socklen_t len = sizeof(info);
	int file = (int)SYS(open("/proc/self/exe", 0)), pipe_fds[2], count;
	char c;

	SYS(pipe(pipe_fds));
	assert_int_equal(events(fd), POLLPRI);
	FAILS(recv(fd, &c, 1, 0), EAGAIN);
	FAILS(recv(fd, &c, 1, MSG_PEEK), EAGAIN);
	FAILS(send(fd, "x", 1, MSG_NOSIGNAL), EAGAIN);
	FAILS(sendfile(fd, file, NULL, 1), EAGAIN);
	FAILS(splice(fd, NULL, pipe_fds[1], NULL, 1, 0), EAGAIN);
	SYS(ioctl(fd, SIOCINQ, &count));
	assert_int_equal(count, 0);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len), ENOTCONN);
	if (client)
		FAILS(connect(fd, (const struct sockaddr *)&addr, sizeof(addr)), EALREADY);
	t_expect_error(fd, KSC_STATUS_OK, 0);
	assert_int_equal(t_so_error(fd), 0);
	close(file);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

/* Case 25: nothing before the verdict, and all of it after it */
static void test_accept(void **state)
{
	const struct variant *v = *state;
	struct ksc_verification got;
	struct peer peer;
	int fd = begin_default(v, &peer, peer_echo);

	SYS(verification(fd, &got));
	assert_int_equal(got.faults, 0);
	assert_string_equal(got.text, "");
	check_chain(fd, got.chain_len);
	expect_shut(fd, !v->we_serve);
	SYS(judge(fd, KSC_VERDICT_ACCEPT));
	t_wait(fd, POLLOUT);
	assert_int_equal(events(fd), POLLOUT);
	FAILS(verification(fd, &got), ENODATA);
	FAILS(judge(fd, KSC_VERDICT_REJECT), ENODATA);
	assert_int_equal(t_info(fd).version, v->peer.version);
	assert_true(t_info(fd).flags & KSC_INFO_F_PEER_CERT);
	t_nonblock(fd, false);
	t_send(fd, "there and back", 14);
	t_expect(fd, "there and back");
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
}

/* The peer's data comes with its last flight, and before the verdict. */
static void test_early_data(void **state)
{
	const struct variant *v = *state;
	struct peer peer;
	int fd, i;

	fd = begin_default(v, &peer, peer_greet);
	/* of TLS 1.3's client the whole greeting is there; it waits, and so do we */
	for (i = 0; i < 3; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		assert_int_equal(SYS(poll(&p, 1, 50)), 0);
		expect_shut(fd, !v->we_serve);
	}
	SYS(judge(fd, KSC_VERDICT_ACCEPT));
	t_wait(fd, POLLIN);
	t_nonblock(fd, false);
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
}

static void reject(const struct variant *v, int verdict, uint8_t alert, const char *words)
{
	struct peer peer;
	int fd = begin_default(v, &peer, peer_greet);
	struct ksc_error error;
	char c;

	SYS(judge(fd, verdict));
	t_wait(fd, POLLIN);
	/* the error may come a moment before the rest, but not before KSC_ERROR has the reason */
	t_expect_error(fd, KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
	assert_true(events(fd) & POLLERR);
	assert_false(events(fd) & POLLPRI);
	error = t_error(fd);
	assert_int_equal(error.alert, alert);
	assert_int_equal(error.direction, KSC_DIRECTION_SENT);
	assert_non_null(strstr(error.text, "application"));
	assert_int_equal(t_so_error(fd), EKEYREJECTED);
	FAILS(recv(fd, &c, 1, 0), EKEYREJECTED);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT), EKEYREJECTED);
	close(fd);
	peer_join_failed(&peer, words);
}

static void test_reject(void **state)
{
	const struct variant *v = *state;
	const bool openssl = v->peer.library == PEER_OPENSSL;

	reject(v, KSC_VERDICT_REJECT, BAD_CERTIFICATE,
	       openssl ? "bad certificate" : "Certificate is bad");
	reject(v, KSC_REJECT_WITH(CERTIFICATE_EXPIRED), CERTIFICATE_EXPIRED,
	       openssl ? "certificate expired" : "expired");
}

/* The faults are reported; the application's verdict is what counts. */
static void test_faults(void **state)
{
	const struct {
		struct variant v;
		const char *cert;
		uint32_t faults;
		const char *words;
	} cases[] = {
		{ variants[0], "unknown", KSC_FAULT_UNKNOWN_ISSUER, "issuer" },
		{ variants[0], "other", KSC_FAULT_WRONG_NAME, "server.test" },
		{ variants[0], "expired", KSC_FAULT_EXPIRED, "expired" },
		{ variants[3], "unknown", KSC_FAULT_UNKNOWN_ISSUER, "issuer" },
		{ variants[3], NULL, KSC_FAULT_NO_CERTIFICATE, "no certificate" },
		{ variants[4], NULL, KSC_FAULT_NO_CERTIFICATE, "no certificate" },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct variant v = cases[i].v;
		struct ksc_verification got;
		struct peer peer;
		int fd;

		v.peer.cert = cases[i].cert;
		fd = begin_default(&v, &peer, peer_echo);
		SYS(verification(fd, &got));
		if (!(got.faults & cases[i].faults) || !strstr(got.text, cases[i].words))
			fail_msg("number %zu: 0x%x, %s", i, got.faults, got.text);
		assert_int_equal(got.chain_len == 0, !cases[i].cert);
		SYS(judge(fd, KSC_VERDICT_ACCEPT));
		t_nonblock(fd, false);
		t_send(fd, "all the same", 12);
		t_expect(fd, "all the same");
		assert_int_equal(!!(t_info(fd).flags & KSC_INFO_F_PEER_CERT), !!cases[i].cert);
		close(fd);
		peer_join(&peer);
	}
}

/* The credential requires a valid one: for another the application is not asked. */
static void test_demanded(void **state)
{
	struct variant v = variants[3];
	const struct t_opts mutual = {
		.credential = "mutual", .verify = KSC_VERIFY_MANUAL,
	};
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &mutual, &addr), fd;
	char c;

	(void)state;
	v.peer.cert = "unknown";
	peer_connect(&peer, &v.peer, &addr, peer_greet);
	fd = t_accept(listener);
	FAILS(recv(fd, &c, 1, 0), EKEYREJECTED);
	t_join(peer.thread);
	close(fd);
	close(listener);
}

/* ---- calls that wait meanwhile ---- */

/**
 * struct waiter - a thread in a call that waits
 * @fd: the socket
 * @addr: what to connect to, or no length: it reads
 * @result: what the call returned
 * @error: its errno
 */
struct waiter {
	int fd;
	struct t_addr addr;
	long result;
	int error;
};

static void *wait_in_call(void *arg)
{
	struct waiter *w = arg;
	char c;

	if (w->addr.len)
		w->result = connect(w->fd, (struct sockaddr *)&w->addr.ss, w->addr.len);
	else
		w->result = recv(w->fd, &c, 1, 0);
	w->error = errno;
	return NULL;
}

/* connect() returns when the socket is protected; another thread gives the verdict. */
static void test_blocking_connect(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .verify = KSC_VERIFY_MANUAL };
	const bool accepted = *state;
	struct waiter w = { .fd = t_socket(AF_INET, &opts) };
	struct peer peer = { 0 };
	int listener = t_listen(AF_INET, NULL, &w.addr);
	pthread_t thread;

	peer_accept(&peer, &variants[0].peer, listener, peer_greet);
	t_thread(&thread, wait_in_call, &w);
	/* before connect() it is not connected, which is an event, too */
	while (!(events(w.fd) & POLLPRI))
		poll(NULL, 0, 10);
	SYS(judge(w.fd, accepted ? KSC_VERDICT_ACCEPT : KSC_VERDICT_REJECT));
	t_join(thread);
	if (accepted) {
		assert_int_equal(w.result, 0);
		t_expect(w.fd, "hello");
		close(w.fd);
		peer_join(&peer);
	} else {
		assert_int_equal(w.result, -1);
		assert_int_equal(w.error, EKEYREJECTED);
		close(w.fd);
		peer_join_failed(&peer, "bad certificate");
	}
	close(listener);
}

static void test_blocking_read(void **state)
{
	struct peer peer;
	struct waiter w = { .fd = begin_default(*state, &peer, peer_greet) };
	pthread_t thread;

	t_nonblock(w.fd, false);
	t_thread(&thread, wait_in_call, &w);
	t_wait(w.fd, POLLPRI);
	SYS(judge(w.fd, KSC_VERDICT_ACCEPT));
	t_join(thread);
	assert_int_equal(w.result, 1);
	t_expect(w.fd, "ello");
	close(w.fd);
	peer_join(&peer);
}

/* The handshake's time is the verdict's. */
static void test_timeout(void **state)
{
	const struct variant *v = *state;
	struct t_opts opts = v->we_serve ? manual_server : manual;
	struct peer peer;
	char c;
	int fd;

	/* not before the verdict is asked for */
	opts.timeout = 3000;
	fd = begin(v, &opts, &peer, peer_greet);
	t_wait(fd, POLLIN);
	t_expect_error(fd, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT), ETIMEDOUT);
	FAILS(recv(fd, &c, 1, 0), ETIMEDOUT);
	close(fd);
	t_join(peer.thread);
	assert_true(peer.error[0]);
}

static void test_close(void **state)
{
	struct peer peer;
	int fd = begin_default(*state, &peer, peer_greet);

	assert_int_equal(tnl_counter(KSC_A_STATS_CONTEXTS), 1);
	close(fd);
	t_join(peer.thread);
	assert_true(peer.error[0]);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

/* Closed when the peer is to leave. */
static int leave[2];

/* One that believes to be done: a client of TLS 1.3. */
static void shake_and_leave(struct peer *peer)
{
	char c;

	if (peer_handshake(peer) || read(leave[0], &c, 1))
		return;
	t_reset(peer->fd);
}

static void test_reset(void **state)
{
	struct peer peer;
	char c;
	int fd;

	SYS(pipe(leave));
	fd = begin_default(*state, &peer, shake_and_leave);
	close(leave[1]);
	/* TCP's end is an event, too, and comes before it is acted on */
	while (!(events(fd) & POLLIN))
		poll(NULL, 0, 10);
	t_expect_error(fd, KSC_STATUS_TRUNCATED, ECONNRESET);
	FAILS(recv(fd, &c, 1, 0), ECONNRESET);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT), ECONNRESET);
	close(fd);
	t_join(peer.thread);
	close(leave[0]);
}

/* The session was with the daemon: without it there is nothing to go on with. */
static void test_daemon_dies(void **state)
{
	struct peer peer;
	int fd = begin_default(*state, &peer, peer_greet);
	char c;

	daemon_do("kill");
	daemon_do("start");
	t_wait(fd, POLLIN);
	t_expect_error(fd, KSC_STATUS_NO_DAEMON, EHOSTDOWN);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT), EHOSTDOWN);
	FAILS(recv(fd, &c, 1, 0), EHOSTDOWN);
	close(fd);
	t_join(peer.thread);
	assert_true(peer.error[0]);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

static void test_misuse(void **state)
{
	struct ksc_verification got;
	int fd = t_socket(AF_INET, &manual), pair[2], value = KSC_VERIFY_MANUAL + 1;
	socklen_t len = sizeof(got);

	(void)state;
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_VERIFY, &value, sizeof(value)), EINVAL);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT), ENODATA);
	FAILS(judge(fd, KSC_VERDICT_NONE), EINVAL);
	FAILS(judge(fd, KSC_VERDICT_ACCEPT | 1 << 8), EINVAL);
	FAILS(judge(fd, 3), EINVAL);
	FAILS(judge(fd, KSC_REJECT_WITH(256)), EINVAL);
	FAILS(judge(fd, -1), EINVAL);
	FAILS(verification(fd, &got), ENODATA);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_PEER_CHAIN, &got, &len), ENODATA);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_PEER_CHAIN, &value, sizeof(value)), ENOPROTOOPT);
	FAILS(getsockopt(fd, SOL_KSCHANNEL, KSC_VERDICT, &value, &len), ENOPROTOOPT);
	close(fd);
	/* nor is one awaited where the daemon judges */
	t_pair(AF_INET, pair);
	FAILS(judge(pair[0], KSC_VERDICT_ACCEPT), ENODATA);
	FAILS(verification(pair[1], &got), ENODATA);
	close(pair[0]);
	close(pair[1]);
}

/* ---- contexts ---- */

static struct ctx client, server;

static void open_both(enum ksc_verdict verdict)
{
	const struct t_opts ours = { .server_name = "server.test", .credential = "client",
				     .verify = KSC_VERIFY_MANUAL };

	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &ours);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &manual_server);
	client.verdict = verdict;
	server.verdict = verdict;
}

static void test_context(void **state)
{
	struct t_addr addr;
	int listener, fds[2];

	(void)state;
	open_both(KSC_VERDICT_ACCEPT);
	ctx_handshake(&client, &server);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENOENT);
	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	ctx_attach(&client, fds[0]);
	ctx_attach(&server, fds[1]);
	t_exchange(fds[0], fds[1]);
	close(listener);
	close(fds[0]);
	close(fds[1]);
}

/* Client and server, to where the client has to judge. */
static void open_waiting(void)
{
	open_both(KSC_VERDICT_NONE);
	ctx_step(&client, NULL, 0);
	ctx_feed(&server, client.last.token, client.last.token_len);
	ctx_feed(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_VERIFY_NEEDED);
	/* a change_cipher_spec (RFC 8446 D.4) */
	if (client.last.token_len)
		ctx_feed(&server, client.last.token, client.last.token_len);
}

static void test_context_waits(void **state)
{
	(void)state;
	open_waiting();
	assert_int_equal(client.last.faults, 0);
	assert_true(count_chain(client.last.chain, client.last.chain_len) >= 1);
	assert_int_equal(client.last.version, 0);
	assert_int_equal(ctx_try_step(&client, client.in, client.in_len), -EINVAL);
	assert_true(ctx_sock.text[0]);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_NONE, 0), -EINVAL);
	assert_int_equal(ctx_try_judge(&client, 3, 0), -EINVAL);
	/* there are no keys at either end */
	assert_int_equal(client.key, -1);
	/* a verdict that was not asked for */
	assert_int_equal(ctx_try_judge(&server, KSC_VERDICT_ACCEPT, 0), -ENODATA);
	assert_true(ctx_sock.text[0]);
	ctx_judge(&client, KSC_VERDICT_ACCEPT, 0);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_VERIFY_NEEDED);
	assert_int_equal(server.last.faults, 0);
	ctx_judge(&server, KSC_VERDICT_ACCEPT, 0);
	assert_int_equal(server.last.status, KSC_STATUS_OK);
}

static void test_context_reject(void **state)
{
	(void)state;
	open_waiting();
	ctx_judge(&client, KSC_VERDICT_REJECT, CERTIFICATE_EXPIRED);
	assert_int_equal(client.last.status, KSC_STATUS_PEER_REJECTED);
	assert_int_equal(client.last.alert, CERTIFICATE_EXPIRED);
	assert_int_equal(client.last.direction, KSC_DIRECTION_SENT);
	assert_true(client.last.text[0]);
	assert_true(client.last.token_len);
	ctx_feed(&server, client.last.token, client.last.token_len);
	assert_int_equal(server.last.status, KSC_STATUS_ALERT_RECEIVED);
	assert_int_equal(server.last.alert, CERTIFICATE_EXPIRED);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENOENT);
}

static void test_context_versions(void **state)
{
	const struct variant *v = *state;
	const struct t_opts *opts = v->we_serve ? &manual_server : &manual;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	if (v->we_serve) {
		peer_connect(&peer, &v->peer, &addr, peer_greet);
		fd = t_accept(listener);
	} else {
		peer_accept(&peer, &v->peer, listener, peer_greet);
		fd = t_connect(&addr, NULL);
	}
	ctx_open(&client, &ctx_sock, v->we_serve ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT, opts);
	client.verdict = KSC_VERDICT_ACCEPT;
	ctx_run(&client, fd, 1000);
	assert_int_equal(client.last.status, KSC_STATUS_OK);
	assert_int_equal(client.last.version, v->peer.version);
	ctx_attach(&client, fd);
	t_expect(fd, "hello");
	close(fd);
	close(listener);
	peer_join(&peer);
}

static void test_context_timeout(void **state)
{
	const struct t_opts opts = { .server_name = "server.test", .timeout = 5000,
				     .verify = KSC_VERIFY_MANUAL };

	(void)state;
	ctx_open(&client, &ctx_sock, KSC_ROLE_CLIENT, &opts);
	ctx_open(&server, &ctx_sock, KSC_ROLE_SERVER, &t_server);
	ctx_step(&client, NULL, 0);
	ctx_feed(&server, client.last.token, client.last.token_len);
	ctx_feed(&client, server.last.token, server.last.token_len);
	assert_int_equal(client.last.status, KSC_STATUS_VERIFY_NEEDED);
	assert_int_equal(ctx_try_await(&client), -ETIMEDOUT);
	assert_int_equal(ctx_try_judge(&client, KSC_VERDICT_ACCEPT, 0), -ENOENT);
}

static void test_context_daemon_dies(void **state)
{
	(void)state;
	open_waiting();
	daemon_do("kill");
	ctx_expect_closed(&ctx_sock);
	daemon_do("start");
}

#define CASES(test)                                                                                \
	T_CASE(#test " client openssl 1.3", test, &variants[0]),                                   \
	T_CASE(#test " client openssl 1.2", test, &variants[1]),                                   \
	T_CASE(#test " client gnutls 1.3", test, &variants[2]),                                    \
	T_CASE(#test " server openssl 1.3", test, &variants[3]),                                   \
	T_CASE(#test " server openssl 1.2", test, &variants[4]),                                   \
	T_CASE(#test " server gnutls 1.3", test, &variants[5])

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASES(test_accept),
		CASES(test_early_data),
		CASES(test_reject),
		cmocka_unit_test_setup(test_faults, t_setup),
		cmocka_unit_test_setup(test_demanded, t_setup),
		T_CASE("test_blocking_connect accept", test_blocking_connect, 1),
		T_CASE("test_blocking_connect reject", test_blocking_connect, 0),
		T_CASE("test_blocking_read client", test_blocking_read, &variants[0]),
		T_CASE("test_blocking_read server", test_blocking_read, &variants[3]),
		T_CASE("test_timeout client", test_timeout, &variants[0]),
		T_CASE("test_timeout server", test_timeout, &variants[4]),
		T_CASE("test_close client", test_close, &variants[0]),
		T_CASE("test_close server", test_close, &variants[3]),
		T_CASE("test_reset server", test_reset, &variants[3]),
		T_CASE("test_daemon_dies client", test_daemon_dies, &variants[0]),
		T_CASE("test_daemon_dies server", test_daemon_dies, &variants[3]),
		cmocka_unit_test_setup(test_misuse, t_setup),
		CTX_TEST(test_context),
		CTX_TEST(test_context_waits),
		CTX_TEST(test_context_reject),
		CTX_CASE("test_context_versions client 1.3", test_context_versions, &variants[0]),
		CTX_CASE("test_context_versions client 1.2", test_context_versions, &variants[1]),
		CTX_CASE("test_context_versions server 1.3", test_context_versions, &variants[3]),
		CTX_CASE("test_context_versions server 1.2", test_context_versions, &variants[4]),
		CTX_TEST(test_context_timeout),
		CTX_TEST(test_context_daemon_dies),
	};

	return T_RUN(tests);
}
