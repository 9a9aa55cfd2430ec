// SPDX-License-Identifier: GPL-2.0-only
/* Two contexts of libkschannel that shake hands with each other. */
#include <string.h>
#include <unistd.h>

#include "lib.h"
#include "nl.h"

const char *target;
struct side client, server;

/**
 * side_step() - make a step with what has come
 * @side: client or server
 * @flags: KSCHANNEL_NONBLOCK
 *
 * Return: as the library's function; what was used up is gone
 */
int side_step(struct side *side, unsigned int flags)
{
	int rc = side == &client ?
		 kschannel_initialize_context(&side->ctx, side->cred, target, flags, side->in,
					      side->len, &side->step) :
		 kschannel_accept_context(&side->ctx, side->cred, flags, side->in, side->len,
					  &side->step);

	if (!rc) {
		side->len -= side->step.consumed;
		memmove(side->in, side->in + side->step.consumed, side->len);
	}
	return rc;
}

/**
 * side_take() - receive a token
 * @side: the receiver
 * @step: the other's step that brought it
 */
void side_take(struct side *side, const struct kschannel_step *step)
{
	assert_in_range(side->len + step->token_len, 0, sizeof(side->in));
	memcpy(side->in + side->len, step->token, step->token_len);
	side->len += step->token_len;
}

/**
 * lib_setup() - cmocka's setup: the default credentials, no contexts
 * @state: unused
 *
 * Return: 0, or less on failure
 */
int lib_setup(void **state)
{
	struct kschannel_params params = { .role = KSC_ROLE_CLIENT };

	(void)state;
	memset(&client, 0, sizeof(client));
	memset(&server, 0, sizeof(server));
	target = "server.test";
	if (kschannel_acquire_credential(&client.cred, &params))
		return -1;
	params.role = KSC_ROLE_SERVER;
	return kschannel_acquire_credential(&server.cred, &params);
}

/**
 * lib_credentials() - use others than the default ones
 * @ours: name of the client's, or NULL
 * @theirs: and of the server's
 */
void lib_credentials(const char *ours, const char *theirs)
{
	struct kschannel_params params = { .role = KSC_ROLE_CLIENT, .name = ours };

	kschannel_free_credential(client.cred);
	kschannel_free_credential(server.cred);
	assert_int_equal(kschannel_acquire_credential(&client.cred, &params), 0);
	params.role = KSC_ROLE_SERVER;
	params.name = theirs;
	assert_int_equal(kschannel_acquire_credential(&server.cred, &params), 0);
}

/**
 * lib_teardown() - cmocka's teardown; the kernel has to have nothing left
 * @state: unused
 *
 * Return: 0
 */
int lib_teardown(void **state)
{
	(void)state;
	kschannel_delete_context(client.ctx);
	kschannel_delete_context(server.ctx);
	kschannel_free_credential(client.cred);
	kschannel_free_credential(server.cred);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	return 0;
}

/**
 * lib_handshake() - step until neither goes on
 */
void lib_handshake(void)
{
	struct side *from = &client, *to = &server;

	assert_int_equal(side_step(from, 0), 0);
	while (from->step.token_len) {
		side_take(to, &from->step);
		if (to->ctx && to->step.status == KSC_STATUS_OK)
			break;
		assert_int_equal(side_step(to, 0), 0);
		to = from;
		from = to == &client ? &server : &client;
	}
}

/**
 * lib_attach() - attach both contexts to sockets
 * @fds: set to the client's and the server's
 */
void lib_attach(int fds[2])
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
	assert_int_equal(kschannel_attach(client.ctx, fds[0], client.in, client.len), 0);
	assert_int_equal(kschannel_attach(server.ctx, fds[1], server.in, server.len), 0);
}
