/* SPDX-License-Identifier: GPL-2.0 */
/* Contexts whose tokens the test carries. */
#ifndef KSC_TEST_CTX_H
#define KSC_TEST_CTX_H

#include "nl.h"

/**
 * struct ctx - a context
 * @nl: the netlink socket that has it
 * @id: its number
 * @role: enum ksc_role
 * @in: bytes from the peer that no step has used up
 * @in_len: how many
 * @verdict: what is said to verify-needed at once; none leaves it to the test
 * @last: what the last step came to
 */
struct ctx {
	struct tnl_conn *nl;
	uint64_t id;
	int role;
	uint8_t in[2 * KSC_MAX_TOKEN];
	size_t in_len;
	enum ksc_verdict verdict;
	struct ctx_result {
		uint32_t status;
		uint32_t consumed;
		uint32_t need;
		uint32_t direction;
		uint8_t alert;
		uint16_t version;
		uint16_t suite;
		bool busy;
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

extern struct tnl_conn ctx_nl;

int ctx_setup(void **state);
int ctx_teardown(void **state);

int ctx_try_open(struct ctx *ctx, struct tnl_conn *nl, int role, const struct t_opts *opts);
void ctx_open(struct ctx *ctx, struct tnl_conn *nl, int role, const struct t_opts *opts);
int ctx_ask(struct ctx *ctx, int cmd);
int ctx_try_offer(struct ctx *ctx, int role, const void *token, size_t len);
int ctx_try_judge(struct ctx *ctx, int verdict, uint8_t alert);
void ctx_judge(struct ctx *ctx, enum ksc_verdict verdict, uint8_t alert);
int ctx_try_pick(struct ctx *ctx, const char *credential);
void ctx_pick(struct ctx *ctx, const char *credential);
void ctx_await(struct ctx *ctx);
void ctx_step(struct ctx *ctx, const void *token, size_t len);
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
