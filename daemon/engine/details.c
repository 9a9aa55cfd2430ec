// SPDX-License-Identifier: GPL-2.0-only
/* What an application can query about an established session. */
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "engine/details.h"

/* Size of the length before each certificate, RFC 5246, 7.4.2. */
#define LENGTH_LEN	3
/* Maximum number of certificates in our own chain. */
#define MAX_OWN		16

/**
 * struct number - GnuTLS's and IANA's number of an algorithm
 * @theirs: GnuTLS's
 * @iana: IANA's
 */
struct number {
	int theirs;
	uint16_t iana;
};

/* RFC 8446, 4.2.7. */
static const struct number groups[] = {
	{ GNUTLS_GROUP_SECP192R1, 19 },	   { GNUTLS_GROUP_SECP224R1, 21 },
	{ GNUTLS_GROUP_SECP256R1, 23 },	   { GNUTLS_GROUP_SECP384R1, 24 },
	{ GNUTLS_GROUP_SECP521R1, 25 },	   { GNUTLS_GROUP_X25519, 29 },
	{ GNUTLS_GROUP_X448, 30 },	   { GNUTLS_GROUP_FFDHE2048, 0x100 },
	{ GNUTLS_GROUP_FFDHE3072, 0x101 }, { GNUTLS_GROUP_FFDHE4096, 0x102 },
	{ GNUTLS_GROUP_FFDHE6144, 0x103 }, { GNUTLS_GROUP_FFDHE8192, 0x104 },
};

/* RFC 8446, 4.2.3. */
static const struct number signatures[] = {
	{ GNUTLS_SIGN_RSA_SHA1, 0x0201 },
	{ GNUTLS_SIGN_ECDSA_SHA1, 0x0203 },
	{ GNUTLS_SIGN_RSA_SHA256, 0x0401 },
	{ GNUTLS_SIGN_RSA_SHA384, 0x0501 },
	{ GNUTLS_SIGN_RSA_SHA512, 0x0601 },
	{ GNUTLS_SIGN_ECDSA_SHA256, 0x0403 },
	{ GNUTLS_SIGN_ECDSA_SHA384, 0x0503 },
	{ GNUTLS_SIGN_ECDSA_SHA512, 0x0603 },
	{ GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, 0x0403 },
	{ GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, 0x0503 },
	{ GNUTLS_SIGN_ECDSA_SECP521R1_SHA512, 0x0603 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, 0x0804 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, 0x0805 },
	{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA512, 0x0806 },
	{ GNUTLS_SIGN_EDDSA_ED25519, 0x0807 },
	{ GNUTLS_SIGN_EDDSA_ED448, 0x0808 },
	{ GNUTLS_SIGN_RSA_PSS_SHA256, 0x0809 },
	{ GNUTLS_SIGN_RSA_PSS_SHA384, 0x080a },
	{ GNUTLS_SIGN_RSA_PSS_SHA512, 0x080b },
};

static uint16_t lookup(const struct number *numbers, size_t n, int theirs)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (numbers[i].theirs == theirs)
			return numbers[i].iana;
	return 0;
}

/**
 * ksc_chain_join() - concatenate certificates
 * @certs: the certificates
 * @n: number of certificates
 * @chain: set to them, each after its length in three bytes; the caller frees it
 * @len: set to its size in bytes
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_HANDSHAKE_TOO_LARGE for more than KSC_MAX_CHAIN
 * bytes
 */
int ksc_chain_join(const gnutls_datum_t *certs, size_t n, uint8_t **chain, size_t *len)
{
	size_t size = 0, i;
	uint8_t *p;

	for (i = 0; i < n; i++)
		size += LENGTH_LEN + certs[i].size;
	if (size > KSC_MAX_CHAIN)
		return GNUTLS_E_HANDSHAKE_TOO_LARGE;
	p = malloc(size ? size : 1);
	if (!p)
		return GNUTLS_E_MEMORY_ERROR;
	*chain = p;
	*len = size;
	for (i = 0; i < n; i++) {
		*p++ = (uint8_t)(certs[i].size >> 16);
		*p++ = (uint8_t)(certs[i].size >> 8);
		*p++ = (uint8_t)certs[i].size;
		memcpy(p, certs[i].data, certs[i].size);
		p += certs[i].size;
	}
	return 0;
}

