// SPDX-License-Identifier: GPL-2.0-only
/* The system's certificate authorities. */
#include "config/authorities.h"

/**
 * ksc_trust_system() - read the system's authorities
 * @rc: set to a negative GnuTLS error, or their number
 *
 * GnuTLS does not say where they come from: they are read each time, and dropped if an identical
 * list exists.
 *
 * Return: the list, which may be empty; NULL if out of memory
 */
struct ksc_trust *ksc_trust_system(int *rc)
{
	gnutls_certificate_credentials_t x509;
	struct ksc_trust *trust;

	*rc = gnutls_certificate_allocate_credentials(&x509);
	if (*rc < 0)
		return NULL;
	*rc = gnutls_certificate_set_x509_system_trust(x509);
	trust = ksc_trust_take(x509, *rc > 0 ? *rc : 0);
	if (!trust)
		*rc = GNUTLS_E_MEMORY_ERROR;
	return trust;
}

/**
 * ksc_credentials_system() - get the system's authorities, which are read once for each generation
 * @set: the generation, not yet in use
 *
 * Return: the list, owned by @set; NULL if out of memory
 */
struct ksc_trust *ksc_credentials_system(struct ksc_credentials *set)
{
	int rc;

	if (!set->system)
		set->system = ksc_trust_system(&rc);
	return set->system;
}
