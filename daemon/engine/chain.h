/* SPDX-License-Identifier: GPL-2.0-only */
/* chain.c: limits the cost of a peer's public keys before they are used. */
#ifndef KSC_CHAIN_H
#define KSC_CHAIN_H

#include <stdbool.h>
#include <gnutls/gnutls.h>

#include "engine/known.h"

int ksc_chain_check(const gnutls_datum_t *msg, bool tls13, struct ksc_known *known,
		    const char **why);
int ksc_group_check(const gnutls_datum_t *msg, const char **why);
int ksc_chain_look(gnutls_session_t tls, unsigned int type, const gnutls_datum_t *msg,
		   struct ksc_known *known, const char **why);

#endif
