/* SPDX-License-Identifier: GPL-2.0-only */
/* manager.c: messages to the service manager. */
#ifndef KSC_MANAGER_H
#define KSC_MANAGER_H

#include <stdbool.h>
#include <ev.h>

/**
 * struct ksc_manager - the service manager
 * @fd: a socket to it; -1 without a manager
 * @loop: the event loop, which is alive if it turns
 * @tick: timer for the watchdog
 * @moves: returns whether work makes progress
 * @ptr: argument of @moves
 */
struct ksc_manager {
	int fd;
	struct ev_loop *loop;
	ev_timer tick;
	bool (*moves)(void *ptr);
	void *ptr;
};

void ksc_manager_open(struct ksc_manager *manager);
void ksc_manager_ready(struct ksc_manager *manager, struct ev_loop *loop,
		       bool (*moves)(void *ptr), void *ptr);
void ksc_manager_close(struct ksc_manager *manager);

#endif
