/* SPDX-License-Identifier: GPL-2.0-only */
/* message.c: messages on the context socket, see uapi/context.yaml. */
#ifndef KSC_MESSAGE_H
#define KSC_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <netlink/msg.h>

#include "common/message-gen.h"

int ksc_message_parse(void *data, size_t len, bool daemon, struct nlattr *tb[KSC_M_MAX + 1],
		      const char **why);
struct nl_msg *ksc_message_new(enum ksc_message kind, uint32_t number, size_t room);

#endif
