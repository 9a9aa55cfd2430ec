// SPDX-License-Identifier: GPL-2.0-only
/* Names of the numbers that the kernel gives. */
#include "../lib/suites.h"
#include "ctl.h"

static const char *const roles[] = {
	[KSC_ROLE_UNSPEC] = "unspec",
	[KSC_ROLE_CLIENT] = "client",
	[KSC_ROLE_SERVER] = "server",
};

static const char *const phases[] = {
	[KSC_PHASE_INIT] = "init",     [KSC_PHASE_CONNECTING] = "connecting",
	[KSC_PHASE_LISTEN] = "listen", [KSC_PHASE_HANDSHAKE] = "handshake",
	[KSC_PHASE_VERIFY] = "verify", [KSC_PHASE_ESTABLISHED] = "established",
	[KSC_PHASE_FAILED] = "failed", [KSC_PHASE_CLOSED] = "closed",
	[KSC_PHASE_PLAIN] = "plain",
};

static const char *const statuses[] = {
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
	[KSC_STATUS_POLICY] = "policy",
	[KSC_STATUS_OVERLOADED] = "overloaded",
};

static const char *const directions[] = {
	[KSC_DIRECTION_NONE] = "none",
	[KSC_DIRECTION_SENT] = "sent",
	[KSC_DIRECTION_RECEIVED] = "received",
};

/* linux/tcp_states.h is not for userspace; netinet/tcp.h numbers them alike */
static const char *const tcp_states[] = {
	NULL,	 "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2",   "time-wait",
	"close", "close-wait",	"last-ack", "listen",	"closing",    "new-syn-recv",
};

static const char *lookup(const char *const *names, size_t count, uint32_t value)
{
	return value < count && names[value] ? names[value] : "unknown";
}

/**
 * ctl_suite_name() - IANA name of a cipher suite
 * @suite: its number
 * Return: the name, or NULL if it is not one that we know
 */
const char *ctl_suite_name(uint16_t suite)
{
	const struct kschannel_suite *found = kschannel_suite_find(suite);

	return found ? found->name : NULL;
}

/**
 * ctl_version_name() - name of a protocol version
 * @version: as on the wire
 * Return: the name, or NULL if it is not one that we know
 */
const char *ctl_version_name(uint16_t version)
{
	switch (version) {
	case 0x0303:
		return "TLSv1.2";
	case 0x0304:
		return "TLSv1.3";
	default:
		return NULL;
	}
}

/**
 * ctl_role_name() - name of a role
 * @role: enum ksc_role
 * Return: the spec's name
 */
const char *ctl_role_name(uint32_t role)
{
	return lookup(roles, ARRAY_SIZE(roles), role);
}

/**
 * ctl_phase_name() - name of a phase
 * @phase: enum ksc_phase
 * Return: the spec's name
 */
const char *ctl_phase_name(uint32_t phase)
{
	return lookup(phases, ARRAY_SIZE(phases), phase);
}

/**
 * ctl_status_name() - name of a status
 * @status: enum ksc_status
 * Return: the spec's name
 */
const char *ctl_status_name(uint32_t status)
{
	return lookup(statuses, ARRAY_SIZE(statuses), status);
}

/**
 * ctl_direction_name() - name of an alert's direction
 * @direction: enum ksc_direction
 * Return: the spec's name
 */
const char *ctl_direction_name(uint32_t direction)
{
	return lookup(directions, ARRAY_SIZE(directions), direction);
}

/**
 * ctl_tcp_state_name() - name of a TCP state
 * @state: as in linux/tcp_states.h
 * Return: the name that ss(8) gives it
 */
const char *ctl_tcp_state_name(uint8_t state)
{
	return lookup(tcp_states, ARRAY_SIZE(tcp_states), state);
}
