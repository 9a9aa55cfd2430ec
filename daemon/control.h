/* SPDX-License-Identifier: GPL-2.0-only */
/* control.c: a socket by which the daemon is told to load its configuration again. */
#ifndef KSC_CONTROL_H
#define KSC_CONTROL_H

#include <ev.h>
#include <stdbool.h>
#include <stdio.h>

#define KSC_CONTROL_SOCKET	"/run/kschanneld/control"

/**
 * typedef ksc_reload_fn - load the configuration again
 * @ptr: whose
 * @answer: what is wrong with it goes here, line by line
 *
 * Return: whether it is in force
 */
typedef bool ksc_reload_fn(void *ptr, FILE *answer);

struct ksc_control;

const char *ksc_control_path(const char *option, const char *otherwise, char *buf, size_t size);
struct ksc_control *ksc_control_new(struct ev_loop *loop, const char *path, ksc_reload_fn *reload,
				    void *ptr);
void ksc_control_free(struct ksc_control *control);
bool ksc_control_reload(const char *path, FILE *answer);

#endif
