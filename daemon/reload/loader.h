/* SPDX-License-Identifier: GPL-2.0-only */
/* loader.c: a thread that makes a configuration of what the reader has handed over. */
#ifndef KSC_LOADER_H
#define KSC_LOADER_H

#include <stdbool.h>
#include <ev.h>

#include "config/config.h"
#include "config/handed.h"

/**
 * typedef ksc_loaded_fn - a configuration is there
 * @ptr: whose
 * @config: it, the callee's; NULL if something is wrong with it
 * @complaints: what that is, a line each, or NULL without memory
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