/* GnuTLS returns the leaf of ours; the others follow it in the credential. */
static size_t find_own(gnutls_certificate_credentials_t ours, const gnutls_datum_t *first,
		       gnutls_datum_t certs[MAX_OWN])
{
	unsigned int key;
	size_t n;

	for (key = 0; gnutls_certificate_get_crt_raw(ours, key, 0, &certs[0]) >= 0; key++) {
		if (certs[0].size != first->size ||
		    memcmp(certs[0].data, first->data, first->size))
			continue;
		for (n = 1; n < MAX_OWN; n++)
			if (gnutls_certificate_get_crt_raw(ours, key, (unsigned int)n,
							   &certs[n]) < 0)
				break;
		return n;
	}
	certs[0] = *first;
	return 1;
}

/* A chain that does not fit is left out, without an error. */
static int tolerate(int rc)
{
	return rc == GNUTLS_E_HANDSHAKE_TOO_LARGE ? 0 : rc;
}

static int collect_chains(gnutls_session_t tls, gnutls_certificate_credentials_t ours,
			  struct ksc_details *details)
{
	const gnutls_datum_t *certs;
	gnutls_datum_t own[MAX_OWN];
	unsigned int n = 0;
	int rc = 0;

	certs = gnutls_certificate_get_peers(tls, &n);
	if (certs && n)
		rc = ksc_chain_join(certs, n, &details->chain, &details->chain_len);
	if (tolerate(rc) < 0)
		return rc;
	certs = gnutls_certificate_get_ours(tls);
	if (!certs || !certs->size || gnutls_session_is_resumed(tls))
		return 0;
	details->traits |= KSC_TRAIT_CERTIFICATE_SHOWN;
	return tolerate(ksc_chain_join(own, find_own(ours, certs, own), &details->local_chain,
				       &details->local_chain_len));
}

static void bind_own(gnutls_session_t tls, const struct ksc_credential *ours,
		     struct ksc_details *details)
{
	const gnutls_datum_t *der = gnutls_certificate_get_ours(tls);
	const struct ksc_own *own = der ? ksc_credential_own(ours, der) : NULL;

	if (own)
		details->end_point = own->end_point;
}

/**
 * ksc_details_collect() - collect the details of a session
 * @tls: the session, whose handshake is done
 * @role: our role
 * @ours: the credential of our certificate, if there is one
 * @peer: the peer
 * @details: zeroed; filled in; the caller frees it by ksc_details_free(), also after an error
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_details_collect(gnutls_session_t tls, enum ksc_role role,
			const struct ksc_credential *ours, const struct ksc_peer *peer,
			struct ksc_details *details)
{
	gnutls_datum_t id;

	details->group = lookup(groups, ARRAY_SIZE(groups), gnutls_group_get(tls));
	if (!gnutls_session_is_resumed(tls))
		details->signature = lookup(signatures, ARRAY_SIZE(signatures),
					    gnutls_sign_algorithm_get(tls));
	if (gnutls_protocol_get_version(tls) == GNUTLS_TLS1_2) {
		if (gnutls_session_ext_master_secret_status(tls))
			details->traits |= KSC_TRAIT_EXTENDED_MASTER_SECRET;
		if (gnutls_session_get_id2(tls, &id) >= 0 &&
		    id.size <= sizeof(details->session_id)) {
			memcpy(details->session_id, id.data, id.size);
			details->session_id_len = id.size;
		}
	}
	/* In a resumed session, the server has not sent its certificate. */
	if (role == KSC_ROLE_CLIENT)
		details->end_point = peer->end_point;
	else if (!gnutls_session_is_resumed(tls))
		bind_own(tls, ours, details);
	return collect_chains(tls, ours->x509, details);
}

/**
 * ksc_details_free() - free the members
 * @details: the details
 */
void ksc_details_free(struct ksc_details *details)
{
	free(details->chain);
	free(details->local_chain);
	memset(details, 0, sizeof(*details));
}
