/* SPDX-License-Identifier: GPL-2.0-only */
/* control.c: a socket for requests to reload the configuration. */
#ifndef KSC_CONTROL_H
#define KSC_CONTROL_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define KSC_CONTROL_SOCKET	"/run/kschanneld/control"

/* Maximum number of pending requests; more are refused. */
#define KSC_CONTROL_WAITING	8

/**
 * typedef ksc_asked_fn - handle a request to reload the configuration
 * @ptr: argument of ksc_control_new()
 *
 * The callee calls ksc_control_begin(), now or later, and then ksc_control_answer().
 */
typedef void ksc_asked_fn(void *ptr);

struct ksc_control;

const char *ksc_control_path(const char *option, const char *otherwise, char *buf, size_t size);
struct ksc_control *ksc_control_new(struct ev_loop *loop, const char *path, ksc_asked_fn *asked,
				    void *ptr);
void ksc_control_begin(struct ksc_control *control);
void ksc_control_answer(struct ksc_control *control, bool taken, const char *text);
void ksc_control_free(struct ksc_control *control);
bool ksc_control_reload(const char *path, FILE *answer);

#endif
