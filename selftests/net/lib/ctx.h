/* SPDX-License-Identifier: GPL-2.0-only */
/* Contexts whose tokens the test carries: messages of its own to the daemon's socket. */
#ifndef KSC_TEST_CTX_H
#define KSC_TEST_CTX_H

#include <netlink/msg.h>

#include "nl.h"

#define CTX_QUEUE_MAX 1024

/**
 * struct ctx_sock - a connection to the daemon, which has any number of contexts
 * @fd: the socket, -1 for none
 * @seq: number of the last request
 * @text: the explanation of the last error
 * @queue: answers that were not awaited yet, and the descriptors that came along
 * @queued: number of answers in @queue
 */
struct ctx_sock {
	int fd;
	uint32_t seq;
	char text[KSC_MAX_TEXT + 1];
	struct ctx_answer {
		struct nlmsghdr *head;
		int key;
	} queue[CTX_QUEUE_MAX];
	size_t queued;
};

/**
 * struct ctx - a context
 * @sock: the connection that has it
 * @id: its number there
 * @role: enum ksc_role
 * @seq: number of its last request
 * @begin: attributes for the first step, which begins the context; empty afterwards
 * @begin_len: length of the attributes in bytes
 * @in: bytes from the peer that no step has consumed
 * @in_len: number of bytes in @in
 * @key: descriptor of its keys, or -1
 * @verdict: the automatic answer to verify-needed; none leaves it to the test
 * @last: the result of the last step
 */
struct ctx {
	struct ctx_sock *sock;
	uint32_t id;
	int role;
	uint32_t seq;
	uint8_t begin[1536];
	size_t begin_len;
	uint8_t in[2 * KSC_MAX_TOKEN];
	size_t in_len;
	int key;
	enum ksc_verdict verdict;
	struct ctx_result {
		uint32_t status;
		uint32_t consumed;
		uint32_t need;
		uint32_t direction;
		uint8_t alert;
		uint16_t version;
		uint16_t suite;
		uint32_t faults;
		size_t chain_len;
		bool has_issuers;
		size_t issuers_len;
		size_t token_len;
		char text[KSC_MAX_TEXT + 1];
		char alpn[KSC_MAX_NAME + 1];
		char server_name[KSC_MAX_NAME + 1];
		uint8_t token[KSC_MAX_TOKEN];
		uint8_t chain[KSC_MAX_CHAIN];
	} last;
};

extern struct ctx_sock ctx_sock;

int ctx_setup(void **state);
int ctx_teardown(void **state);

bool ctx_try_dial(struct ctx_sock *sock, const char *path);
void ctx_dial(struct ctx_sock *sock, const char *path);
void ctx_hang_up(struct ctx_sock *sock);
void ctx_send(struct ctx_sock *sock, struct nl_msg *msg);
int ctx_next_error(struct ctx_sock *sock, uint32_t *seq);
void ctx_expect_closed(struct ctx_sock *sock);
void ctx_expect_none(struct ctx_sock *sock);

void ctx_open(struct ctx *ctx, struct ctx_sock *sock, int role, const struct t_opts *opts);
void ctx_offer(struct ctx *ctx, const void *token, size_t len);
int ctx_try_await(struct ctx *ctx);
void ctx_await(struct ctx *ctx);
int ctx_try_step(struct ctx *ctx, const void *token, size_t len);
void ctx_step(struct ctx *ctx, const void *token, size_t len);
int ctx_try_judge(struct ctx *ctx, int verdict, uint8_t alert);
void ctx_judge(struct ctx *ctx, enum ksc_verdict verdict, uint8_t alert);
int ctx_try_pick(struct ctx *ctx, const char *credential);
void ctx_pick(struct ctx *ctx, const char *credential);
void ctx_feed(struct ctx *ctx, const void *data, size_t len);
void ctx_close(struct ctx *ctx);
void ctx_handshake(struct ctx *client, struct ctx *server);
void ctx_run(struct ctx *ctx, int fd, size_t chunk);
int ctx_try_attach(struct ctx *ctx, int fd);
void ctx_attach(struct ctx *ctx, int fd);

/* A test of contexts, and one with an argument */
#define CTX_TEST(test) cmocka_unit_test_setup_teardown(test, ctx_setup, ctx_teardown)
#define CTX_CASE(name, test, arg)                                                                  \
	{                                                                                          \
		name, test, ctx_setup, ctx_teardown, (void *)(arg)                                 \
	}

#endif /* KSC_TEST_CTX_H */
