/* SPDX-License-Identifier: GPL-2.0-only */
/* allowance.c: the section [contexts] of the configuration. */
#ifndef KSC_ALLOWANCE_H
#define KSC_ALLOWANCE_H

#include "config/settings.h"

/**
 * struct ksc_allowance - what applications may have that carry their tokens themselves
 * @total: contexts, and connections
 * @per_user: contexts of one user
 * @per_connection: of one connection
 * @connections_per_user: connections of one user
 * @bytes: of all contexts under way: tokens that they were given, and output that is not taken
 * @bytes_per_user: of one user's
 * @handshake_bytes: tokens of one context, together
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
