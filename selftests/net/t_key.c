// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys of handshakes that applications carry themselves, in a namespace with a daemon of the
 * test's: what a socket gets, who may attach them, and what becomes of unattached ones.
 */
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/keys.h"
#include "lib/own.h"
#include "lib/stall.h"

/* The daemon's socket */
static struct tnl_conn nl;
static unsigned int references;

static const struct wire_suite *suite_of(uint16_t version)
{
	return wire_suite(version, version == WIRE_13 ? 0x1301 : 0xc02b);
}

static int setup(void **state)
{
	references = keys_setup(state, &nl);
	return 0;
}

/* Nothing of a key is left, in the namespace where the test ends. */
static int teardown(void **state)
{
	(void)state;
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	keys_teardown(&nl, references);
	return 0;
}

static int make(uint64_t id)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, suite_of(WIRE_13), id);

	return keys_make(&nl, &keys);
}

static void protected_pair(int fds[2])
{
	keys_plain_pair(fds);
	t_attach(fds[0]);
	t_attach(fds[1]);
}

static void close_pair(const int fds[2])
{
	SYS(close(fds[0]));
	SYS(close(fds[1]));
}

/* Two sockets get what belongs together. */
static void meet(int a, int key, int b, int peer)
{
	keys_attach(a, key);
	keys_attach(b, peer);
	t_exchange(a, b);
}

/* ---- what a socket gets ---- */

static void test_exchange(void **state)
{
	(void)state;
	for (size_t i = 0; i < wire_suite_count; i++) {
		struct keys client = keys_of(KSC_ROLE_CLIENT, &wire_suites[i], 100 + 2 * i);
		struct keys server = keys_of_peer(&client);
		int fds[2];

		protected_pair(fds);
		meet(fds[0], keys_make(&nl, &client), fds[1], keys_make(&nl, &server));
		assert_int_equal(t_info(fds[0]).cipher_suite, wire_suites[i].suite);
		assert_int_equal(t_info(fds[0]).role, KSC_ROLE_CLIENT);
		assert_int_equal(t_info(fds[1]).role, KSC_ROLE_SERVER);
		close_pair(fds);
	}
}

/* What was read of the peer before comes first, and records go on where they were. */
static void test_records(void **state)
{
	const uint16_t version = *(const uint16_t *)*state;
	struct keys keys = keys_of(KSC_ROLE_SERVER, suite_of(version), 1);
	static uint8_t read[512], second[256];
	struct wire *w = &keys.wire;
	size_t len, n, half = 9;
	int fds[2], key;

	w->tx.seq = 7;
	w->rx.seq = 3;
	key = keys_make(&nl, &keys);
	len = wire_seal(&w->rx, read, WIRE_DATA, "first", 5, 0);
	n = wire_seal(&w->rx, second, WIRE_DATA, "second", 6, 0);
	memcpy(read + len, second, half);
	keys_plain_pair(fds);
	t_attach(fds[0]);
	w->fd = fds[0];
	w->peer = fds[1];
	t_send(w->peer, second + half, n - half);
	SYS(keys_try_attach(w->fd, key, read, len + half));
	SYS(close(key));
	t_expect(w->fd, "first");
	t_expect(w->fd, "second");
	wire_send(w, WIRE_DATA, "third", 5, 0);
	t_expect(w->fd, "third");
	t_send(w->fd, "out", 3);
	wire_expect(w, WIRE_DATA, "out", 3);
	wire_close(w);
}

static const uint8_t fingerprint[32] = { 1, 2, 3, [31] = 4 };
static uint8_t secrets[KEYS_EXPORTER];

/* A key with all that one may have */
static struct keys full(uint16_t version)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, suite_of(version), 11);

	t_fill(secrets, sizeof(secrets), version);
	keys.verify = KSC_VERIFY_REQUIRE;
	keys.credential = "a-client";
	keys.alpn = "h2";
	keys.server_name = "server.test";
	keys.subject = "CN=server.test";
	keys.fingerprint = fingerprint;
	keys.resumed = true;
	keys.exporter = secrets;
	return keys;
}

/* A socket for a client's key */
static int wanting(int *peer)
{
	int fds[2];

	keys_plain_pair(fds);
	t_attach(fds[0]);
	*peer = fds[1];
	return fds[0];
}

