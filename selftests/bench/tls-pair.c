// SPDX-License-Identifier: GPL-2.0
/*
 * Connections with a TLS library on both ends.
 */
#include <errno.h>
#include <poll.h>

#include "tls.h"

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
	int client = -EAGAIN;
	int server = -EAGAIN;
	int err = ksb_pair_connect(p);

	if (err)
		return err;
	err = ksb_pair_nonblock(p);
	if (!err)
		err = lib->start(&p->client, suite, false, false);
	if (!err)
		err = lib->start(&p->server, suite, true, false);
	while (!err && (client || server)) {
		if (client)
			client = lib->step(&p->client);
		if (client && client != -EAGAIN)
			err = client;
		if (!err && server)
			server = lib->step(&p->server);
		if (server && server != -EAGAIN)
			err = server;
	}
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
