/* SPDX-License-Identifier: GPL-2.0-only */
/* Declarations shared by the library's files. */
#ifndef KSCHANNEL_INTERNAL_H
#define KSCHANNEL_INTERNAL_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/message.h"
#include "lib/kschannel.h"

/**
 * struct kschannel_credential - parameters of contexts
 * @role: client or server
 * @name: name of the daemon's credential, or ""
 * @alpn: ProtocolNameList
 * @alpn_len: its size in bytes
 * @verify: how the peer's certificate is verified
 * @timeout: time limit of handshakes in milliseconds
 * @pick: the caller picks the certificate, see KSCHANNEL_PICK
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
 * struct kschannel_request - what a step brings in addition to the token
 * @begin: credential of a context that the daemon does not know yet, otherwise NULL
 * @target: with @begin: name of the server, or NULL
 * @verdict: after KSC_STATUS_VERIFY_NEEDED, otherwise KSC_VERDICT_NONE
 * @alert: alert to reject the peer with, or, without a verdict, to abort the handshake with; or 0
 * @pick: after KSC_STATUS_INCOMPLETE_CREDENTIALS, a name, otherwise NULL
 */
struct kschannel_request {
	const struct kschannel_credential *begin;
	const char *target;
	enum ksc_verdict verdict;
	uint8_t alert;
	const char *pick;
};

/**
 * enum kschannel_state - state of a context
 * @KSCHANNEL_OPEN: its handshake is in progress
 * @KSCHANNEL_DONE: its handshake is done
 * @KSCHANNEL_ATTACHED: its keys are attached to a socket
 * @KSCHANNEL_FAILED: its handshake failed
 * @KSCHANNEL_TIMED_OUT: its handshake timed out
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
 * @fd: its connection to the daemon, -1 after the handshake
 * @key: descriptor of its keys in KSCHANNEL_DONE, otherwise -1
 * @state: its state
 * @role: client or server
 * @verify: how the peer's certificate is verified
 * @pick: the caller picks the certificate, see KSCHANNEL_PICK
 * @begun: the daemon knows it, unless it replies otherwise
 * @beginning: the step in progress makes it known to the daemon
 * @pending: a step is in progress
 * @answered: the daemon has replied at least once
 * @deadline: when it times out, in milliseconds of CLOCK_MONOTONIC
 * @seq: number of the step in progress
 * @offered: size of its token in bytes
 * @step: result of the last step
 * @answer: the message that contains what @step, @chain and @details refer to, or NULL
 * @chain: the peer's certificates and ours, or NULL
 * @details: nest of enum ksc_m_details, or NULL
 * @info: information about the session, in KSCHANNEL_DONE
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

/* Room for one descriptor, aligned for the header. */
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
