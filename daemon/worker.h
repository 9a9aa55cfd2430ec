/* SPDX-License-Identifier: GPL-2.0-only */
/* worker.c: the netlink socket, the handshakes of sockets, and the event loop. */
#ifndef KSC_WORKER_H
#define KSC_WORKER_H

#include <stdbool.h>
#include <ev.h>

#include "config/config.h"

struct ksc_worker;

struct ksc_worker *ksc_worker_new(struct ev_loop *loop, struct ksc_config *config);
int ksc_worker_start(struct ksc_worker *worker);
void ksc_worker_listen(struct ksc_worker *worker, int fd);
int ksc_worker_employ(struct ksc_worker *worker);
bool ksc_worker_moves(struct ksc_worker *worker);
int ksc_worker_configure(struct ksc_worker *worker, struct ksc_config *config);
void ksc_worker_drain(struct ksc_worker *worker);
bool ksc_worker_free(struct ksc_worker *worker);

#endif
