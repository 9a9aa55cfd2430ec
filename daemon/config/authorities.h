/* SPDX-License-Identifier: GPL-2.0-only */
/* authorities.c: the system's certificate authorities. */
#ifndef KSC_AUTHORITIES_H
#define KSC_AUTHORITIES_H

#include "engine/credential.h"

struct ksc_trust *ksc_trust_system(int *rc);
struct ksc_trust *ksc_credentials_system(struct ksc_credentials *set);

#endif
