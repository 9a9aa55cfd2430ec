/* SPDX-License-Identifier: GPL-2.0-only */
/* watch.c: notices that files have changed. */
#ifndef KSC_WATCH_H
#define KSC_WATCH_H

#include <stdbool.h>

/* Maximum number of watched directories: each needs about 1 KiB of kernel memory. */
#define KSC_WATCH_DIRS	4096U
/* Maximum number of watched names. */
#define KSC_WATCH_NAMES	16384U

struct ksc_watch;

struct ksc_watch *ksc_watch_new(void);
void ksc_watch_add(struct ksc_watch *watch, const char *path);
void ksc_watch_complete(struct ksc_watch *watch);
bool ksc_watch_is_complete(const struct ksc_watch *watch);
int ksc_watch_fd(const struct ksc_watch *watch);
bool ksc_watch_changed(struct ksc_watch *watch);
void ksc_watch_free(struct ksc_watch *watch);

#endif
