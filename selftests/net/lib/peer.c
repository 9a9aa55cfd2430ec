// SPDX-License-Identifier: GPL-2.0-only
/* A peer that uses another TLS library, in a thread of its own. */
#include <sys/time.h>
#include <unistd.h>

#include "peer.h"

/**
 * peer_error() - note a failure, if it is the first
 * @peer: the peer
 * @fmt: as for printf()
 * Return: -1
 */
int peer_error(struct peer *peer, const char *fmt, ...)
{
	va_list ap;

	if (peer->error[0])
		return -1;
	va_start(ap, fmt);
	vsnprintf(peer->error, sizeof(peer->error), fmt, ap);
	va_end(ap);
	/* for the reader of a test that fails before it looks */
	fprintf(stderr, "# peer: %s\n", peer->error);
	return -1;
}

static int get_connection(struct peer *peer)
{
	const struct timeval tv = { .tv_sec = PATIENCE_S };

	if (peer->listener >= 0) {
		peer->fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
		if (peer->fd < 0)
			return peer_error(peer, "accept: %s", strerror(errno));
	} else {
		peer->fd = socket(peer->addr.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (connect(peer->fd, (struct sockaddr *)&peer->addr.ss, peer->addr.len))
			return peer_error(peer, "connect: %s", strerror(errno));
	}
	setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(peer->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	return 0;
}

static void *peer_main(void *arg)
{
	struct peer *peer = arg;

	if (!get_connection(peer)) {
		if (!peer->ops->open(peer))
			peer->run(peer);
		peer->ops->free(peer);
	}
	/* run may have closed it in a way of its own */
	if (peer->fd >= 0)
		close(peer->fd);
	return NULL;
}

static void start(struct peer *peer, const struct peer_conf *conf, peer_fn run)
{
	peer->conf = *conf;
	peer->run = run;
	peer->fd = -1;
	peer->ops = conf->library == PEER_OPENSSL ? &peer_openssl_ops : &peer_gnutls_ops;
	if (!peer->conf.name)
		peer->conf.name = "server.test";
	if (!peer->conf.cert && conf->server)
		peer->conf.cert = "server";
	t_thread(&peer->thread, peer_main, peer);
}

/**
 * peer_accept() - start a peer that waits for a connection
 * @peer: the peer; zeroed, but for what @run wants in arg
 * @conf: how it is set up
 * @listener: where it waits
 * @run: what it does
 */
void peer_accept(struct peer *peer, const struct peer_conf *conf, int listener, peer_fn run)
{
	peer->listener = listener;
	start(peer, conf, run);
}

/**
 * peer_connect() - start a peer that connects
 * @peer: the peer; zeroed, but for what @run wants in arg
 * @conf: how it is set up
 * @addr: where to
 * @run: what it does
 */
void peer_connect(struct peer *peer, const struct peer_conf *conf, const struct t_addr *addr,
		  peer_fn run)
{
	peer->listener = -1;
	peer->addr = *addr;
	start(peer, conf, run);
}

/**
 * peer_serve() - start a server for one connection, and connect to it
 * @peer: the peer; zeroed, but for what @run wants in arg
 * @conf: how it is set up
 * @run: what it does
 * Return: a protected socket, its handshake done
 */
int peer_serve(struct peer *peer, const struct peer_conf *conf, peer_fn run)
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	peer_accept(peer, conf, listener, run);
	fd = t_connect(&addr, &t_client);
	close(listener);
	return fd;
}

/**
 * peer_join() - wait for a peer's end and insist on its success
 * @peer: the peer
 */
void peer_join(struct peer *peer)
{
	t_join(peer->thread);
	if (peer->error[0])
		fail_msg("peer: %s", peer->error);
}

/**
 * peer_join_failed() - wait for a peer's end and insist on its failure
 * @peer: the peer
 * @part_of_error: what its explanation has to contain
 */
void peer_join_failed(struct peer *peer, const char *part_of_error)
{
	t_join(peer->thread);
	if (!strstr(peer->error, part_of_error))
		fail_msg("peer: \"%s\", not \"%s\"", peer->error, part_of_error);
}

/**
 * peer_handshake() - run the handshake
 * @peer: the peer
 * Return: 0, or -1
 */
int peer_handshake(struct peer *peer)
{
	return peer->ops->handshake(peer);
}

/**
 * peer_read() - receive
 * @peer: the peer
 * @data: where to put it
 * @len: how much fits
 * Return: how much came, of one record at most; 0 for close_notify, or -1
 */
ssize_t peer_read(struct peer *peer, void *data, size_t len)
{
	return peer->ops->read(peer, data, len);
}

/**
 * peer_read_all() - receive all of it
 * @peer: the peer
 * @data: where to put it
 * @len: how much
 * Return: 0, or -1
 */
int peer_read_all(struct peer *peer, void *data, size_t len)
{
	char *p = data;

	while (len) {
		ssize_t n = peer_read(peer, p, len);

		if (n <= 0)
			return peer_error(peer, "close_notify with %zu bytes to come", len);
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/**
 * peer_write() - send all of it
 * @peer: the peer
 * @data: the data
 * @len: how much
 * Return: 0, or -1
 */
int peer_write(struct peer *peer, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = peer->ops->write(peer, p, len);

		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/**
 * peer_expect() - receive a text
 * @peer: the peer
 * @text: what it has to be
 * Return: 0, or -1
 */
int peer_expect(struct peer *peer, const char *text)
{
	char got[256] = "";

	if (peer_read_all(peer, got, strlen(text)))
		return -1;
	if (strcmp(got, text) != 0)
		return peer_error(peer, "received \"%s\", not \"%s\"", got, text);
	return 0;
}

/**
 * peer_expect_close() - insist on close_notify
 * @peer: the peer
 * Return: 0, or -1
 */
int peer_expect_close(struct peer *peer)
{
	char c;
	ssize_t n = peer_read(peer, &c, 1);

	if (n > 0)
		return peer_error(peer, "received 0x%02x, not close_notify", (uint8_t)c);
	return n ? -1 : 0;
}

/**
 * peer_close() - send close_notify
 * @peer: the peer
 * Return: 0, or -1
 */
int peer_close(struct peer *peer)
{
	return peer->ops->close(peer);
}

/**
 * peer_await_fin() - read and drop TCP's data until its end
 * @peer: the peer
 *
 * So that closing does not reset the connection.
 */
void peer_await_fin(struct peer *peer)
{
	char buf[512];

	while (recv(peer->fd, buf, sizeof(buf), 0) > 0)
		;
}

/**
 * peer_echo() - a peer that sends back what it receives, to the end
 * @peer: the peer
 */
void peer_echo(struct peer *peer)
{
	static _Thread_local char buf[65536];
	ssize_t n;

	if (peer_handshake(peer))
		return;
	while ((n = peer_read(peer, buf, sizeof(buf))) > 0) {
		if (peer_write(peer, buf, (size_t)n))
			return;
	}
	if (!n && !peer_close(peer))
		peer_await_fin(peer);
}

/**
 * peer_greet() - a peer that says hello, and waits for the end
 * @peer: the peer
 */
void peer_greet(struct peer *peer)
{
	if (peer_handshake(peer) || peer_write(peer, "hello", 5))
		return;
	if (!peer_expect_close(peer))
		peer_close(peer);
}

/**
 * peer_note_records() - a peer that notes which records come, to the end
 * @peer: the peer, whose arg is a struct peer_records
 */
void peer_note_records(struct peer *peer)
{
	struct peer_records *records = peer->arg;
	size_t used = 0;
	ssize_t n = 1;

	memset(records, 0, sizeof(*records));
	if (peer_handshake(peer))
		return;
	while (n > 0 && used + 2 < sizeof(records->text)) {
		n = peer_read(peer, records->text + used, sizeof(records->text) - used - 2);
		if (n > 0) {
			used += (size_t)n;
			records->text[used++] = '|';
		}
	}
	if (!n)
		peer_close(peer);
}
