/* SPDX-License-Identifier: GPL-2.0-only */
/* allowance.c: the section [contexts] of the configuration. */
#ifndef KSC_ALLOWANCE_H
#define KSC_ALLOWANCE_H

#include "config/settings.h"

/**
 * struct ksc_allowance - limits of applications that carry their tokens themselves
 * @total: number of contexts, and of connections
 * @per_user: number of one user's contexts
 * @per_connection: number of one connection's contexts
 * @connections_per_user: number of one user's connections
 * @bytes: bytes of tokens in progress, and of output that was not read
 * @bytes_per_user: the same of one user
 * @handshake_bytes: bytes of one context's tokens
 */
struct ksc_allowance {
	unsigned int total;
	unsigned int per_user;
	unsigned int per_connection;
	unsigned int connections_per_user;
	unsigned int bytes;
	unsigned int bytes_per_user;
	unsigned int handshake_bytes;
};

extern const struct ksc_allowance ksc_allowance_default;

void ksc_allowance_take(struct ksc_settings *file, const struct ksc_section *section,
			struct ksc_allowance *allowance);

#endif
