/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A socket's phases, and the events that change them. Pure: userspace tests check every pair of
 * phase and event.
 */
#ifndef _KSC_SOCKET_PHASE_H
#define _KSC_SOCKET_PHASE_H

#include <linux/types.h>

#include <linux/kschannel.h>

/* Number of phases in enum ksc_phase */
#define KSC_PHASES	(KSC_PHASE_PLAIN + 1)

/**
 * enum ksc_event - event that changes a socket's phase
 * @KSC_EVENT_CONNECT: TCP begins to connect, or an unconnected child is accepted
 * @KSC_EVENT_LISTEN: listen() is about to make it a listener
 * @KSC_EVENT_UNCONNECT: TCP is in state CLOSE again, and may connect or listen
 * @KSC_EVENT_BEGIN: TCP is connected, and the handshake begins
 * @KSC_EVENT_ASK: the application is asked for a verdict on the peer
 * @KSC_EVENT_ANSWER: the application has answered
 * @KSC_EVENT_ESTABLISH: the keys are installed
 * @KSC_EVENT_FAIL: the handshake or the connection failed
 * @KSC_EVENT_LEAVE: the socket is left to TCP, in plaintext
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
