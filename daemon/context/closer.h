/* SPDX-License-Identifier: GPL-2.0-only */
/* closer.c: closes descriptors whose close() can block. */
#ifndef KSC_CLOSER_H
#define KSC_CLOSER_H

#include <stdbool.h>
#include <ev.h>

#include "process/pool.h"

struct ksc_closer;

/**
 * struct ksc_closing - a descriptor that is being closed
 * @job: job of the pool
 * @closer: its closer
 * @fd: the descriptor
 * @closed: called in the loop's thread when it is closed
 */
struct ksc_closing {
	struct ksc_job job;
	struct ksc_closer *closer;
	int fd;
	void (*closed)(struct ksc_closing *closing);
};

struct ksc_closer *ksc_closer_new(struct ev_loop *loop);
int ksc_closer_start(struct ksc_closer *closer);
void ksc_closer_add(struct ksc_closer *closer, struct ksc_closing *closing, int fd,
		    struct ksc_lane *lane, void (*closed)(struct ksc_closing *closing));
unsigned int ksc_closer_count(const struct ksc_closer *closer);
bool ksc_closer_stop(struct ksc_closer *closer);
void ksc_closer_free(struct ksc_closer *closer);

#endif