/* KSC_KEY_INFO returns the same as KSC_INFO of the socket that has got the key. */
static void test_info(void **state)
{
	const uint16_t version = *(const uint16_t *)*state;
	const struct keys keys = full(version);
	int peer, fd = wanting(&peer), key = keys_make(&nl, &keys), verify;
	struct {
		struct ksc_info info;
		uint8_t later[64];
	} of_key;
	socklen_t len = sizeof(verify);
	struct ksc_info of_sock;
	char name[32];
	uint8_t few[6];

	memset(&of_key, 0xff, sizeof(of_key));
	SYS(ioctl(key, KSC_KEY_INFO, &of_key.info));
	assert_int_equal(of_key.later[0], 0xff);
	assert_int_equal(of_key.info.version, version);
	assert_string_equal(of_key.info.alpn, "h2");
	assert_string_equal(of_key.info.server_name, "server.test");
	assert_string_equal(of_key.info.peer_subject, "CN=server.test");
	assert_memory_equal(of_key.info.peer_fingerprint, fingerprint, sizeof(fingerprint));
	assert_int_equal(of_key.info.flags, KSC_INFO_F_RESUMED | KSC_INFO_F_PEER_CERT);
	/* the requested values do not matter, only the negotiated ones */
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "bank.test", 9));
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, "\2h3", 3));
	SYS(keys_try_attach(fd, key, NULL, 0));
	of_sock = t_info(fd);
	assert_memory_equal(&of_key.info, &of_sock, sizeof(of_sock));
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_VERIFY, &verify, &len));
	assert_int_equal(verify, KSC_VERIFY_REQUIRE);
	len = sizeof(name);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, name, &len));
	assert_int_equal(len, strlen(keys.credential));
	assert_memory_equal(name, keys.credential, len);
	len = sizeof(name);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, name, &len));
	assert_int_equal(len, 0);
	len = sizeof(name);
	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, name, &len));
	assert_int_equal(len, 0);
	close(key);
	close(fd);
	close(peer);

	/* programs that know less, or more */
	key = keys_make(&nl, &keys);
	SYS(ioctl(key, _IOC(_IOC_READ, 0xc3, 1, sizeof(few)), few));
	assert_memory_equal(few, &of_sock, sizeof(few));
	SYS(ioctl(key, _IOC(_IOC_READ, 0xc3, 1, sizeof(of_key)), &of_key));
	assert_memory_equal(&of_key.info, &of_sock, sizeof(of_sock));
	for (size_t i = 0; i < sizeof(of_key.later); i++)
		assert_int_equal(of_key.later[i], 0);
	FAILS(ioctl(key, KSC_KEY_INFO, NULL), EFAULT);
	FAILS(ioctl(key, _IO(0xc3, 1)), ENOTTY);
	FAILS(ioctl(key, _IO(0xc3, 3)), ENOTTY);
	FAILS(ioctl(key, FIOCLEX + 100), ENOTTY);
	FAILS(read(key, few, sizeof(few)), EINVAL);
	FAILS(write(key, few, sizeof(few)), EBADF);
	assert_true(fcntl(key, F_GETFD) & FD_CLOEXEC);
	close(key);
}

/**
 * union material - a request for keying material, and the result
 * @head: the request
 * @bytes: the result; as long as either may be here
 */
union material {
	struct ksc_export head;
	uint8_t bytes[2048];
};

static union material request(const char *label, const char *context, size_t len)
{
	union material m = { .head = { .label_len = (uint16_t)strlen(label),
				       .out_len = (uint16_t)len } };

	memcpy(m.head.data, label, m.head.label_len);
	if (context) {
		m.head.flags = KSC_EXPORT_F_CONTEXT;
		m.head.context_len = (uint16_t)strlen(context);
		memcpy(m.head.data + m.head.label_len, context, m.head.context_len);
	}
	return m;
}

static int export_sock(int fd, union material *m)
{
	socklen_t len = sizeof(*m);

	return getsockopt(fd, SOL_KSCHANNEL, KSC_EXPORT, m, &len);
}

static const struct {
	const char *label;
	const char *context;
	size_t len;
} exports[] = {
	{ "EXPORTER-kschannel-test", NULL, 32 },
	{ "EXPORTER-kschannel-test", "", 32 },
	{ "EXPORTER-kschannel-test", "context", 1 },
	{ "x", "context", KSC_MAX_EXPORT },
};

