// SPDX-License-Identifier: GPL-2.0-only
/* Handshakes that have begun and do not continue; with a daemon of the test's. */
#include <arpa/inet.h>
#include <sys/stat.h>
#include <unistd.h>

#include "half.h"
#include "own.h"

struct tnl_conn half_nl;

/**
 * half_addresses() - give the loopback interface addresses to connect from
 *
 * Each of 10.2.0.0/16 is ours without more ado.
 */
void half_addresses(void)
{
	assert_int_equal(t_shell("for a in 1 2 3; do ip addr add 10.1.0.$a/32 dev lo; done;"
				 "ip route add local 10.2.0.0/16 dev lo"), 0);
	assert_int_equal(t_shell("for a in 1:0::1 1:0::2 1:1::2 1:2::2 1:3::2 2:0::3; do "
				 "ip addr add 2001:db8:$a/128 dev lo nodad; done"), 0);
}

/**
 * half_setup() - make a network namespace with many addresses, and be its daemon
 * @state: cmocka's
 * Return: 0
 */
int half_setup(void **state)
{
	t_setup(state);
	own_namespace();
	half_addresses();
	assert_true(tnl_open(&half_nl));
	assert_int_equal(tnl_register(&half_nl), 0);
	return 0;
}

/**
 * half_teardown() - be the daemon no more
 * @state: cmocka's
 * Return: 0
 */
int half_teardown(void **state)
{
	(void)state;
	tnl_close(&half_nl);
	return 0;
}

/**
 * half_limits() - set limits
 * @limits: these; all others get their defaults
 * @trusted: prefixes, as KSC_A_LIMITS_TRUSTED has them
 * @len: bytes of them
 */
void half_limits(const struct half_limit *limits, const void *trusted, int len)
{
	struct nl_msg *msg = tnl_request(&half_nl, KSC_CMD_LIMITS_SET);

	for (; limits->attr; limits++)
		nla_put_u32(msg, limits->attr, limits->value);
	if (len)
		nla_put(msg, KSC_A_LIMITS_TRUSTED, len, trusted);
	if (tnl_do(&half_nl, msg))
		fail_msg("limits-set: %s (%s)", strerror(-half_nl.error), half_nl.text);
}

/**
 * half_address() - make an address
 * @addr: gets it
 * @text: IPv4 or IPv6
 * @port: in the network's order
 */
void half_address(struct t_addr *addr, const char *text, in_port_t port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&addr->ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr->ss;

	memset(addr, 0, sizeof(*addr));
	if (strchr(text, ':')) {
		in6->sin6_family = AF_INET6;
		in6->sin6_port = port;
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		addr->len = sizeof(*in6);
	} else {
		in->sin_family = AF_INET;
		in->sin_port = port;
		assert_int_equal(inet_pton(AF_INET, text, &in->sin_addr), 1);
		addr->len = sizeof(*in);
	}
}

/**
 * half_listen() - listen, protected
 * @text: the address
 * @addr: gets it with the port, which is any
 * Return: the listener
 */
