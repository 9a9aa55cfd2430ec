/* SPDX-License-Identifier: GPL-2.0-only */
/* material.c: settings of a credential that name files: certificates, keys, authorities, CRLs. */
#ifndef KSC_CONFIG_MATERIAL_H
#define KSC_CONFIG_MATERIAL_H

#include <stdbool.h>

#include "config/settings.h"
#include "engine/credential.h"

bool ksc_is_material(const struct ksc_setting *s);
bool ksc_is_material_list(const struct ksc_setting *s);
void ksc_take_certs(struct ksc_settings *file, const struct ksc_section *section,
		    struct ksc_credential *cred);
void ksc_take_trust(struct ksc_settings *file, const struct ksc_section *section,
		    struct ksc_credentials *set, struct ksc_credential *cred);
void ksc_take_crls(struct ksc_settings *file, const struct ksc_section *section,
		   struct ksc_credential *cred);

#endif