/* And it derives what that does. */
static void test_export(void **state)
{
	const uint16_t version = *(const uint16_t *)*state;
	union material of_key[ARRAY_SIZE(exports)], m;
	struct keys keys = full(version);
	int peer, fd = wanting(&peer), key = keys_make(&nl, &keys);

	for (size_t i = 0; i < ARRAY_SIZE(exports); i++) {
		of_key[i] = request(exports[i].label, exports[i].context, exports[i].len);
		SYS(ioctl(key, KSC_KEY_EXPORT, &of_key[i]));
	}
	/* the same input gives the same output, other input another */
	m = request(exports[0].label, exports[0].context, exports[0].len);
	SYS(ioctl(key, KSC_KEY_EXPORT, &m));
	assert_memory_equal(&m, &of_key[0], 32);
	assert_memory_not_equal(&of_key[2], &of_key[3], 1 + KSC_MAX_EXPORT);

	m = request("", NULL, 32);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m = request("master secret", NULL, 32);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m = request("a\nline", NULL, 32);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m = request("label", NULL, 0);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m = request("label", NULL, KSC_MAX_EXPORT + 1);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m = request("label", "context", 32);
	m.head.flags = 0;
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	m.head.flags = 2 | KSC_EXPORT_F_CONTEXT;
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), EINVAL);
	FAILS(ioctl(key, KSC_KEY_EXPORT, NULL), EFAULT);

	keys_attach(fd, key);
	for (size_t i = 0; i < ARRAY_SIZE(exports); i++) {
		m = request(exports[i].label, exports[i].context, exports[i].len);
		SYS(export_sock(fd, &m));
		assert_memory_equal(&m, &of_key[i], exports[i].len);
	}
	close(fd);
	close(peer);

	/* RFC 7627 5.4 */
	keys.exporter = NULL;
	key = keys_make(&nl, &keys);
	fd = wanting(&peer);
	m = request("label", NULL, 32);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), ENODATA);
	keys_attach(fd, key);
	FAILS(export_sock(fd, &m), ENODATA);
	close(fd);
	close(peer);
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
	uint8_t *long_one = calloc(1, sizeof(struct ksc_attach) + KSC_MAX_TOKEN + 1);
	int peer, fd = wanting(&peer), key = make(21), fds[2], server_key;
	struct keys server = keys_of(KSC_ROLE_CLIENT, suite_of(WIRE_13), 21);
	struct ksc_attach a = { .fd = key };
	union material m;
	uint64_t netns;

	(void)state;
	assert_non_null(long_one);
	FAILS(keys_try_attach(fd, -1, NULL, 0), EBADF);
	FAILS(keys_try_attach(fd, 9999, NULL, 0), EBADF);
	FAILS(keys_try_attach(fd, STDOUT_FILENO, NULL, 0), EBADFD);
	FAILS(keys_try_attach(fd, fd, NULL, 0), EBADFD);
	FAILS(keys_try_attach(fd, nl_socket_get_fd(nl.sk), NULL, 0), EBADFD);
	a.pad = 1;
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, &a, sizeof(a)), EINVAL);
	a.pad = 0;
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, &a, sizeof(a) - 1), EINVAL);
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, NULL, sizeof(a)), EFAULT);
	memcpy(long_one, &a, sizeof(a));
	FAILS(setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, long_one,
			 sizeof(a) + KSC_MAX_TOKEN + 1), EMSGSIZE);
	free(long_one);

	/* not connected; and with a handshake of its own */
	fds[0] = t_plain(AF_INET);
	t_attach(fds[0]);
	FAILS(keys_try_attach(fds[0], key, NULL, 0), ENOTCONN);
	close(fds[0]);
	keys_plain_pair(fds);
	t_attach(fds[0]);
	t_nonblock(fds[0], true);
	SYS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_ROLE, &(int){ KSC_ROLE_SERVER }, sizeof(int)));
	FAILS(setsockopt(fds[0], SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 0 }, sizeof(int)),
	      EINPROGRESS);
	FAILS(keys_try_attach(fds[0], key, NULL, 0), EBUSY);
	close_pair(fds);

	/* for another namespace than the socket's, whatever the daemon's is */
	netns = keys_netns();
	server = keys_of_peer(&server);
	server.netns = netns + 1;
	server_key = keys_make(&nl, &server);
	FAILS(keys_try_attach(peer, server_key, NULL, 0), ENOPROTOOPT);
	t_attach(peer);
	FAILS(keys_try_attach(peer, server_key, NULL, 0), EXDEV);
	close(server_key);
	server.netns = netns;
	server_key = keys_make(&nl, &server);

	/* the key was usable all the time */
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 2);
	m = request("label", NULL, 32);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), ENODATA);
	SYS(keys_try_attach(fd, key, NULL, 0));
	keys_attach(peer, server_key);
	t_exchange(fd, peer);
	FAILS(keys_try_attach(fd, key, NULL, 0), ESTALE);
	FAILS(ioctl(key, KSC_KEY_INFO, &(struct ksc_info){ 0 }), ESTALE);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &m), ESTALE);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	close(fd);
	close(peer);
	/* also where nothing is wrong with the socket, and the one that got it has gone */
	fd = wanting(&peer);
	FAILS(keys_try_attach(fd, key, NULL, 0), ESTALE);
	close(fd);
	close(peer);
	close(key);
}

