// SPDX-License-Identifier: GPL-2.0-only
/* The line of the log that each handshake ends with. */
#include <stdio.h>

#include "common/address.h"
#include "common/names.h"
#include "common/suites.h"
#include "handshake/report.h"
#include "process/log.h"

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
		     ksc_role_name(role), peer, *info->server_name ? " " : "", info->server_name,
		     step->keys.version == 0x0304 ? 3 : 2, ksc_suite_cipher(step->keys.suite),
		     *info->alpn ? ", " : "", info->alpn, info->peer.present ? ", peer " : "",
		     info->peer.subject, info->resumed ? ", resumed" : "",
		     credential,
		     *rule ? ", rule " : "", rule, ms);
}

static void put_alert(char text[48], enum ksc_direction direction, uint8_t alert)
{
	text[0] = '\0';
	if (direction == KSC_DIRECTION_SENT)
		snprintf(text, 48, " (alert %u sent)", alert);
	else if (direction == KSC_DIRECTION_RECEIVED)
		snprintf(text, 48, " (alert %u received)", alert);
}

/**
 * ksc_report_failure() - log a handshake that failed
 * @role: our role
 * @peer: the peer's address
 * @step: its last step
 */
void ksc_report_failure(enum ksc_role role, const char *peer, const struct ksc_step *step)
{
	char alert[48];

	put_alert(alert, step->direction, step->alert);
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "%s %s: %s: %s%s",
		     ksc_role_name(role), peer, ksc_status_name(step->status), step->text, alert);
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

/**
 * ksc_report_failed() - log a handshake that the kernel has ended by itself
 * @ptr: unused
 * @failed: what it says of it
 *
 * There was nothing to look a configuration up for: the connection's ends, its rule and its
 * owner are what an operator finds the program by.
 */
void ksc_report_failed(void *ptr, const struct ksc_failed *failed)
{
	char local[INET6_ADDRSTRLEN + 8], peer[INET6_ADDRSTRLEN + 8], host[INET6_ADDRSTRLEN];
	char alert[48];

	(void)ptr;
	ksc_address_print(&failed->local, host, local, sizeof(local));
	ksc_address_print(&failed->peer, host, peer, sizeof(peer));
	put_alert(alert, failed->direction, failed->alert);
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "%s %s: %s: %s%s, at %s%s%s, user %u",
		     ksc_role_name(failed->role), peer, ksc_status_name(failed->status),
		     failed->text, alert, local, *failed->rule ? ", rule " : "", failed->rule,
		     failed->uid);
}
