// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannel: the sockets are protected before they connect and listen, and the daemon performs
 * the handshake. The application does nothing else.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <linux/kschannel.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "kschannel.h"

/**
 * ksb_ksc_protect() - make a TCP socket a protected one
 * @fd: the socket, not yet connected
 *
 * Return: 0, -ENOENT without the module, or another negative errno.
 */
int ksb_ksc_protect(int fd)
{
	if (setsockopt(fd, SOL_TCP, TCP_ULP, KSC_ULP_NAME,
		       sizeof(KSC_ULP_NAME)))
		return -errno;
	return 0;
}

/**
 * ksb_ksc_listen() - a protected listener
 * @suite: the suite of its connections: the credential of that name in the daemon's configuration
 *	allows nothing else
 *
 * Return: the socket or a negative errno.
 */
int ksb_ksc_listen(enum ksb_suite suite)
{
	const char *name = ksb_suite_names[suite];
	int fd = ksb_bind(AF_INET);
	int err;

	if (fd < 0)
		return fd;
	err = ksb_ksc_protect(fd);
	if (!err && setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, name,
			       (socklen_t)strlen(name)))
		err = -errno;
	if (!err && listen(fd, KSB_BACKLOG))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/**
 * ksb_ksc_socket() - a protected socket to connect
 * @resume: with the credential that keeps tickets
 *
 * The peer's certificate is not checked: the libraries' are not either.
 *
 * Return: the socket or a negative errno.
 */
int ksb_ksc_socket(bool resume)
{
	static const char resuming[] = "resuming";
	const int verify = KSC_VERIFY_NONE;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = ksb_ksc_protect(fd);
	if (!err && setsockopt(fd, SOL_KSCHANNEL, KSC_VERIFY, &verify,
			       sizeof(verify)))
		err = -errno;
	if (!err && resume && setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL,
					 resuming, strlen(resuming)))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

/**
 * ksb_ksc_explain() - print why a protected socket failed
 * @fd: the socket
 * @what: what failed
 */
void ksb_ksc_explain(int fd, const char *what)
{
	struct ksc_error e = { 0 };
	socklen_t len = sizeof(e);

	if (getsockopt(fd, SOL_KSCHANNEL, KSC_ERROR, &e, &len))
		warn("kschannel: %s", what);
	else
		warnx("kschannel: %s: status %u, %s, alert %u: %s", what,
		      e.status, strerror(e.error), e.alert, e.text);
}

/* A figure for another suite than it says would be worse than none. */
static int check_suite(int fd, enum ksb_suite suite)
{
	static const unsigned int number[KSB_SUITES] = {
		[KSB_AES128] = 0x1301,
		[KSB_AES256] = 0x1302,
		[KSB_CHACHA] = 0x1303,
	};
	struct ksc_info info = { 0 };
	socklen_t len = sizeof(info);

	if (getsockopt(fd, SOL_KSCHANNEL, KSC_INFO, &info, &len)) {
		ksb_ksc_explain(fd, "handshake");
		return -EPROTO;
	}
	if (info.cipher_suite != number[suite]) {
		warnx("kschannel: negotiated suite %#x, not %s",
		      info.cipher_suite, ksb_suite_names[suite]);
		return -EPROTO;
	}
	return 0;
}

static int set_nonblock(int fd, bool on)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK))
		return -errno;
	return 0;
}

/**
 * ksb_ksc_pair() - connect to a protected listener
 * @p: gets both ends, the server's handshake perhaps not quite done
 * @listener: from ksb_ksc_listen()
 * @resume: with a ticket of an earlier connection, if there is one
 *
 * Return: 0 or a negative errno.
 */
int ksb_ksc_pair(struct ksb_pair *p, int listener, bool resume)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);
	int err;

	*p = (struct ksb_pair){ .client.fd = -1, .server.fd = -1 };
	if (getsockname(listener, (struct sockaddr *)&addr, &len))
		return -errno;
	p->client.fd = ksb_ksc_socket(resume);
	if (p->client.fd < 0)
		return p->client.fd;
	/* the handshake waits for accept(), and that is up to this thread */
	err = set_nonblock(p->client.fd, true);
	if (!err && connect(p->client.fd, (struct sockaddr *)&addr, len) &&
	    errno != EINPROGRESS) {
		err = -errno;
		ksb_ksc_explain(p->client.fd, "connect");
	}
	if (!err) {
		p->server.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (p->server.fd < 0) {
			err = -errno;
			warn("kschannel: accept");
		}
	}
	if (!err)
		err = set_nonblock(p->client.fd, false);
	if (!err)
		err = ksb_ksc_finish(p->client.fd);
	if (err)
		ksb_pair_close(p);
	return err;
}

/**
 * ksb_ksc_finish() - wait for the end of a handshake
 * @fd: the socket, blocking
 *
 * Return: 0 or a negative errno.
 */
int ksb_ksc_finish(int fd)
{
	const int on = 1;
	int err;

	if (!setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &on, sizeof(on)))
		return 0;
	err = -errno;
	ksb_ksc_explain(fd, "handshake");
	return err;
}

static int ksc_open(struct ksb_pair *p, enum ksb_suite suite)
{
	int listener = ksb_ksc_listen(suite);
	int err;

	if (listener < 0)
		return listener;
	err = ksb_ksc_pair(p, listener, false);
	close(listener);
	if (err)
		return err;
	err = ksb_ksc_finish(p->server.fd);
	if (!err)
		err = check_suite(p->client.fd, suite);
	if (!err)
		err = check_suite(p->server.fd, suite);
	if (err)
		ksb_pair_close(p);
	return err;
}

#define IDLE_SECONDS "/sys/module/kschannel/parameters/idle_seconds"
/* Between two reads of the counter, which can't be polled. */
#define LOOK_US 100000
#define LOOKS 600

static int set_idle(const char *seconds)
{
	FILE *f = fopen(IDLE_SECONDS, "we");
	int err;

	if (!f)
		return -errno;
	err = fputs(seconds, f) < 0 ? -EIO : 0;
	if (fclose(f))
		err = -errno;
	return err;
}

/* Ciphers of idle connections that were freed so far */
static int64_t count_parked(void)
{
	struct json_object *stats;
	struct json_object *count;
	char text[8192];
	int64_t parked = -1;
	FILE *f = popen("kschannelctl stats --json", "re"); /* NOLINT(cert-env33-c) */
	size_t n;

	if (!f)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	if (pclose(f))
		return -1;
	stats = json_tokener_parse(text);
	if (json_object_object_get_ex(stats, "ciphers_parked", &count))
		parked = json_object_get_int64(count);
	json_object_put(stats);
	return parked;
}

static int ksc_idle(bool on, unsigned int connections)
{
	static int64_t before;
	int i;
	int err = 0;

	if (!on) {
		before = count_parked();
		return before < 0 ? -EIO : set_idle("0");
	}
	err = set_idle("1");
	/* Both directions of both ends */
	for (i = 0; !err && count_parked() < before + 4L * connections; i++) {
		if (i == LOOKS)
			err = -ETIMEDOUT;
		usleep(LOOK_US);
	}
	return set_idle("10") ?: err;
}

const struct ksb_transport ksb_kschannel = {
	.name		= "kschannel",
	.open		= ksc_open,
	.send		= ksb_sock_send,
	.recv		= ksb_sock_recv,
	.close		= ksb_pair_close,
	.sendfile	= ksb_sock_sendfile,
	.splices	= true,
	.idle		= ksc_idle,
};
