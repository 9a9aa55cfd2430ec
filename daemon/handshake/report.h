/* SPDX-License-Identifier: GPL-2.0-only */
/* report.c: the log line at the end of each handshake. */
#ifndef KSC_REPORT_H
#define KSC_REPORT_H

#include <stdint.h>

#include "handshake/netlink.h"
#include "process/log.h"

/**
 * struct ksc_report - a handshake
 * @role: our role
 * @peer: the peer's address
 * @credential: name of the credential, or NULL if none was chosen
 * @rule: name of the policy's rule, or ""
 * @ms: its duration in milliseconds
 */
struct ksc_report {
	enum ksc_role role;
	const char *peer;
	const char *credential;
	const char *rule;
	double ms;
};

void ksc_report_end(const struct ksc_report *report, const struct ksc_step *step,
		    enum ksc_log_level level);
void ksc_report_refusal(uint64_t id, const char *why);
void ksc_report_failed(void *ptr, const struct ksc_failed *failed);

#endif
