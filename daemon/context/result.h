/* SPDX-License-Identifier: GPL-2.0-only */
/* result.c: replies to an application over the context socket. */
#ifndef KSC_RESULT_H
#define KSC_RESULT_H

#include "common/message.h"
#include "engine/engine.h"

struct nl_msg *ksc_result_new(uint32_t number, uint32_t context, const struct ksc_step *step);
struct nl_msg *ksc_result_error(uint32_t number, const uint32_t *context, int error,
				const char *text);

#endif