int half_listen(const char *text, struct t_addr *addr)
{
	/* none goes by itself */
	const struct t_opts server = { .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	int fd;

	half_address(addr, text, 0);
	fd = t_socket(addr->ss.ss_family, &server);
	SYS(bind(fd, (struct sockaddr *)&addr->ss, addr->len));
	SYS(listen(fd, 256));
	SYS(getsockname(fd, (struct sockaddr *)&addr->ss, &addr->len));
	return fd;
}

/**
 * half_connect() - connect, not protected
 * @addr: where to
 * @from: our address
 * Return: the socket
 */
int half_connect(const struct t_addr *addr, const char *from)
{
	int fd = t_plain(addr->ss.ss_family);
	struct t_addr source;

	half_address(&source, from, 0);
	SYS(bind(fd, (struct sockaddr *)&source.ss, source.len));
	SYS(connect(fd, (const struct sockaddr *)&addr->ss, addr->len));
	return fd;
}

/**
 * half_hello() - send the first record of a ClientHello that is never whole
 * @fd: where to
 */
void half_hello(int fd)
{
	static const uint8_t hello[] = { 0x16, 3, 1, 0, 8, 1, 0, 1, 0, 3, 3, 0, 0 };

	t_send(fd, hello, sizeof(hello));
}

/**
 * half_from() - begin a server's handshake, whose client has sent part of a ClientHello
 * @listener: the server
 * @addr: its address
 * @from: the client's
 * Return: both ends
 */
struct half half_from(int listener, const struct t_addr *addr, const char *from)
{
	struct half half = { .peer = half_connect(addr, from) };

	half_hello(half.peer);
	half.fd = t_accept(listener);
	return half;
}

/**
 * half_client() - begin a client's handshake, whose server sends nothing
 * @listener: the server, which is not protected
 * @addr: its address
 * @uid: the owner of the socket
 * Return: both ends
 */
struct half half_client(int listener, const struct t_addr *addr, unsigned int uid)
{
	const struct t_opts client = { .nonblock = true, .timeout = KSC_MAX_HANDSHAKE_TIMEOUT };
	struct half half = { .fd = t_socket(AF_INET, &client) };

	SYS(fchown(half.fd, uid, uid));
	FAILS(connect(half.fd, (const struct sockaddr *)&addr->ss, addr->len), EINPROGRESS);
	half.peer = t_accept(listener);
	return half;
}

/**
 * half_end() - close both ends
 * @half: the handshake
 */
void half_end(const struct half *half)
{
	close(half->fd);
	close(half->peer);
}

/**
 * half_evicted() - had it to go for another?
 * @half: the handshake
 * Return: whether it had
 */
bool half_evicted(const struct half *half)
{
	return t_error(half->fd).status == KSC_STATUS_OVERLOADED;
}

/**
 * half_await() - wait until the number of handshakes is @count
 * @count: number of handshakes
 */
void half_await(uint64_t count)
{
	tnl_await_counter(KSC_A_STATS_HANDSHAKES, count);
}

/**
 * half_await_begun() - wait until so many have begun
 * @count: how many, with those that had to go for others; from the namespace's beginning
 */
void half_await_begun(uint64_t count)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;

	while (tnl_counter(KSC_A_STATS_HANDSHAKES) + tnl_counter(KSC_A_STATS_EVICTED_PREFIX) +
		       tnl_counter(KSC_A_STATS_EVICTED_USER) +
		       tnl_counter(KSC_A_STATS_EVICTED_LISTENER) +
		       tnl_counter(KSC_A_STATS_EVICTED_ALL) != count) {
		assert_true(t_now_ms() < end);
		usleep(1000);
	}
}

/**
 * half_count_evicted() - count the evicted handshakes, as their sockets report
 * @halves: the handshakes
 * @n: number of handshakes
 * Return: the number of evicted ones
 */
size_t half_count_evicted(const struct half *halves, size_t n)
{
	size_t gone = 0;

	for (size_t i = 0; i < n; i++)
		gone += half_evicted(&halves[i]);
	return gone;
}

/**
 * half_await_evicted() - wait until so many had to go, and no more
 * @halves: the handshakes
 * @n: of which so many are looked at
 * @count: how many; each is notified a moment after it was counted
 */
void half_await_evicted(const struct half *halves, size_t n, size_t count)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;

	while (half_count_evicted(halves, n) < count && t_now_ms() < end)
		usleep(1000);
	assert_int_equal(half_count_evicted(halves, n), count);
}

/**
 * half_answer() - answer the daemon's next offer
 * @status: enum ksc_status
 * @token: text that the peer gets, or NULL
 * @consume: use up what the peer has sent
 */
void half_answer(uint32_t status, const char *token, bool consume)
{
	struct tnl_event event;
	struct nl_msg *msg;

	do {
		assert_true(tnl_next_event(&half_nl, &event));
		if (event.cmd == KSC_CMD_CONTEXT_DEL)
			tnl_free_event(&event);
	} while (event.cmd == KSC_CMD_CONTEXT_DEL);
	msg = tnl_step(&half_nl, &event, status);
	if (token)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)strlen(token), token);
	if (consume && event.attrs[KSC_A_CONTEXT_TOKEN])
		nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED,
			    (uint32_t)nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]));
	if (tnl_do(&half_nl, msg))
		fail_msg("step: %s (%s)", strerror(-half_nl.error), half_nl.text);
	tnl_free_event(&event);
}
