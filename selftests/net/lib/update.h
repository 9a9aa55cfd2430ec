/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests of KeyUpdate share: the peer's messages, and ours. */
#ifndef KSC_TEST_UPDATE_H
#define KSC_TEST_UPDATE_H

#include <poll.h>

#include "nl.h"
#include "wire.h"

/* KeyUpdate: update_not_requested, update_requested */
static const uint8_t update[5] = { 24, 0, 0, 1, 0 };
static const uint8_t request[5] = { 24, 0, 0, 1, 1 };

static inline void begin(struct wire *w, uint16_t version)
{
	wire_start(w, wire_suite(version, version == WIRE_13 ? 0x1301 : 0xc02b), version);
}

static inline void peer_updates(struct wire *w, const uint8_t *message)
{
	wire_send(w, WIRE_HANDSHAKE, message, 5, 0);
	wire_update(&w->rx);
}

static inline void expect_update(struct wire *w, const uint8_t *message)
{
	wire_expect(w, WIRE_HANDSHAKE, message, 5);
	wire_update(&w->tx);
}

static inline void peer_says(struct wire *w, const char *text)
{
	wire_send(w, WIRE_DATA, text, strlen(text), 0);
}

static inline void says(struct wire *w, const char *text)
{
	t_send(w->fd, text, strlen(text));
	wire_expect(w, WIRE_DATA, text, strlen(text));
}

static inline bool readable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return SYS(poll(&pfd, 1, 0)) && pfd.revents & POLLIN;
}

static inline int rekey(int fd, int value)
{
	return setsockopt(fd, SOL_KSCHANNEL, KSC_REKEY, &value, sizeof(value));
}

static inline int ask_rekey(struct tnl_conn *nl, uint64_t id, bool both)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_REKEY);

	nla_put_u64(msg, KSC_A_SOCK_ID, id);
	if (both)
		nla_put_flag(msg, KSC_A_SOCK_REQUEST);
	return tnl_do(nl, msg);
}

/* A teardown: the limits that a test has lifted; t_flood.c is about these. */
static inline int update_limited(void **state)
{
	(void)state;
	t_set_parameter("max_dataless", 256);
	t_set_parameter("max_key_updates", 128);
	t_set_parameter("idle_seconds", 10);
	return 0;
}

#endif /* KSC_TEST_UPDATE_H */
