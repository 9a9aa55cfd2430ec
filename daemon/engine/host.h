/* SPDX-License-Identifier: GPL-2.0-only */
/* host.c: check host names, and normalize them. */
#ifndef KSC_HOST_H
#define KSC_HOST_H

#include <stdbool.h>
#include <linux/kschannel.h>

/* In a list: an unknown name. */
#define KSC_HOST_UNKNOWN	"*"

const char *ksc_host_take(const char *text, char *host);
const char *ksc_host_take_pattern(const char *text, char *host);
const char *ksc_host_take_served(const char *text, char *host);
const char *ksc_host_take_list(const char *text, char *list);
bool ksc_host_is_address(const char *host);
bool ksc_host_is_unknown(const char *list);
const char *ksc_host_next(const char *list, char *host);
bool ksc_host_can_be_asked_for(const char *host);

#endif
