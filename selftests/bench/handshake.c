// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections made: TCP's part, the client's and the server's.
 *
 * A library's parts are counted directly. With kschannel the same daemon
 * serves both ends; each part is what remains of a handshake with GnuTLS when
 * GnuTLS's own part and TCP's are taken away. GnuTLS's part is then this
 * thread's CPU time, for the daemon may run in the midst of it.
 */
#include <err.h>
#include <errno.h>
#include <linux/kschannel.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kschannel.h"
#include "tls.h"

#define WARM_UP		8
#define ROUNDS		32
#define STALL_MS	10000

/**
 * struct shake - handshakes of one kind
 * @suite: what is negotiated
 * @resume: all but the first resume
 * @listener: what is connected to
 * @lib: the library, or the peer of kschannel
 * @total: counted for all of it, from connect() on
 * @client: of that, the client's part
 * @server: of that, the server's part
 */
struct shake {
	enum ksb_suite suite;
	bool resume;
	int listener;
	const struct ksb_library *lib;
	uint64_t total;
	uint64_t client;
	uint64_t server;
};

static int tcp_round(struct shake *s, bool first)
{
	struct ksb_pair p;
	uint64_t t0 = ksb_now();
	int err = ksb_pair_connect_to(&p, s->listener);

	(void)first;
	if (err)
		return err;
	s->total += ksb_now() - t0;
	ksb_pair_close(&p);
	return 0;
}

static uint64_t cpu_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int timed_start(struct shake *s, struct ksb_end *e, bool server,
		       bool resume, uint64_t *spent)
{
	uint64_t t0 = ksb_now();
	int err = s->lib->start(e, s->suite, server, resume);

	*spent += ksb_now() - t0;
	return err;
}

static int library_round(struct shake *s, bool first)
{
	bool resume = s->resume && !first;
	struct ksb_pair p;
	uint64_t t0 = ksb_now();
	int err = ksb_pair_connect_to(&p, s->listener);

	if (err)
		return err;
	err = ksb_pair_nonblock(&p);
	/* GnuTLS writes a flight in pieces: Nagle and delayed ACKs would wait. */
	if (!err)
		err = ksb_pair_nodelay(&p);
	if (!err)
		err = timed_start(s, &p.client, false, resume, &s->client);
	if (!err)
		err = timed_start(s, &p.server, true, false, &s->server);
	if (!err)
		err = ksb_library_shake(s->lib, &p, &s->client, &s->server);
	s->total += ksb_now() - t0;
	if (!err && s->resume)
		err = s->lib->keep(&p.client);
	if (!err && resume != s->lib->resumed(&p.client)) {
		warnx("%s: a handshake was%s resumed", s->lib->name,
		      resume ? " not" : "");
		err = -EPROTO;
	}
	ksb_library_close(s->lib, &p);
	return err;
}

static int check_resumed(int fd, bool resume)
{
	struct ksc_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len))
		return -errno;
	if (resume && !(info.flags & KSC_INFO_F_RESUMED))
		return -EOPNOTSUPP;
	return !resume && (info.flags & KSC_INFO_F_RESUMED) ? -EPROTO : 0;
}

/* They come before the first data, for the next connection. */
static int take_tickets(struct ksb_pair *p)
{
	char c = '!';

	if (send(p->server.fd, &c, 1, MSG_NOSIGNAL) != 1)
		return -errno;
	return recv(p->client.fd, &c, 1, 0) == 1 ? 0 : -EPIPE;
}

static int ksc_round(struct shake *s, bool first)
{
	struct ksb_pair p;
	uint64_t t0 = ksb_now();
	int err = ksb_ksc_pair(&p, s->listener, s->resume);

	if (err)
		return err;
	err = ksb_ksc_finish(p.server.fd);
	s->total += ksb_now() - t0;
	if (!err)
		err = check_resumed(p.client.fd, s->resume && !first);
	if (!err && s->resume)
		err = take_tickets(&p);
	ksb_pair_close(&p);
	return err;
}

/* The library's end of a connection whose other end is kschannel's. */
static int peer_shake(struct shake *s, struct ksb_end *e, bool server,
		      bool resume, uint64_t *spent)
{
	uint64_t t0 = cpu_now();
	int err = s->lib->start(e, s->suite, server, resume);

	while (!err) {
		err = s->lib->step(e);
		*spent += cpu_now() - t0;
		if (!err)
			return 0;
		if (err == -EAGAIN)
			err = ksb_wait(e->fd, POLLIN, STALL_MS);
		t0 = cpu_now();
	}
	return err;
}

static int connect_to(int fd, int listener)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(listener, (struct sockaddr *)&addr, &len))
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, len) && errno != EINPROGRESS)
		return -errno;
	return 0;
}

static int set_nonblock(int fd, bool on)
{
	struct ksb_pair p = { .client.fd = fd, .server.fd = fd };

	return on ? ksb_pair_nonblock(&p) : ksb_pair_block(&p);
}

static int set_nodelay(int fd)
{
	struct ksb_pair p = { .client.fd = fd, .server.fd = fd };

	return ksb_pair_nodelay(&p);
}

