/* SPDX-License-Identifier: GPL-2.0-only */
/* What the library's files share. */
#ifndef KSCHANNEL_INTERNAL_H
#define KSCHANNEL_INTERNAL_H

#include <netlink/netlink.h>
#include <stdbool.h>

#include "kschannel.h"

/**
 * struct kschannel_credential - what contexts are begun with
 * @role: which side it is for
 * @name: the daemon's name of it, or empty
 * @alpn: ProtocolNameList
 * @alpn_len: its bytes
 * @verify: what is asked of the peer's certificate
 * @timeout: milliseconds
 */
struct kschannel_credential {
	enum ksc_role role;
	char name[KSC_MAX_NAME + 1];
	uint8_t alpn[KSC_MAX_ALPN];
	size_t alpn_len;
	enum ksc_verify verify;
	unsigned int timeout;
};

/**
 * struct kschannel_context - a context, and the netlink socket that has it
 * @sock: the socket, which has no other
 * @family: number of the netlink family
 * @id: the context's number
 * @role: enum ksc_role
 * @seq: number of the request that is under way
 * @acked: the kernel has answered it
 * @error: what it answered, a negative errno
 * @pending: a step's outcome is awaited
 * @lost: messages were dropped, so it has to be asked for
 * @step: the last step's outcome
 * @token: bytes for the peer
 * @token_size: room there
 * @chain: what is to be judged
 * @info: with KSC_STATUS_OK
 */
struct kschannel_context {
	struct nl_sock *sock;
	int family;
	uint64_t id;
	enum ksc_role role;
	uint32_t seq;
	bool acked;
	int error;
	bool pending;
	bool lost;
	struct kschannel_step step;
	uint8_t *token;
	size_t token_size;
	uint8_t *chain;
	struct ksc_info info;
};

int kschannel_msg_open(struct kschannel_context *context,
		       const struct kschannel_credential *credential, const char *target);
int kschannel_msg_step(struct kschannel_context *context, enum ksc_verdict verdict, uint8_t alert,
		       const void *token, size_t len);
int kschannel_msg_await(struct kschannel_context *context, bool wait);

#endif
