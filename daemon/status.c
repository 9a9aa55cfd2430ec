// SPDX-License-Identifier: GPL-2.0-only
/* What a step came to: its name for the log, and an end to its secrets. */
#include <gnutls/gnutls.h>

#include "engine.h"

/**
 * ksc_step_wipe() - forget a step, keys and all
 * @step: the step
 */
void ksc_step_wipe(struct ksc_step *step)
{
	gnutls_memset(step, 0, sizeof(*step));
}

/**
 * ksc_status_name() - a name for the log
 * @status: the status
 *
 * Return: the name, as in the netlink specification
 */
const char *ksc_status_name(enum ksc_status status)
{
	static const char *const names[] = {
		[KSC_STATUS_OK] = "ok",
		[KSC_STATUS_CONTINUE_NEEDED] = "continue-needed",
		[KSC_STATUS_INCOMPLETE_MESSAGE] = "incomplete-message",
		[KSC_STATUS_INCOMPLETE_CREDENTIALS] = "incomplete-credentials",
		[KSC_STATUS_VERIFY_NEEDED] = "verify-needed",
		[KSC_STATUS_INTERNAL_ERROR] = "internal-error",
		[KSC_STATUS_PROTOCOL_ERROR] = "protocol-error",
		[KSC_STATUS_PEER_REJECTED] = "peer-rejected",
		[KSC_STATUS_ALERT_RECEIVED] = "alert-received",
		[KSC_STATUS_NO_CREDENTIALS] = "no-credentials",
		[KSC_STATUS_ACCESS_DENIED] = "access-denied",
		[KSC_STATUS_TIMED_OUT] = "timed-out",
		[KSC_STATUS_NO_DAEMON] = "no-daemon",
		[KSC_STATUS_CANCELLED] = "cancelled",
		[KSC_STATUS_TRUNCATED] = "truncated",
		[KSC_STATUS_BAD_RECORD] = "bad-record",
		[KSC_STATUS_RECORD_OVERFLOW] = "record-overflow",
		[KSC_STATUS_KEY_LIMIT] = "key-limit",
	};

	if ((size_t)status >= sizeof(names) / sizeof(names[0]))
		return "?";
	return names[status];
}