/* kschannel connects to GnuTLS. */
static int ksc_client_round(struct shake *s, bool first)
{
	struct ksb_pair p = { .client.fd = -1, .server.fd = -1 };
	uint64_t t0 = ksb_now();
	int err = 0;
	char c;

	p.client.fd = ksb_ksc_socket(s->resume);
	if (p.client.fd < 0)
		return p.client.fd;
	err = set_nonblock(p.client.fd, true);
	/* What is counted is work, not waiting for GnuTLS's delayed ACKs. */
	if (!err)
		err = set_nodelay(p.client.fd);
	if (!err)
		err = connect_to(p.client.fd, s->listener);
	if (!err) {
		p.server.fd = accept4(s->listener, NULL, NULL,
				      SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (p.server.fd < 0)
			err = -errno;
	}
	if (!err)
		err = set_nodelay(p.server.fd);
	if (!err)
		err = peer_shake(s, &p.server, true, false, &s->server);
	if (!err)
		err = set_nonblock(p.client.fd, false);
	if (!err)
		err = ksb_ksc_finish(p.client.fd);
	s->total += ksb_now() - t0;
	if (!err)
		err = check_resumed(p.client.fd, s->resume && !first);
	/* It sent its tickets before; this reads them, and there is no data. */
	if (!err && s->resume && recv(p.client.fd, &c, 1, MSG_DONTWAIT) >= 0)
		err = -EPROTO;
	ksb_library_close(s->lib, &p);
	return err;
}

/* GnuTLS connects to kschannel. */
static int ksc_server_round(struct shake *s, bool first)
{
	bool resume = s->resume && !first;
	struct ksb_pair p;
	uint64_t t0 = ksb_now();
	int err = ksb_pair_connect_to(&p, s->listener);

	if (err)
		return err;
	err = set_nonblock(p.client.fd, true);
	if (!err)
		err = set_nodelay(p.client.fd);
	if (!err)
		err = peer_shake(s, &p.client, false, resume, &s->client);
	if (!err)
		err = ksb_ksc_finish(p.server.fd);
	s->total += ksb_now() - t0;
	if (!err && s->resume)
		err = s->lib->keep(&p.client);
	if (!err && resume && !s->lib->resumed(&p.client))
		err = -EOPNOTSUPP;
	ksb_library_close(s->lib, &p);
	return err;
}

static int run_rounds(struct shake *s, int (*round)(struct shake *, bool))
{
	int i;

	for (i = 0; i < WARM_UP + ROUNDS; i++) {
		int err;

		if (i == WARM_UP) {
			s->total = 0;
			s->client = 0;
			s->server = 0;
			ksb_mark_begin();
		}
		err = round(s, !i);
		if (err)
			return err;
	}
	ksb_mark_end();
	return 0;
}

static int run_shake(struct shake *s, bool protected,
		     int (*round)(struct shake *, bool))
{
	int err;

	s->listener = protected ? ksb_ksc_listen(s->suite) :
				  ksb_listen(AF_INET);
	if (s->listener < 0)
		return s->listener;
	err = run_rounds(s, round);
	close(s->listener);
	return err;
}

static int measure_ksc(struct shake *s, struct ksb_cost *cost)
{
	struct shake tcp = *s;
	struct shake half = *s;
	int err = run_shake(s, true, ksc_round);

	half.lib = &ksb_gnutls_library;
	if (!err)
		err = run_shake(&tcp, false, tcp_round);
	if (!err)
		err = run_shake(&half, false, ksc_client_round);
	if (err)
		return err;
	cost->tx = (double)(half.total - half.server - tcp.total) / ROUNDS;
	err = run_shake(&half, true, ksc_server_round);
	if (err)
		return err;
	cost->rx = (double)(half.total - half.client - tcp.total) / ROUNDS;
	cost->total = (double)s->total / ROUNDS;
	return 0;
}

static int measure_library(struct shake *s, struct ksb_cost *cost)
{
	int err = run_shake(s, false, library_round);

	if (err)
		return err;
	cost->total = (double)s->total / ROUNDS;
	cost->tx = (double)s->client / ROUNDS;
	cost->rx = (double)s->server / ROUNDS;
	return 0;
}

/**
 * ksb_measure_handshake() - measure connections being made
 * @id: what they are made with
 * @suite: what they negotiate
 * @resume: with the ticket of an earlier one
 * @cost: the result, for one connection
 *
 * Return: 0, -EOPNOTSUPP if @id can't do it, -ENOENT if it is not here, or another negative errno.
 */
int ksb_measure_handshake(enum ksb_transport_id id, enum ksb_suite suite,
			  bool resume, struct ksb_cost *cost)
{
	struct shake s = { .suite = suite, .resume = resume };
	int err;

	*cost = (struct ksb_cost){ 0 };
	switch (id) {
	case KSB_PLAIN:
		err = run_shake(&s, false, tcp_round);
		cost->total = (double)s.total / ROUNDS;
		break;
	case KSB_KSCHANNEL:
		err = measure_ksc(&s, cost);
		break;
	case KSB_GNUTLS:
		s.lib = &ksb_gnutls_library;
		err = measure_library(&s, cost);
		break;
	case KSB_OPENSSL:
		s.lib = &ksb_openssl_library;
		err = measure_library(&s, cost);
		break;
	default:
		return -EOPNOTSUPP;
	}
	cost->valid = !err;
	return err;
}
