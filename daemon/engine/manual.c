// SPDX-License-Identifier: GPL-2.0-only
/*
 * A caller that verifies the peer's certificate itself. GnuTLS's verification is suspended right
 * after the certificate was received, before keys are released: a client has not sent its
 * Finished yet, and a server has not accepted the peer's.
 */
#include <string.h>

#include "engine/details.h"
#include "engine/engine.h"
#include "engine/manual.h"

/**
 * ksc_manual_ask() - prepare the question to the caller
 * @manual: state of verification by the caller
 * @tls: the session
 * @judgement: result of our own verification
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_HANDSHAKE_TOO_LARGE for a chain of more than
 * KSC_MAX_CHAIN bytes
 */
int ksc_manual_ask(struct ksc_manual *manual, gnutls_session_t tls,
		   const struct ksc_judgement *judgement)
{
	const gnutls_datum_t *certs;
	unsigned int n = 0;
	int rc;

	certs = gnutls_certificate_get_peers(tls, &n);
	rc = ksc_chain_join(certs, certs ? n : 0, &manual->chain, &manual->chain_len);
	if (rc < 0)
		return rc;
	manual->judgement = *judgement;
	ksc_text_printable(manual->judgement.text);
	manual->asked = true;
	return 0;
}

/**
 * ksc_manual_decide() - store the caller's verdict
 * @manual: state of verification by the caller
 * @verdict: the verdict; later ones are ignored
 * @alert: with KSC_VERDICT_REJECT: the alert to send, 0 for bad_certificate
 */
void ksc_manual_decide(struct ksc_manual *manual, enum ksc_verdict verdict, uint8_t alert)
{
	if (!ksc_manual_waits(manual))
		return;
	manual->verdict = verdict;
	manual->alert = alert ? alert : GNUTLS_A_BAD_CERTIFICATE;
	manual->fresh = true;
}

/**
 * ksc_manual_answered() - check for a new verdict
 * @manual: state of verification by the caller
 *
 * Return: true once after the verdict was given
 */
bool ksc_manual_answered(struct ksc_manual *manual)
{
	bool fresh = manual->fresh;

	manual->fresh = false;
	return fresh;
}

/**
 * ksc_manual_tell() - put the question to the caller into a step
 * @manual: state of verification by the caller
 * @step: the step
 */
void ksc_manual_tell(const struct ksc_manual *manual, struct ksc_step *step)
{
	step->status = KSC_STATUS_VERIFY_NEEDED;
	step->faults = manual->judgement.faults;
	memcpy(step->text, manual->judgement.text, sizeof(step->text));
	step->chain = manual->chain;
	step->chain_len = manual->chain_len;
}
