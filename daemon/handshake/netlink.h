/* SPDX-License-Identifier: GPL-2.0-only */
/* netlink.c: the daemon's end of the generic netlink family. */
#ifndef KSC_NETLINK_H
#define KSC_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <linux/kschannel.h>

#include "handshake/answer.h"
#include "handshake/down.h"
#include "handshake/inherit.h"

#define KSC_NO_RULE	UINT32_MAX

/* Messages per turn of the loop: even a flood of offers leaves room for timers and signals. */
#define KSC_MAX_RECEIVES	64

/**
 * struct ksc_offer - the kernel's request for a step
 * @id: the context
 * @seq: number of the step
 * @role: our role; this and the members up to @peer are only set for a new context
 * @server_name: for SNI and the name check, or ""
 * @credential: name of the requested credential, or ""
 * @alpn: ProtocolNameList
 * @alpn_len: its size in bytes
 * @verify: how the peer's certificate is verified
 * @uid: owner of the socket
 * @gid: owner's group
 * @deadline_ms: time left for the handshake, in milliseconds
 * @local: the socket's address
 * @peer: the peer's address
 * @token: bytes from the peer
 * @token_len: number of bytes, may be 0
 * @answer: answers that come with the token
 * @generation: policy that the connection is subject to, 0 for none; this and what follows are only
 *	set for a new context
 * @rule: number of its rule, or KSC_NO_RULE
 * @by_policy: the policy protects the socket, and its program has looked up @server_name
 *
 * Pointers are valid while the offer is handled.
 */
struct ksc_offer {
	uint64_t id;
	uint32_t seq;
	enum ksc_role role;
	char server_name[KSC_MAX_NAME + 1];
	char credential[KSC_MAX_NAME + 1];
	const uint8_t *alpn;
	size_t alpn_len;
	enum ksc_verify verify;
	uid_t uid;
	gid_t gid;
	uint32_t deadline_ms;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	const uint8_t *token;
	size_t token_len;
	struct ksc_answer answer;
	uint64_t generation;
	uint32_t rule;
	bool by_policy;
};

/**
 * struct ksc_failed - a handshake that failed in the kernel without a step
 * @role: our role
 * @uid: owner of the socket
 * @local: the socket's address
 * @peer: the peer's address
 * @status: why
 * @alert: the alert's number, if @direction says that there was one
 * @direction: whether it was sent or received
 * @text: one line
 * @rule: name of the policy's rule, or ""
 */
struct ksc_failed {
	enum ksc_role role;
	uid_t uid;
	struct sockaddr_storage local;
	struct sockaddr_storage peer;
	enum ksc_status status;
	uint8_t alert;
	enum ksc_direction direction;
	char text[KSC_MAX_TEXT + 1];
	char rule[KSC_MAX_RULE_NAME + 1];
};

/**
 * struct ksc_netlink_ops - callbacks for messages of the kernel
 * @context_new: a context begins; its first step is requested
 * @token: the next step of a context is requested
 * @ticket: a NewSessionTicket was received after the handshake of a context
 * @context_del: a context was deleted, or no more tickets follow
 * @failed: the peer of a connection does not use TLS; for the log
 * @refused: the kernel refused the message with the number @msg
 * @key: the kernel has created a key file for the message with the number @msg; the callee owns @fd
 * @lost: replies to earlier messages may have been lost, except those that were reported
 */
struct ksc_netlink_ops {
	void (*context_new)(void *ptr, const struct ksc_offer *offer);
	void (*token)(void *ptr, const struct ksc_offer *offer);
	void (*ticket)(void *ptr, uint64_t id, const uint8_t *msg, size_t len);
	void (*context_del)(void *ptr, uint64_t id);
	void (*failed)(void *ptr, const struct ksc_failed *failed);
	void (*refused)(void *ptr, uint32_t msg, int error, const char *text);
	void (*key)(void *ptr, uint32_t msg, int fd);
	void (*lost)(void *ptr);
};

struct ksc_netlink;
struct nl_msg;

struct ksc_netlink *ksc_netlink_open(const struct ksc_netlink_ops *ops, void *ptr);
void ksc_netlink_close(struct ksc_netlink *nl);
int ksc_netlink_fd(const struct ksc_netlink *nl);
struct nl_msg *ksc_netlink_message(struct ksc_netlink *nl, int cmd, size_t size);
int ksc_netlink_ask(struct ksc_netlink *nl, struct nl_msg *msg);
int ksc_netlink_register(struct ksc_netlink *nl);
int ksc_netlink_inherit(struct ksc_netlink *nl, struct ksc_inherited *inherited);
int ksc_netlink_drain(struct ksc_netlink *nl);
int ksc_netlink_receive(struct ksc_netlink *nl, int max);
int ksc_netlink_step(struct ksc_netlink *nl, uint64_t id, uint32_t seq,
		     const struct ksc_step *step, uint32_t *msg);
int ksc_netlink_key(struct ksc_netlink *nl, const struct ksc_key_request *request, uint32_t *msg);

#endif
