/* SPDX-License-Identifier: GPL-2.0 */
/*
 * phase.c: which phase a socket goes to by which event. Pure: it is tested in userspace,
 * every pair of them.
 */
#ifndef _KSC_SOCKET_PHASE_H
#define _KSC_SOCKET_PHASE_H

#include <linux/types.h>

#include <linux/kschannel.h>

/* Phases that a socket can be in: enum ksc_phase */
#define KSC_PHASES	(KSC_PHASE_PLAIN + 1)

/**
 * enum ksc_event - what moves a socket from phase to phase
 * @KSC_EVENT_CONNECT: TCP begins to connect, or a child is accepted that has yet to
 * @KSC_EVENT_LISTEN: listen() is going to make it a listener
 * @KSC_EVENT_UNCONNECT: TCP is in state CLOSE again, and may connect or listen
 * @KSC_EVENT_BEGIN: TCP is connected, and the handshake begins
 * @KSC_EVENT_ASK: the application is to judge the peer
 * @KSC_EVENT_ANSWER: it has
 * @KSC_EVENT_ESTABLISH: the keys are in
 * @KSC_EVENT_FAIL: the handshake or the connection failed
 * @KSC_EVENT_LEAVE: it is left to TCP, in plaintext
 * @KSC_EVENT_CLOSE: close()
 */
enum ksc_event {
	KSC_EVENT_CONNECT,
	KSC_EVENT_LISTEN,
	KSC_EVENT_UNCONNECT,
	KSC_EVENT_BEGIN,
	KSC_EVENT_ASK,
	KSC_EVENT_ANSWER,
	KSC_EVENT_ESTABLISH,
	KSC_EVENT_FAIL,
	KSC_EVENT_LEAVE,
	KSC_EVENT_CLOSE,
	KSC_EVENTS
};

int ksc_phase_next(u8 phase, enum ksc_event event);

#endif /* _KSC_SOCKET_PHASE_H */
