/* SPDX-License-Identifier: GPL-2.0-only */
/* revocation.c: checks whether the certificates of a peer have been revoked. */
#ifndef KSC_REVOCATION_H
#define KSC_REVOCATION_H

#include "engine/verify.h"

void ksc_revocation_check(gnutls_session_t session, const struct ksc_validation *validation,
			  struct ksc_judgement *judgement);

#endif
