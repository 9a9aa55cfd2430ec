/* SPDX-License-Identifier: GPL-2.0-only */
/* Remembers which host name an address was looked up by. */
#ifndef KSC_PRELOAD_NAMES_H
#define KSC_PRELOAD_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

void names_init(void);
void names_remember(const char *name, const struct sockaddr *addr);
void names_mark(const char *name, struct sockaddr *addr);
void names_unmark(struct sockaddr *addr, socklen_t len);
bool names_find(const struct sockaddr *addr, socklen_t len, char *list, size_t size);

#endif /* KSC_PRELOAD_NAMES_H */
