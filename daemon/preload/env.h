/* SPDX-License-Identifier: GPL-2.0-only */
/* Variables by which "kschannelctl run" configures the preloaded library. */
#ifndef KSC_PRELOAD_ENV_H
#define KSC_PRELOAD_ENV_H

#include <stddef.h>
#include <stdint.h>

#define KSC_PRELOAD_NAME "libkschannel-preload.so"
/* a symbol that no other library has */
#define KSC_PRELOAD_MARK "ksc_preload_mark"

/* The policy applies if none is set. Roles: client connects, server listens, both (default) */
#define KSC_ENV_ROLE "KSCHANNEL_ROLE"
#define KSC_ENV_SERVER_NAME "KSCHANNEL_SERVER_NAME"
#define KSC_ENV_CREDENTIAL "KSCHANNEL_CREDENTIAL"
/* comma-separated protocols */
#define KSC_ENV_ALPN "KSCHANNEL_ALPN"
/* none, request, require */
#define KSC_ENV_VERIFY "KSCHANNEL_VERIFY"

int ksc_alpn_to_wire(const char *list, uint8_t *wire, size_t size);
int ksc_verify_value(const char *name);

#endif /* KSC_PRELOAD_ENV_H */
