/* SPDX-License-Identifier: GPL-2.0-only */
/* report.c: the line of the log that each handshake ends with. */
#ifndef KSC_REPORT_H
#define KSC_REPORT_H

#include "engine/engine.h"
#include "handshake/netlink.h"

void ksc_report_ok(enum ksc_role role, const char *peer, const struct ksc_step *step,
		   const char *credential, const char *rule, double ms);
void ksc_report_failure(enum ksc_role role, const char *peer, const struct ksc_step *step);
void ksc_report_refusal(uint64_t id, const char *why);
void ksc_report_failed(void *ptr, const struct ksc_failed *failed);

#endif
