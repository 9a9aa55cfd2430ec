// SPDX-License-Identifier: GPL-2.0-only
/* Names of TLS versions and TCP states. */
#include "ctl/ctl.h"

/* linux/tcp_states.h is not for userspace; netinet/tcp.h has the same numbers. */
static const char *const tcp_states[] = {
	NULL,	 "established", "syn-sent", "syn-recv", "fin-wait-1", "fin-wait-2",   "time-wait",
	"close", "close-wait",	"last-ack", "listen",	"closing",    "new-syn-recv",
};

/**
 * ctl_version_name() - name of a protocol version
 * @version: as on the wire
 * Return: the name, or NULL if it is unknown
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
 * ctl_tcp_state_name() - name of a TCP state
 * @state: as in linux/tcp_states.h
 * Return: its name in ss(8)
 */
const char *ctl_tcp_state_name(uint8_t state)
{
	return state < ARRAY_SIZE(tcp_states) && tcp_states[state] ? tcp_states[state] : "unknown";
}
