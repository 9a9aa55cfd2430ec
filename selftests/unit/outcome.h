/* SPDX-License-Identifier: GPL-2.0-only */
/* outcome.c: a handshake with a peer, and its outcome. */
#ifndef KSC_TEST_OUTCOME_H
#define KSC_TEST_OUTCOME_H

#include "side.h"

/**
 * struct outcome - what a handshake came to
 * @status: of our side
 * @alert: that was in play
 * @direction: which way it went
 * @text: why it failed
 * @info: of our side
 * @peer_done: the peer is content
 * @peer_error: what the peer's library says
 */
struct outcome {
	enum ksc_status status;
	uint8_t alert;
	enum ksc_direction direction;
	char text[KSC_MAX_TEXT + 1];
	struct ksc_session_info info;
};

extern const struct cred_options trusting;

struct outcome meet(const struct peer_type *type, const struct cred_options *creds, size_t n,
		    struct ksc_engine_params params, struct peer_options opt);
struct outcome connect_to(const char *cert, const char *server_name, const char *address,
			  enum ksc_verify verify, bool tls12);

#endif
