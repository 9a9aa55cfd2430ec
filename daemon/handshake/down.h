/* SPDX-License-Identifier: GPL-2.0-only */
/* down.c: messages to the kernel: results of steps, and keys. */
#ifndef KSC_DOWN_H
#define KSC_DOWN_H

#include <stdint.h>
#include <netlink/msg.h>

#include "engine/engine.h"

/**
 * struct ksc_key_request - keys of a handshake that an application carried
 * @id: their number
 * @role: our role
 * @step: the handshake's last step
 * @credential: the requested credential, or ""
 * @verify: how the peer's certificate was verified
 * @uid: user that they count for
 * @netns: cookie of the network namespace in which they can be attached
 */
struct ksc_key_request {
	uint64_t id;
	enum ksc_role role;
	const struct ksc_step *step;
	const char *credential;
	enum ksc_verify verify;
	uid_t uid;
	uint64_t netns;
};

int ksc_down_step(struct nl_msg *msg, uint64_t id, uint32_t seq, const struct ksc_step *step);
int ksc_down_key(struct nl_msg *msg, const struct ksc_key_request *request);

#endif
