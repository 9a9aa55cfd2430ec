/* SPDX-License-Identifier: GPL-2.0-only */
/* What "kschannelctl run" tells the preloaded library through the environment. */
#ifndef KSC_PRELOAD_ENV_H
#define KSC_PRELOAD_ENV_H

#include <stddef.h>
#include <stdint.h>

#define KSC_PRELOAD_NAME "libkschannel-preload.so"
/* a symbol that nothing else has */
#define KSC_PRELOAD_MARK "ksc_preload_mark"

/* None of these: as the policy says. Else, client: what connects; server: what listens; both */
#define KSC_ENV_ROLE "KSCHANNEL_ROLE"
#define KSC_ENV_SERVER_NAME "KSCHANNEL_SERVER_NAME"
#define KSC_ENV_CREDENTIAL "KSCHANNEL_CREDENTIAL"
/* protocols with commas between */
#define KSC_ENV_ALPN "KSCHANNEL_ALPN"
/* none, request, require */
#define KSC_ENV_VERIFY "KSCHANNEL_VERIFY"

int ksc_alpn_to_wire(const char *list, uint8_t *wire, size_t size);
int ksc_verify_value(const char *name);

#endif /* KSC_PRELOAD_ENV_H */
