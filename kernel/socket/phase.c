// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of a socket's phases: pure, see phase.h. Only ksc_move() in state.c applies it.
 */
#include <linux/errno.h>
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>

#include "socket/phase.h"

/* The next phase; zero, the value of missing entries, is none */
#define TO(name)	(KSC_PHASE_##name + 1)

/* An entry is the next phase, or the errno that the event fails with */
static const short ksc_phase_table[KSC_PHASES][KSC_EVENTS] = {
	[KSC_PHASE_INIT] = {
		[KSC_EVENT_CONNECT]	= TO(CONNECTING),
		[KSC_EVENT_LISTEN]	= TO(LISTEN),
		[KSC_EVENT_UNCONNECT]	= TO(INIT),
		[KSC_EVENT_BEGIN]	= TO(HANDSHAKE),
		/* with attached keys */
		[KSC_EVENT_ESTABLISH]	= TO(ESTABLISHED),
		[KSC_EVENT_LEAVE]	= TO(PLAIN),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_CONNECTING] = {
		[KSC_EVENT_CONNECT]	= -EALREADY,
		[KSC_EVENT_UNCONNECT]	= TO(INIT),
		[KSC_EVENT_BEGIN]	= TO(HANDSHAKE),
		[KSC_EVENT_LEAVE]	= TO(PLAIN),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_LISTEN] = {
		[KSC_EVENT_CONNECT]	= -EISCONN,
		[KSC_EVENT_LISTEN]	= TO(LISTEN),
		[KSC_EVENT_UNCONNECT]	= TO(INIT),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_HANDSHAKE] = {
		[KSC_EVENT_CONNECT]	= -EALREADY,
		[KSC_EVENT_UNCONNECT]	= -EOPNOTSUPP,
		[KSC_EVENT_ASK]		= TO(VERIFY),
		[KSC_EVENT_ESTABLISH]	= TO(ESTABLISHED),
		[KSC_EVENT_FAIL]	= TO(FAILED),
		[KSC_EVENT_LEAVE]	= TO(PLAIN),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_VERIFY] = {
		[KSC_EVENT_CONNECT]	= -EALREADY,
		[KSC_EVENT_UNCONNECT]	= -EOPNOTSUPP,
		[KSC_EVENT_ANSWER]	= TO(HANDSHAKE),
		[KSC_EVENT_FAIL]	= TO(FAILED),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_ESTABLISHED] = {
		[KSC_EVENT_CONNECT]	= -EISCONN,
		[KSC_EVENT_UNCONNECT]	= -EOPNOTSUPP,
		[KSC_EVENT_FAIL]	= TO(FAILED),
		/* after close_notify both ways */
		[KSC_EVENT_LEAVE]	= TO(PLAIN),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	[KSC_PHASE_FAILED] = {
		[KSC_EVENT_CONNECT]	= -EISCONN,
		[KSC_EVENT_UNCONNECT]	= -EOPNOTSUPP,
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
	/* final */
	[KSC_PHASE_CLOSED] = { 0 },
	[KSC_PHASE_PLAIN] = {
		[KSC_EVENT_CONNECT]	= -EISCONN,
		[KSC_EVENT_UNCONNECT]	= TO(INIT),
		[KSC_EVENT_CLOSE]	= TO(CLOSED),
	},
};

/**
 * ksc_phase_next() - get the phase that follows an event
 * @phase: enum ksc_phase
 * @event: the event
 *
 * Context: any. Return: enum ksc_phase, or a negative errno if the event is not allowed in that
 * phase: -EINVAL unless the table has another one.
 */
int ksc_phase_next(u8 phase, enum ksc_event event)
{
	short to = phase < KSC_PHASES && event < KSC_EVENTS ? ksc_phase_table[phase][event] : 0;

	if (to < 0)
		return to;
	return to ? to - 1 : -EINVAL;
}