/* ---- races ---- */

/**
 * struct attacher - a thread that gives a key to a socket
 * @thread: the thread
 * @tid: its number, as soon as it runs
 * @start: where it waits for others, or NULL
 * @fd: the socket
 * @key: the key
 * @error: the result
 */
struct attacher {
	pthread_t thread;
	atomic_int tid;
	pthread_barrier_t *start;
	int fd;
	int key;
	int error;
};

static void *attach_it(void *arg)
{
	struct attacher *a = arg;

	atomic_store(&a->tid, gettid());
	if (a->start)
		pthread_barrier_wait(a->start);
	a->error = keys_try_attach(a->fd, a->key, NULL, 0) ? errno : 0;
	return NULL;
}

/* While another task has the lock of the socket that is getting the key, no socket gets it. */
static void test_taken(void **state)
{
	struct attacher first = { .key = make(31) };
	int peer, other_peer, other = wanting(&other_peer), copy;
	struct stall stall;
	union material m = request("label", NULL, 32);

	(void)state;
	stall_needed();
	first.fd = wanting(&peer);
	copy = (int)SYS(dup(first.key));
	stall_begin(&stall, first.fd);
	t_thread(&first.thread, attach_it, &first);
	/* it holds the key from then on, and gets no further */
	while (!ioctl(copy, KSC_KEY_INFO, &(struct ksc_info){ 0 }))
		sched_yield();
	assert_int_equal(errno, EBUSY);
	FAILS(ioctl(copy, KSC_KEY_EXPORT, &m), EBUSY);
	FAILS(keys_try_attach(other, copy, NULL, 0), EBUSY);
	/* the thread has references of its own, so that descriptors may be closed */
	SYS(close(first.key));
	SYS(close(copy));
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 1);
	stall_end(&stall);
	t_join(first.thread);
	assert_int_equal(first.error, 0);
	assert_int_equal(t_info(first.fd).version, WIRE_13);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	close(first.fd);
	close(peer);
	close(other);
	close(other_peer);
}

/* A socket that does not get it in the end gives it back. */
static void test_given_back(void **state)
{
	struct attacher first = { .key = make(32) };
	int peer, fd;
	struct stall stall;

	(void)state;
	stall_needed();
	first.fd = t_plain(AF_INET);
	t_attach(first.fd);
	stall_begin(&stall, first.fd);
	t_thread(&first.thread, attach_it, &first);
	while (!ioctl(first.key, KSC_KEY_INFO, &(struct ksc_info){ 0 }))
		sched_yield();
	assert_int_equal(errno, EBUSY);
	stall_end(&stall);
	t_join(first.thread);
	assert_int_equal(first.error, ENOTCONN);
	fd = wanting(&peer);
	SYS(keys_try_attach(fd, first.key, NULL, 0));
	close(first.key);
	close(first.fd);
	close(fd);
	close(peer);
}

#define ROUNDS 200

