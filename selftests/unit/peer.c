// SPDX-License-Identifier: GPL-2.0-only
/* What the peers of both libraries share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

void wire_put(struct wire *wire, const void *data, size_t len)
{
	if (len > sizeof(wire->data) - wire->len) {
		fprintf(stderr, "a wire of the tests is too short\n");
		abort();
	}
	if (len)
		memcpy(wire->data + wire->len, data, len);
	wire->len += len;
}

void wire_eat(struct wire *wire, size_t len)
{
	if (len > wire->len) {
		fprintf(stderr, "more was eaten than there was\n");
		abort();
	}
	wire->len -= len;
	memmove(wire->data, wire->data + len, wire->len);
}

/* Lives until the fourth call from now. */
const char *cert_path(const char *name, const char *suffix)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s.%s", KSC_TEST_CERTS, name, suffix);
	return path;
}

struct peer *peer_new(const struct peer_type *type, const struct peer_options *options)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	if (!peer)
		abort();
	peer->type = type;
	peer->options = *options;
	type->start(peer);
	return peer;
}

void peer_free(struct peer *peer)
{
	peer->type->end(peer);
	free(peer);
}
