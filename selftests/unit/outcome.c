// SPDX-License-Identifier: GPL-2.0-only
/* A handshake with a peer, and its outcome. */
#include <string.h>

#include "outcome.h"

/* A client that accepts the tests' authority, and no more. */
const struct cred_options trusting = { .ca = "ca" };

/**
 * meet() - run a handshake between our side and a peer
 * @type: the peer's library
 * @creds: our credentials
 * @n: number of credentials
 * @params: our side
 * @opt: the peer
 *
 * Return: what it came to
 */
struct outcome meet(const struct peer_type *type, const struct cred_options *creds, size_t n,
		    struct ksc_engine_params params, struct peer_options opt)
{
	struct outcome o = { 0 };
	struct side *side;
	struct peer *peer;

	params.credentials = creds_new(creds, n);
	side = side_new(&params);
	peer = peer_new(type, &opt);
	o.status = shake(side, peer, WHOLE);
	o.alert = side->step.alert;
	o.direction = side->step.direction;
	memcpy(o.text, side->step.text, sizeof(o.text));
	o.info = side->step.info;
	if (o.status == KSC_STATUS_OK && peer->done)
		prove_keys(side, peer);
	side_free(side);
	peer_free(peer);
	ksc_credentials_put(params.credentials);
	return o;
}

/**
 * connect_to() - run a handshake between our client and a server
 * @cert: the server's certificate
 * @server_name: for our client, or NULL
 * @address: where, or NULL
 * @verify: what our client asks of it
 * @tls12: the server has nothing newer
 *
 * Return: what it came to
 */
struct outcome connect_to(const char *cert, const char *server_name, const char *address,
			  enum ksc_verify verify, bool tls12)
{
	return meet(&peer_gnutls, &trusting, 1, (struct ksc_engine_params) {
			.role = KSC_ROLE_CLIENT, .server_name = server_name,
			.peer_address = address, .verify = verify,
		}, (struct peer_options) { .server = true, .cert = cert, .tls12 = tls12 });
}
