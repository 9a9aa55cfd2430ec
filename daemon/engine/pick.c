// SPDX-License-Identifier: GPL-2.0-only
/*
 * The client's certificate, if the caller chooses it when the server requests one, or if the
 * credential has several.
 *
 * GnuTLS asks for the certificate while it processes a message, and its callback cannot be
 * suspended: so the handshake of such a client runs in a fiber, which is paused there.
 */
#include <stdlib.h>
#include <string.h>
#include <gnutls/x509.h>

#include "engine/credential.h"
#include "engine/engine.h"
#include "engine/pick.h"

/* RFC 5246, 7.4.4: size of the length before each name. */
#define LENGTH_LEN	2

/* Stores as many names as fit; they are only a hint. */
static int note_issuers(struct ksc_pick *pick, const gnutls_datum_t *names, int n)
{
	size_t len = 0;
	uint8_t *p;
	int i, fit;

	for (fit = 0; fit < n && len + LENGTH_LEN + names[fit].size <= KSC_MAX_CHAIN; fit++)
		len += LENGTH_LEN + names[fit].size;
	p = malloc(len ? len : 1);
	if (!p)
		return GNUTLS_E_MEMORY_ERROR;
	free(pick->issuers);
	pick->issuers = p;
	pick->issuers_len = len;
	for (i = 0; i < fit; i++) {
		*p++ = (uint8_t)(names[i].size >> 8);
		*p++ = (uint8_t)names[i].size;
		memcpy(p, names[i].data, names[i].size);
		p += names[i].size;
	}
	return 0;
}

/* A copy of the chain, which GnuTLS frees. */
static int take_certs(const struct ksc_credential *cred, unsigned int index,
		      gnutls_pcert_st **certs, unsigned int *n)
{
	gnutls_x509_crt_t *chain;
	gnutls_pcert_st *list;
	unsigned int len, i;
	int rc;

	rc = gnutls_certificate_get_x509_crt(cred->x509, index, &chain, &len);
	if (rc < 0)
		return rc;
	list = gnutls_calloc(len, sizeof(*list));
	rc = list ? 0 : GNUTLS_E_MEMORY_ERROR;
	for (i = 0; rc >= 0 && i < len; i++)
		rc = gnutls_pcert_import_x509(&list[i], chain[i], 0);
	if (rc < 0) {
		while (list && i-- > 0)
			gnutls_pcert_deinit(&list[i]);
		gnutls_free(list);
	} else {
		*certs = list;
		*n = len;
	}
	for (i = 0; i < len; i++)
		gnutls_x509_crt_deinit(chain[i]);
	gnutls_free(chain);
	return rc;
}

static int take_key(const struct ksc_credential *cred, unsigned int index, gnutls_privkey_t *key)
{
	gnutls_x509_privkey_t mine;
	int rc;

	rc = gnutls_certificate_get_x509_key(cred->x509, index, &mine);
	if (rc < 0)
		return rc;
	rc = gnutls_privkey_init(key);
	if (rc >= 0)
		rc = gnutls_privkey_import_x509(*key, mine, GNUTLS_PRIVKEY_IMPORT_AUTO_RELEASE);
	if (rc >= 0)
		return 0;
	gnutls_x509_privkey_deinit(mine);
	return rc;
}

/* The first certificate with a key that the server can use, otherwise the first. */
static unsigned int find_usable(const struct ksc_credential *cred,
				const struct gnutls_cert_retr_st *info)
{
	unsigned int i, k;

	for (i = 0; i < cred->n_certs; i++)
		for (k = 0; k < info->pk_algos_length; k++)
			if (info->pk_algos[k] == cred->certs[i].pk)
				return i;
	return 0;
}

static int ask(struct ksc_pick *pick, const struct gnutls_cert_retr_st *info)
{
	int rc = note_issuers(pick, info->req_ca_rdn, info->nreqs);

	if (rc < 0)
		return rc;
	pick->asked = true;
	ksc_fiber_pause(pick->fiber);
	return pick->cancelled ? GNUTLS_E_INTERRUPTED : 0;
}

