/* SPDX-License-Identifier: GPL-2.0-only */
/* reload.c: reloads the configuration while handshakes continue. */
#ifndef KSC_RELOAD_H
#define KSC_RELOAD_H

#include <ev.h>

#include "reload/intake.h"

/**
 * struct ksc_reload_ops - callbacks of reloads
 * @begin: a load begins
 * @end: everything was read, and the callee owns it; or @error is a positive errno for
 *	ksc_intake_fault(). The callee calls ksc_reload_done(), now or later
 * @changed: a file has changed since the last load
 * @gone: the reader is gone, and no further load is possible; called once, after @end
 */
struct ksc_reload_ops {
	void (*begin)(void *ptr);
	void (*end)(void *ptr, struct ksc_handed *handed, int error);
	void (*changed)(void *ptr);
	void (*gone)(void *ptr);
};

struct ksc_reload;

struct ksc_reload *ksc_reload_new(struct ev_loop *loop, struct ksc_intake *intake, int ms,
				  const struct ksc_reload_ops *ops, void *ptr);
void ksc_reload_ask(struct ksc_reload *reload);
void ksc_reload_done(struct ksc_reload *reload);
void ksc_reload_free(struct ksc_reload *reload);

#endif
