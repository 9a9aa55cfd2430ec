/* SPDX-License-Identifier: GPL-2.0-only */
/* talk.c: an application that is connected to the daemon's part, deterministic. */
#ifndef KSC_FUZZ_TALK_H
#define KSC_FUZZ_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/message.h"

/**
 * struct talk_reply - the answer to the application
 * @kind: enum ksc_message
 * @tb: the message's attributes, in @buf
 * @buf: the message
 */
struct talk_reply {
	int kind;
	struct nlattr *tb[KSC_M_MAX + 1];
	uint8_t buf[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
};

void talk_begin(void);
bool talk_say(const void *data, size_t len, unsigned int rights);
bool talk_hear(struct talk_reply *reply);
void talk_end(void);

#endif