/**
 * ksc_pick_retrieve() - GnuTLS's callback for a client's credential without or with several
 * certificates
 * @tls: the session, whose database pointer is its struct ksc_pick
 * @info: the server's request
 * @certs: set to the chain
 * @n: set to the number of certificates in it, 0 for no certificate
 * @ocsp: set to NULL
 * @n_ocsp: set to 0
 * @key: set to the private key
 * @flags: set so that GnuTLS frees @certs and @key
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_pick_retrieve(gnutls_session_t tls, const struct gnutls_cert_retr_st *info,
		      gnutls_pcert_st **certs, unsigned int *n, gnutls_ocsp_data_st **ocsp,
		      unsigned int *n_ocsp, gnutls_privkey_t *key, unsigned int *flags)
{
	struct ksc_pick *pick = gnutls_db_get_ptr(tls);
	unsigned int index;
	int rc = 0;

	*n = 0;
	*certs = NULL;
	*n_ocsp = 0;
	*ocsp = NULL;
	*key = NULL;
	if (pick->wanted)
		rc = ask(pick, info);
	if (rc < 0 || !pick->cred)
		return rc;
	index = find_usable(pick->cred, info);
	*flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	rc = take_key(pick->cred, index, key);
	if (rc >= 0)
		rc = take_certs(pick->cred, index, certs, n);
	if (rc >= 0)
		return 0;
	gnutls_privkey_deinit(*key);
	*key = NULL;
	return rc;
}

/**
 * ksc_pick_begin() - allocate the fiber, if the caller chooses the certificate
 * @pick: state of the caller's choice
 *
 * Return: 0 or GNUTLS_E_MEMORY_ERROR
 */
int ksc_pick_begin(struct ksc_pick *pick)
{
	if (pick->wanted)
		pick->fiber = ksc_fiber_new();
	return pick->wanted && !pick->fiber ? GNUTLS_E_MEMORY_ERROR : 0;
}

static int go_on(void *arg)
{
	return gnutls_handshake(arg);
}

/**
 * ksc_pick_handshake() - run gnutls_handshake() until a certificate is requested
 * @pick: state of the caller's choice
 * @tls: the session
 *
 * Return: as gnutls_handshake(), or GNUTLS_E_AGAIN if @asked of @pick is set
 */
int ksc_pick_handshake(struct ksc_pick *pick, gnutls_session_t tls)
{
	int rc;

	if (!pick->fiber)
		return gnutls_handshake(tls);
	if (ksc_fiber_run(pick->fiber, go_on, tls, &rc))
		return rc;
	return GNUTLS_E_AGAIN;
}

/**
 * ksc_pick_answer() - store the caller's choice
 * @pick: state of the caller's choice; unchanged if no answer is pending
 * @cred: the credential with the certificate, or NULL for no certificate
 */
void ksc_pick_answer(struct ksc_pick *pick, const struct ksc_credential *cred)
{
	if (!pick->asked)
		return;
	pick->asked = false;
	pick->fresh = true;
	pick->cred = cred;
}

/**
 * ksc_pick_answered() - check for a new answer
 * @pick: state of the caller's choice
 *
 * Return: true once after the answer was given
 */
bool ksc_pick_answered(struct ksc_pick *pick)
{
	bool fresh = pick->fresh;

	pick->fresh = false;
	return fresh;
}

/**
 * ksc_pick_end() - release resources, before the session is freed
 * @pick: state of the caller's choice
 */
void ksc_pick_end(struct ksc_pick *pick)
{
	int rc;

	/* gnutls_handshake() returns, and frees what it has allocated. */
	if (pick->fiber && ksc_fiber_paused(pick->fiber)) {
		pick->cancelled = true;
		ksc_fiber_run(pick->fiber, NULL, NULL, &rc);
	}
	ksc_fiber_free(pick->fiber);
	free(pick->issuers);
}

/**
 * ksc_pick_tell() - put the server's request into a step
 * @pick: state of the caller's choice
 * @step: the step
 */
void ksc_pick_tell(const struct ksc_pick *pick, struct ksc_step *step)
{
	step->status = KSC_STATUS_INCOMPLETE_CREDENTIALS;
	step->issuers = pick->issuers;
	step->issuers_len = pick->issuers_len;
}