/* Of two sockets one gets it, whatever happens. */
static void test_race(void **state)
{
	pthread_barrier_t start;
	unsigned int late = 0;

	(void)state;
	pthread_barrier_init(&start, NULL, 2);
	for (int i = 0; i < ROUNDS; i++) {
		struct attacher a = { .start = &start, .key = make((uint64_t)i) }, b = a;
		int peers[2];

		a.fd = wanting(&peers[0]);
		b.fd = wanting(&peers[1]);
		t_thread(&a.thread, attach_it, &a);
		t_thread(&b.thread, attach_it, &b);
		t_join(a.thread);
		t_join(b.thread);
		if (!a.error == !b.error)
			fail_msg("round %d: %s, %s", i, strerror(a.error), strerror(b.error));
		a.error += b.error;
		assert_true(a.error == EBUSY || a.error == ESTALE);
		late += a.error == ESTALE;
		close(a.fd);
		close(b.fd);
		close_pair(peers);
		close(a.key);
	}
	print_message("%u of %d were too late\n", late, ROUNDS);
	pthread_barrier_destroy(&start);
}

/* ---- passed to other processes, and longer-lived than its namespace ---- */

static void pass(int via, int key)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = "k", .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };

	control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)),
					 .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), &key, sizeof(key));
	assert_int_equal(SYS(sendmsg(via, &msg, 0)), 1);
}

/* In an unrelated process; -1 if none comes */
static int get_passed(int via)
{
	union {
		struct cmsghdr head;
		uint8_t room[CMSG_SPACE(sizeof(int))];
	} control;
	char c;
	struct iovec iov = { .iov_base = &c, .iov_len = 1 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	int key = -1;

	if (recvmsg(via, &msg, MSG_CMSG_CLOEXEC) == 1 && msg.msg_controllen)
		memcpy(&key, CMSG_DATA(&control.head), sizeof(key));
	return key;
}

/* A process that was passed the descriptor attaches it; the daemon may have exited. */
static void test_passed(void **state)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, suite_of(WIRE_13), 41), theirs;
	int fds[2], via[2], key, status;
	pid_t pid;

	(void)state;
	theirs = keys_of_peer(&keys);
	protected_pair(fds);
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, via));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		tnl_close(&nl);
		if (setgid(1000) || setuid(1000))
			_exit(255);
		_exit(keys_try_attach(fds[0], get_passed(via[1]), NULL, 0) ? errno : 0);
	}
	key = keys_make(&nl, &keys);
	keys_attach(fds[1], keys_make(&nl, &theirs));
	tnl_close(&nl);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	pass(via[0], key);
	SYS(close(key));
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	t_exchange(fds[0], fds[1]);
	close_pair(fds);
	close_pair(via);
	tnl_become_daemon(&nl);
}

/* In flight, in a message that is never read */
static void test_in_flight(void **state)
{
	int via[2], key = make(42);

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, via));
	pass(via[0], key);
	SYS(close(key));
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 1);
	close_pair(via);
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
}

/* A key of a namespace that no process is in. */
static void test_outlives(void **state)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, suite_of(WIRE_13), 43);
	int peer, fd, key, other;
	struct tnl_conn here;

	(void)state;
	keys.tickets = true;
	keys.id |= KEYS_TICKETS;
	key = keys_make(&nl, &keys);
	own_namespace();
	keys.netns = keys_netns();
	other = keys_make(&nl, &keys);
	tnl_close(&nl);
	tnl_become_daemon(&here);
	fd = wanting(&peer);
	FAILS(keys_try_attach(fd, key, NULL, 0), EXDEV);
	SYS(ioctl(key, KSC_KEY_INFO, &(struct ksc_info){ 0 }));
	keys_attach(fd, other);
	assert_int_equal(t_info(fd).version, WIRE_13);
	close(key);
	close(fd);
	close(peer);
	/* notifications to this namespace's daemon would be queued before the answer */
	assert_int_equal(tnl_do(&here, tnl_request(&here, KSC_CMD_STATS_GET)), 0);
	assert_int_equal(here.queued, 0);
	nl = here;
}

static const uint16_t v13 = WIRE_13, v12 = WIRE_12;

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define CASE(name, test, version)                                                                  \
	{                                                                                          \
		name, test, setup, teardown, (void *)(version)                                     \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_exchange),
		CASE("records, TLS 1.3", test_records, &v13),
		CASE("records, TLS 1.2", test_records, &v12),
		CASE("info, TLS 1.3", test_info, &v13),
		CASE("info, TLS 1.2", test_info, &v12),
		CASE("export, TLS 1.3", test_export, &v13),
		CASE("export, TLS 1.2", test_export, &v12),
		TEST(test_refused),
		TEST(test_taken),
		TEST(test_given_back),
		TEST(test_race),
		TEST(test_passed),
		TEST(test_in_flight),
		TEST(test_outlives),
	};

	return T_RUN(tests);
}
