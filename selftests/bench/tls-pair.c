// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections with a TLS library on both ends.
 */
#include <errno.h>

#include "tls.h"

static int timed_step(const struct ksb_library *lib, struct ksb_end *e,
		      uint64_t *spent)
{
	uint64_t t0 = ksb_now();
	int err = lib->step(e);

	*spent += ksb_now() - t0;
	return err;
}

/**
 * ksb_library_shake() - the handshake of both ends of a connection
 * @lib: the library
 * @p: the ends, with sessions started
 * @client: the client's part is added to it
 * @server: the server's part is added to it
 *
 * Return: 0 or a negative errno.
 */
int ksb_library_shake(const struct ksb_library *lib, struct ksb_pair *p,
		      uint64_t *client, uint64_t *server)
{
	int c = -EAGAIN;
	int s = -EAGAIN;

	while (c || s) {
		if (c)
			c = timed_step(lib, &p->client, client);
		if (c && c != -EAGAIN)
			return c;
		if (s)
			s = timed_step(lib, &p->server, server);
		if (s && s != -EAGAIN)
			return s;
	}
	return 0;
}

/**
 * ksb_library_pair() - a connection with the handshake done
 * @lib: the library
 * @p: gets both ends, non-blocking
 * @suite: what to negotiate
 *
 * Return: 0 or a negative errno.
 */
int ksb_library_pair(const struct ksb_library *lib, struct ksb_pair *p,
		     enum ksb_suite suite)
{
	uint64_t spent = 0;
	int err = ksb_pair_connect(p);

	if (err)
		return err;
	err = ksb_pair_nonblock(p);
	if (!err)
		err = ksb_pair_nodelay(p);
	if (!err)
		err = lib->start(&p->client, suite, false, false);
	if (!err)
		err = lib->start(&p->server, suite, true, false);
	if (!err)
		err = ksb_library_shake(lib, p, &spent, &spent);
	if (err)
		ksb_library_close(lib, p);
	return err;
}

/**
 * ksb_library_close() - close the connection and free the sessions
 * @lib: the library
 * @p: the connection
 */
void ksb_library_close(const struct ksb_library *lib, struct ksb_pair *p)
{
	if (p->client.tls)
		lib->end(&p->client);
	if (p->server.tls)
		lib->end(&p->server);
	p->client.tls = NULL;
	p->server.tls = NULL;
	ksb_pair_close(p);
}
