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
 * @pick: it wants to be asked for another
 */
struct kschannel_credential {
	enum ksc_role role;
	char name[KSC_MAX_NAME + 1];
	uint8_t alpn[KSC_MAX_ALPN];
	size_t alpn_len;
	enum ksc_verify verify;
	unsigned int timeout;
	bool pick;
};

/**
 * struct kschannel_answer - what a step brings besides the token
 * @verdict: after KSC_STATUS_VERIFY_NEEDED, else KSC_VERDICT_NONE
 * @alert: to reject, or, without a verdict, to give up: which to send, or 0
 * @credential: after KSC_STATUS_INCOMPLETE_CREDENTIALS, a name, else NULL
 */
struct kschannel_answer {
	enum ksc_verdict verdict;
	uint8_t alert;
	const char *credential;
};

/**
 * struct kschannel_details - what the kernel has told of an established context
 * @known: it has
 * @group: or 0
 * @signature: or 0
 * @session: as kschannel_query_session() has it
 * @end_point: channel binding
 * @end_point_len: its bytes, 0 if there is none
 * @chain: the peer's certificates and ours
 * @chain_len: their bytes, 0 if there are none
 */
struct kschannel_details {
	bool known;
	uint16_t group;
	uint16_t signature;
	struct kschannel_session session;
	uint8_t end_point[KSCHANNEL_END_POINT_MAX];
	size_t end_point_len;
	uint8_t *chain[2];
	size_t chain_len[2];
};

/**
 * struct kschannel_material - keying material that was asked for
 * @out: where it is to go, NULL when none is awaited
 * @len: bytes that are wanted
 * @done: it is there
 */
struct kschannel_material {
	void *out;
	size_t len;
	bool done;
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
 * @attached: a socket has its keys
 * @step: the last step's outcome
 * @token: bytes for the peer
 * @token_size: room there
 * @list: what is to be judged, or to pick by
 * @info: with KSC_STATUS_OK
 * @details: likewise, once asked for
 * @material: what the request under way is to bring
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
	bool attached;
	struct kschannel_step step;
	uint8_t *token;
	size_t token_size;
	uint8_t *list;
	struct ksc_info info;
	struct kschannel_details details;
	struct kschannel_material material;
};

int kschannel_msg_open(struct kschannel_context *context,
		       const struct kschannel_credential *credential, const char *target);
int kschannel_msg_step(struct kschannel_context *context, const struct kschannel_answer *answer,
		       const void *token, size_t len);
int kschannel_msg_connect(struct kschannel_context *context);
int kschannel_msg_move(struct kschannel_context *context, int fd);
int kschannel_msg_get(struct kschannel_context *context);
int kschannel_msg_export(struct kschannel_context *context, const struct ksc_export *what,
			 const void *label_context, void *out);
int kschannel_details_take(struct kschannel_details *details, struct nlattr **tb);
void kschannel_details_free(struct kschannel_details *details);
int kschannel_msg_await(struct kschannel_context *context, bool wait);

#endif
