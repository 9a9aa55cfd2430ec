/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Places between two critical sections where a test may sleep, to hit a race reliably. Test builds
 * only (make modules KSC_FAILPOINTS=1).
 */
#ifndef _KSC_FAILPOINT_H
#define _KSC_FAILPOINT_H

/**
 * enum ksc_failpoint - where to sleep
 * @KSC_FAILPOINT_CONNECT: connect(), before TCP's part
 * @KSC_FAILPOINT_LISTEN: listen(), before TCP's part
 * @KSC_FAILPOINT_SHUTDOWN: shutdown(), before TCP's part
 * @KSC_FAILPOINT_CONNECTED: connect(), after TCP's part
 * @KSC_FAILPOINT_UNLISTENED: a listener's shutdown(), after TCP's part
 * @KSC_FAILPOINT_PUMP: a socket's work item, before it looks for the socket
 */
enum ksc_failpoint {
	KSC_FAILPOINT_CONNECT,
	KSC_FAILPOINT_LISTEN,
	KSC_FAILPOINT_SHUTDOWN,
	KSC_FAILPOINT_CONNECTED,
	KSC_FAILPOINT_UNLISTENED,
	KSC_FAILPOINT_PUMP,
	KSC_FAILPOINTS_MAX
};

#ifdef KSC_FAILPOINTS
void ksc_failpoint(enum ksc_failpoint at);
#else
static inline void ksc_failpoint(enum ksc_failpoint at) {}
#endif

#endif /* _KSC_FAILPOINT_H */
