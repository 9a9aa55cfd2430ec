// SPDX-License-Identifier: GPL-2.0-only
/*
 * The log line at the end of each handshake. Its fields are the same for success and failure; those
 * without a value are left out.
 */
#include "common/address.h"
#include "common/names.h"
#include "common/suites.h"
#include "handshake/report.h"
#include "process/fields.h"

static void add_alert(struct ksc_fields *fields, enum ksc_direction direction, uint8_t alert)
{
	if (direction == KSC_DIRECTION_SENT)
		ksc_fields_number(fields, "alert-sent", alert);
	else if (direction == KSC_DIRECTION_RECEIVED)
		ksc_fields_number(fields, "alert-received", alert);
}

static void add_session(struct ksc_fields *fields, const struct ksc_step *step)
{
	const struct ksc_session_info *info = &step->info;

	ksc_fields_add(fields, "version", step->keys.version == 0x0304 ? "1.3" : "1.2");
	ksc_fields_add(fields, "suite", ksc_suite_cipher(step->keys.suite));
	ksc_fields_add(fields, "alpn", info->alpn);
	ksc_fields_add(fields, "resumed", info->resumed ? "yes" : "no");
}

/**
 * ksc_report_end() - log the result of a handshake
 * @report: the handshake
 * @step: its last step
 * @level: log level
 */
void ksc_report_end(const struct ksc_report *report, const struct ksc_step *step,
		    enum ksc_log_level level)
{
	const bool ok = step->status == KSC_STATUS_OK;
	struct ksc_fields fields = { .len = 0 };

	ksc_fields_add(&fields, "role", ksc_role_name(report->role));
	ksc_fields_add(&fields, "peer", report->peer);
	ksc_fields_add(&fields, "status", ksc_status_name(step->status));
	ksc_fields_add(&fields, "credential", report->credential);
	if (step->info.peer.present)
		ksc_fields_add(&fields, "peer-subject", step->info.peer.subject);
	ksc_fields_add(&fields, "rule", report->rule);
	ksc_fields_number(&fields, "ms", (unsigned long)report->ms);
	if (ok)
		add_session(&fields, step);
	ksc_fields_add(&fields, "server-name", step->info.server_name);
	add_alert(&fields, step->direction, step->alert);
	ksc_fields_add(&fields, "reason", step->text);
	ksc_log_peer(ok ? KSC_LOG_DONE : KSC_LOG_FAILED, level, "event=handshake%s", fields.text);
}

/**
 * ksc_report_refusal() - log that a handshake is not begun or not continued
 * @id: the kernel's number of its context
 * @why: the reason
 */
void ksc_report_refusal(uint64_t id, const char *why)
{
	struct ksc_fields fields = { .len = 0 };

	ksc_fields_number(&fields, "context", id);
	ksc_fields_add(&fields, "reason", why);
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_WARNING, "event=handshake-refused%s", fields.text);
}

/**
 * ksc_report_failed() - log a handshake that failed in the kernel without a step
 * @ptr: unused
 * @failed: the kernel's report
 *
 * No credential was chosen. An operator finds the program by the connection's addresses, rule and
 * owner.
 */
void ksc_report_failed(void *ptr, const struct ksc_failed *failed)
{
	char local[INET6_ADDRSTRLEN + 8], peer[INET6_ADDRSTRLEN + 8], host[INET6_ADDRSTRLEN];
	struct ksc_fields fields = { .len = 0 };

	(void)ptr;
	ksc_address_print(&failed->local, host, local, sizeof(local));
	ksc_address_print(&failed->peer, host, peer, sizeof(peer));
	ksc_fields_add(&fields, "role", ksc_role_name(failed->role));
	ksc_fields_add(&fields, "peer", peer);
	ksc_fields_add(&fields, "status", ksc_status_name(failed->status));
	ksc_fields_add(&fields, "rule", failed->rule);
	ksc_fields_add(&fields, "local", local);
	ksc_fields_number(&fields, "uid", failed->uid);
	add_alert(&fields, failed->direction, failed->alert);
	ksc_fields_add(&fields, "reason", failed->text);
	ksc_log_peer(KSC_LOG_FAILED, KSC_LOG_INFO, "event=handshake%s", fields.text);
}
