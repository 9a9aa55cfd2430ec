// SPDX-License-Identifier: GPL-2.0-only
/* Results of a step: status, alert and text for GnuTLS's errors; wiping of its secrets. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "common/printable.h"
#include "engine/crt.h"
#include "engine/engine.h"

/**
 * ksc_step_wipe() - wipe a step, including its keys
 * @step: the step
 */
void ksc_step_wipe(struct ksc_step *step)
{
	explicit_bzero(step, sizeof(*step));
}

/* RFC 8446, 4.4.2.2: without digitalSignature, if there is a key usage. */
static bool lacks_usage(gnutls_session_t tls)
{
	unsigned int n = 0, usage;
	const gnutls_datum_t *chain = tls ? gnutls_certificate_get_peers(tls, &n) : NULL;
	gnutls_x509_crt_t crt;
	bool lacks;

	if (!chain || !n || ksc_crt_import(&chain[0], &crt) < 0)
		return false;
	lacks = gnutls_x509_crt_get_key_usage(crt, &usage, NULL) >= 0 &&
		!(usage & GNUTLS_KEY_DIGITAL_SIGNATURE);
	gnutls_x509_crt_deinit(crt);
	return lacks;
}

/**
 * ksc_status_of() - translate GnuTLS's error
 * @tls: the session, or NULL
 * @rc: the error
 * @alert: set to the alert for the peer, or a negative number
 *
 * Return: the status
 */
enum ksc_status ksc_status_of(gnutls_session_t tls, int rc, int *alert)
{
	*alert = gnutls_error_to_alert(rc, NULL);
	switch (rc) {
	case GNUTLS_E_MEMORY_ERROR:
	case GNUTLS_E_INTERNAL_ERROR:
	case GNUTLS_E_INVALID_REQUEST:
	case GNUTLS_E_PUSH_ERROR:
	case GNUTLS_E_RANDOM_FAILED:
	case GNUTLS_E_PK_SIGN_FAILED:
	case GNUTLS_E_LIB_IN_ERROR_STATE:
		return KSC_STATUS_INTERNAL_ERROR;
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
	case GNUTLS_E_CERTIFICATE_REQUIRED:
		*alert = gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3 ?
			 GNUTLS_A_CERTIFICATE_REQUIRED : GNUTLS_A_HANDSHAKE_FAILURE;
		return KSC_STATUS_PEER_REJECTED;
	case GNUTLS_E_KEY_USAGE_VIOLATION:
		/* or it is our own certificate */
		if (!lacks_usage(tls))
			return KSC_STATUS_INTERNAL_ERROR;
		*alert = GNUTLS_A_UNSUPPORTED_CERTIFICATE;
		return KSC_STATUS_PEER_REJECTED;
	case GNUTLS_E_CERTIFICATE_ERROR:
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
		return KSC_STATUS_PEER_REJECTED;
	case GNUTLS_E_DECRYPTION_FAILED:
		return KSC_STATUS_BAD_RECORD;
	case GNUTLS_E_RECORD_OVERFLOW:
	case GNUTLS_E_HANDSHAKE_TOO_LARGE:
		return KSC_STATUS_RECORD_OVERFLOW;
	case GNUTLS_E_GOT_APPLICATION_DATA:
	case GNUTLS_E_REHANDSHAKE:
		*alert = GNUTLS_A_UNEXPECTED_MESSAGE;
		break;
	}
	return KSC_STATUS_PROTOCOL_ERROR;
}

/**
 * ksc_alert_name() - get the name of an alert
 * @number: AlertDescription
 *
 * Return: GnuTLS's name for it, or "unknown"
 */
const char *ksc_alert_name(int number)
{
	const char *name = gnutls_alert_get_name((gnutls_alert_description_t)number);

	return name ? name : "unknown";
}

/**
 * ksc_text_printable() - escape a text so that it is one printable line
 * @text: the text, which can contain names from the peer
 */
void ksc_text_printable(char text[KSC_MAX_TEXT + 1])
{
	char raw[KSC_MAX_TEXT + 1];

	snprintf(raw, sizeof(raw), "%s", text);
	ksc_printable(text, KSC_MAX_TEXT + 1, raw);
}
