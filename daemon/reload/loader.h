/* SPDX-License-Identifier: GPL-2.0-only */
/* loader.c: a thread that builds a configuration from what the reader has handed over. */
#ifndef KSC_LOADER_H
#define KSC_LOADER_H

#include <stdbool.h>
#include <ev.h>

#include "config/config.h"
#include "config/handed.h"

/**
 * typedef ksc_loaded_fn - receive a configuration
 * @ptr: argument of ksc_loader_new()
 * @config: the configuration, owned by the callee; NULL if it is invalid
 * @complaints: what is wrong, one complaint in a line, or NULL if out of memory
 */
typedef void ksc_loaded_fn(void *ptr, struct ksc_config *config, char *complaints);

struct ksc_loader;

struct ksc_config *ksc_loader_make(const char *path, struct ksc_handed *handed, char **complaints);
struct ksc_loader *ksc_loader_new(struct ev_loop *loop, const char *path, ksc_loaded_fn *loaded,
				  void *ptr);
int ksc_loader_start(struct ksc_loader *loader);
void ksc_loader_load(struct ksc_loader *loader, struct ksc_handed *handed);
bool ksc_loader_free(struct ksc_loader *loader);

#endif
