// SPDX-License-Identifier: GPL-2.0-only
/* Keys of a completed handshake, for the record layer. */
#include <stdbool.h>
#include <string.h>

#include "engine/keys.h"
#include "engine/suite.h"

static int copy_key(const gnutls_datum_t *from, uint8_t *to, size_t *to_len, size_t size)
{
	if (from->size < size)
		return GNUTLS_E_INTERNAL_ERROR;
	memcpy(to, from->data, size);
	*to_len = size;
	return 0;
}

static int collect_key(gnutls_session_t tls, bool rx, const struct ksc_secrets *secrets,
		       const struct ksc_cipher *cipher, struct ksc_key *key)
{
	gnutls_datum_t mac, iv, cipher_key;
	unsigned char seq[8];
	unsigned int i;
	int rc;

	rc = gnutls_record_get_state(tls, rx, &mac, &iv, &cipher_key, seq);
	if (rc < 0)
		return rc;
	for (i = 0; i < sizeof(seq); i++)
		key->seq = key->seq << 8 | seq[i];
	if (gnutls_protocol_get_version(tls) == GNUTLS_TLS1_3) {
		if (!secrets->len)
			return GNUTLS_E_INTERNAL_ERROR;
		memcpy(key->secret, rx ? secrets->rx : secrets->tx, secrets->len);
		key->secret_len = secrets->len;
		return 0;
	}
	rc = copy_key(&cipher_key, key->key, &key->key_len, cipher->key_len);
	if (rc < 0)
		return rc;
	return copy_key(&iv, key->iv, &key->iv_len, cipher->iv_len);
}

/**
 * ksc_keys_note() - store TLS 1.3's application traffic secrets
 * @secrets: where they are stored
 * @rx: the secret for receiving, or NULL
 * @tx: the secret for sending, or NULL
 * @len: size of each in bytes
 *
 * Return: 0 or GNUTLS_E_INTERNAL_ERROR
 */
int ksc_keys_note(struct ksc_secrets *secrets, const void *rx, const void *tx, size_t len)
{
	if (len > KSC_MAX_SECRET)
		return GNUTLS_E_INTERNAL_ERROR;
	if (rx)
		memcpy(secrets->rx, rx, len);
	if (tx)
		memcpy(secrets->tx, tx, len);
	secrets->len = len;
	return 0;
}

/**
 * ksc_keys_log() - process a line of GnuTLS's key log
 * @secrets: the exporter secret is stored here; GnuTLS has no other function for it
 * @label: label of the line
 * @secret: its secret
 */
void ksc_keys_log(struct ksc_secrets *secrets, const char *label, const gnutls_datum_t *secret)
{
	if (strcmp(label, "EXPORTER_SECRET") != 0 || secret->size > sizeof(secrets->exporter))
		return;
	memcpy(secrets->exporter, secret->data, secret->size);
	secrets->exporter_len = secret->size;
}

/* RFC 7627 5.4: without an extended master secret, no keys are exported. */
static int collect_exporter(gnutls_session_t tls, const struct ksc_secrets *secrets,
			    struct ksc_keys *keys)
{
	gnutls_datum_t master, client, server;

	if (keys->version == 0x0304) {
		/* The bytes of a missing or incomplete secret are zero, which anyone can guess. */
		if (secrets->exporter_len != secrets->len)
			return GNUTLS_E_INTERNAL_ERROR;
		memcpy(keys->exporter, secrets->exporter, secrets->len);
		keys->exporter_len = secrets->len;
		return 0;
	}
	if (!gnutls_session_ext_master_secret_status(tls))
		return 0;
	gnutls_session_get_master_secret(tls, &master);
	gnutls_session_get_random(tls, &client, &server);
	if (master.size != sizeof(keys->exporter) ||
	    client.size + server.size != sizeof(keys->randoms))
		return GNUTLS_E_INTERNAL_ERROR;
	memcpy(keys->exporter, master.data, master.size);
	keys->exporter_len = master.size;
	memcpy(keys->randoms, client.data, client.size);
	memcpy(keys->randoms + client.size, server.data, server.size);
	return 0;
}

/**
 * ksc_keys_collect() - get the keys of a completed handshake
 * @tls: the session
 * @secrets: the secrets that GnuTLS has reported
 * @keys: filled in; sequence numbers include those that the handshake has used, a TLS 1.3 server
 *	for its tickets
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_keys_collect(gnutls_session_t tls, const struct ksc_secrets *secrets,
		     struct ksc_keys *keys)
{
	const struct ksc_cipher *cipher = ksc_cipher_by_gnutls(gnutls_cipher_get(tls));
	gnutls_protocol_t version = gnutls_protocol_get_version(tls);
	int rc;

	if (!cipher)
		return GNUTLS_E_UNWANTED_ALGORITHM;
	keys->version = version == GNUTLS_TLS1_3 ? 0x0304 : 0x0303;
	keys->suite = ksc_suite_number(cipher, version, gnutls_kx_get(tls));
	if (!keys->suite)
		return GNUTLS_E_UNWANTED_ALGORITHM;
	rc = collect_key(tls, false, secrets, cipher, &keys->tx);
	if (rc < 0)
		return rc;
	rc = collect_key(tls, true, secrets, cipher, &keys->rx);
	if (rc < 0)
		return rc;
	return collect_exporter(tls, secrets, keys);
}
