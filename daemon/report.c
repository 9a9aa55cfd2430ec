// SPDX-License-Identifier: GPL-2.0-only
/* The line of the log that each handshake ends with. */
#include <stdio.h>

#include "log.h"
#include "report.h"
#include "suite.h"

/**
 * ksc_report_ok() - log a handshake that is done
 * @role: our role
 * @peer: the peer's address
 * @step: its last step
 * @credential: name of the credential
 * @rule: name of the policy's rule, or ""
 * @ms: how long it took
 */
void ksc_report_ok(enum ksc_role role, const char *peer, const struct ksc_step *step,
		   const char *credential, const char *rule, double ms)
{
	const struct ksc_session_info *info = &step->info;

	ksc_log_peer(KSC_LOG_DONE, KSC_LOG_INFO,
		     "%s %s%s%s: ok: TLS 1.%d, %s%s%s%s%s%s, credential %s%s%s, %.0f ms",
		     role == KSC_ROLE_CLIENT ? "client" : "server", peer,
		     *info->server_name ? " " : "", info->server_name,
		     step->keys.version == 0x0304 ? 3 : 2, ksc_suite_name(step->keys.suite),
		     *info->alpn ? ", " : "", info->alpn, info->peer.present ? ", peer " : "",
		     info->peer.subject, info->resumed ? ", resumed" : "",
		     credential,
		     *rule ? ", rule " : "", rule, ms);
}

/**
 * ksc_report_failure() - log a handshake that failed
 * @role: our role
 * @peer: the peer's address
 * @step: its last step
 */
void ksc_report_failure(enum ksc_role role, const char *peer, const struct ksc_step *step)
{
	char alert[48] = "";

	if (step->direction == KSC_DIRECTION_SENT)
		snprintf(alert, sizeof(alert), " (alert %u sent)", step->alert);
	else if (step->direction == KSC_DIRECTION_RECEIVED)
		snprintf(alert, sizeof(alert), " (alert %u received)", step->alert);
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "%s %s: %s: %s%s",
		     role == KSC_ROLE_CLIENT ? "client" : "server", peer,
		     ksc_status_name(step->status), step->text, alert);
}

/**
 * ksc_report_refusal() - log that a handshake is not begun, or not gone on with
 * @id: the kernel's number of its context
 * @why: why not
 */
void ksc_report_refusal(uint64_t id, const char *why)
{
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_WARNING, "context %llu: %s", (unsigned long long)id,
		     why);
}
