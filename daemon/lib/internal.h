/* SPDX-License-Identifier: GPL-2.0-only */
/* What the library's files share. */
#ifndef KSCHANNEL_INTERNAL_H
#define KSCHANNEL_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/message.h"
#include "lib/kschannel.h"

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
 * struct kschannel_request - what a step brings besides the token
 * @begin: credential of a context that the daemon does not know yet, else NULL
 * @target: with it: name of the server, or NULL
 * @verdict: after KSC_STATUS_VERIFY_NEEDED, else KSC_VERDICT_NONE
 * @alert: to reject, or, without a verdict, to give up: which to send, or 0
 * @pick: after KSC_STATUS_INCOMPLETE_CREDENTIALS, a name, else NULL
 */
struct kschannel_request {
	const struct kschannel_credential *begin;
	const char *target;
	enum ksc_verdict verdict;
	uint8_t alert;
	const char *pick;
};

/**
 * enum kschannel_state - how far a context is
 * @KSCHANNEL_OPEN: its handshake goes on
 * @KSCHANNEL_DONE: and is done
 * @KSCHANNEL_ATTACHED: a socket has its keys
 * @KSCHANNEL_FAILED: it has failed
 * @KSCHANNEL_TIMED_OUT: its time was over
 */
enum kschannel_state {
	KSCHANNEL_OPEN,
	KSCHANNEL_DONE,
	KSCHANNEL_ATTACHED,
	KSCHANNEL_FAILED,
	KSCHANNEL_TIMED_OUT,
};

/**
 * struct kschannel_context - a context
 * @fd: its connection to the daemon, -1 when the handshake is over
 * @key: descriptor of its keys, -1 but when it is done
 * @state: how far it is
 * @role: which side
 * @verify: what was asked of the peer's certificate
 * @pick: a question for another credential was asked for
 * @begun: the daemon knows it, unless it says otherwise
 * @beginning: the step under way is the one that tells it
 * @pending: a step's outcome is awaited
 * @answered: the daemon has said something
 * @deadline: when it is late, milliseconds of CLOCK_MONOTONIC
 * @seq: that step's number
 * @offered: and bytes of token
 * @step: the last step's outcome
 * @answer: the message that this lies in, or NULL; when it is done, that goes for
 *	all that is known of it
 * @chain: the peer's certificates and ours, or NULL
 * @details: nest of enum ksc_m_details, or NULL
 * @info: when it is done
 */
struct kschannel_context {
	int fd;
	int key;
	enum kschannel_state state;
	enum ksc_role role;
	enum ksc_verify verify;
	bool pick;
	bool begun;
	bool beginning;
	bool pending;
	bool answered;
	int64_t deadline;
	uint32_t seq;
	size_t offered;
	struct kschannel_step step;
	struct nlmsghdr *answer;
	const struct nlattr *chain[2];
	struct nlattr *details;
	struct ksc_info info;
};

/* Room for one descriptor, aligned as the head has to be. */
union kschannel_rights {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

struct kschannel_context *kschannel_new_context(void);
int kschannel_connect(struct kschannel_context *context, unsigned int timeout, bool wait);
int kschannel_offer(struct kschannel_context *context, const struct kschannel_request *request,
		    const void *token, size_t len);
int kschannel_await(struct kschannel_context *context, bool wait);
ssize_t kschannel_peek(int sock, void *head, size_t size, int flags, int *fd, bool *whole);
void kschannel_drop(int *fd);

#endif
