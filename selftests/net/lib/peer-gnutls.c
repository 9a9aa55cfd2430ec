// SPDX-License-Identifier: GPL-2.0-only
/* A peer that uses GnuTLS. */
#include <gnutls/gnutls.h>

#include "peer.h"

/* More than any server sends at once; then E_AGAIN is the socket's timeout. */
#define MAX_TICKETS 8

static const char *const ciphers[] = {
	[PEER_ANY] = "",
	[PEER_AES128] = ":-CIPHER-ALL:+AES-128-GCM",
	[PEER_AES256] = ":-CIPHER-ALL:+AES-256-GCM",
	[PEER_CHACHA] = ":-CIPHER-ALL:+CHACHA20-POLY1305",
	[PEER_CCM] = ":-CIPHER-ALL:+AES-128-CCM",
};

static const char *version_priority(int version)
{
	switch (version) {
	case 0:
		return ":-VERS-ALL:+VERS-TLS1.2:+VERS-TLS1.3";
	case 0x0303:
		return ":-VERS-ALL:+VERS-TLS1.2";
	default:
		return ":-VERS-ALL:+VERS-TLS1.3";
	}
}

static int gt_failed(struct peer *peer, const char *what, ssize_t ret)
{
	if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED || ret == GNUTLS_E_WARNING_ALERT_RECEIVED)
		return peer_error(peer, "%s: alert %s", what,
				  gnutls_alert_get_name(gnutls_alert_get(peer->session)));
	if (ret == GNUTLS_E_PREMATURE_TERMINATION)
		return peer_error(peer, "%s: end of file without close_notify", what);
	return peer_error(peer, "%s: %s", what, gnutls_strerror((int)ret));
}

static int set_credentials(struct peer *peer)
{
	const struct peer_conf *conf = &peer->conf;
	gnutls_certificate_credentials_t cred;
	char cert[128], key[128];
	int ret = gnutls_certificate_allocate_credentials(&cred);

	if (ret)
		return ret;
	peer->context = cred;
	ret = gnutls_certificate_set_x509_trust_file(cred, PKI "ca.pem", GNUTLS_X509_FMT_PEM);
	if (ret >= 0 && conf->cert) {
		snprintf(cert, sizeof(cert), PKI "%s.pem", conf->cert);
		snprintf(key, sizeof(key), PKI "%s.key", conf->cert);
		ret = gnutls_certificate_set_x509_key_file(cred, cert, key, GNUTLS_X509_FMT_PEM);
	}
	if (ret >= 0)
		ret = gnutls_credentials_set(peer->session, GNUTLS_CRD_CERTIFICATE, cred);
	return ret;
}

/* With the key of all peers: a session of one can be resumed with another. */
static int send_tickets(gnutls_session_t session)
{
	static gnutls_datum_t key;
	int ret = key.data ? 0 : gnutls_session_ticket_key_generate(&key);

	return ret < 0 ? ret : gnutls_session_ticket_enable_server(session, &key);
}

static int gt_open(struct peer *peer)
{
	const struct peer_conf *conf = &peer->conf;
	gnutls_session_t session;
	char priority[128];
	int ret;

	snprintf(priority, sizeof(priority), "NORMAL:%%ALLOW_SMALL_RECORDS%s%s",
		 version_priority(conf->version), ciphers[conf->cipher]);
	ret = gnutls_init(&session, conf->server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	if (ret)
		return gt_failed(peer, "init", ret);
	peer->session = session;
	ret = gnutls_priority_set_direct(session, priority, NULL);
	if (!ret)
		ret = set_credentials(peer);
	if (!ret && !conf->server) {
		ret = gnutls_server_name_set(session, GNUTLS_NAME_DNS, conf->name,
					     strlen(conf->name));
		gnutls_session_set_verify_cert(session, conf->name, 0);
	}
	if (!ret && conf->alpn) {
		const gnutls_datum_t protocol = { (unsigned char *)conf->alpn,
						  (unsigned int)strlen(conf->alpn) };

		ret = gnutls_alpn_set_protocols(session, &protocol, 1, GNUTLS_ALPN_MANDATORY);
	}
	if (conf->server && conf->ask) {
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		gnutls_session_set_verify_cert(session, NULL, 0);
	}
	if (ret >= 0 && conf->tickets)
		ret = send_tickets(session);
	if (ret >= 0 && conf->record_size)
		ret = (int)gnutls_record_set_max_recv_size(session, conf->record_size);
	gnutls_transport_set_int(session, peer->fd);
	return ret < 0 ? gt_failed(peer, "setup", ret) : 0;
}

static int gt_handshake(struct peer *peer)
{
	int ret;

	do {
		ret = gnutls_handshake(peer->session);
	} while (ret == GNUTLS_E_INTERRUPTED);
	return ret ? gt_failed(peer, "handshake", ret) : 0;
}

static ssize_t gt_read(struct peer *peer, void *data, size_t len)
{
	int tries = MAX_TICKETS;
	ssize_t ret;

	/* after a ticket it says E_AGAIN, though the socket is a blocking one */
	do {
		ret = gnutls_record_recv(peer->session, data, len);
	} while (ret == GNUTLS_E_INTERRUPTED || (ret == GNUTLS_E_AGAIN && tries--));
	return ret < 0 ? gt_failed(peer, "read", ret) : ret;
}

static ssize_t gt_write(struct peer *peer, const void *data, size_t len)
{
	ssize_t ret = gnutls_record_send(peer->session, data, len);

	return ret < 0 ? gt_failed(peer, "write", ret) : ret;
}

static int gt_close(struct peer *peer)
{
	int ret = gnutls_bye(peer->session, GNUTLS_SHUT_WR);

	return ret ? gt_failed(peer, "close", ret) : 0;
}

static int gt_export(struct peer *peer, const char *label, const char *context,
		     size_t context_len, uint8_t *out, size_t len)
{
	int ret = gnutls_prf_rfc5705(peer->session, strlen(label), label, context_len, context,
				     len, (char *)out);

	return ret ? gt_failed(peer, "export", ret) : 0;
}

static void gt_free(struct peer *peer)
{
	if (peer->session)
		gnutls_deinit(peer->session);
	if (peer->context)
		gnutls_certificate_free_credentials(peer->context);
}

const struct peer_ops peer_gnutls_ops = {
	.open = gt_open,
	.handshake = gt_handshake,
	.read = gt_read,
	.write = gt_write,
	.close = gt_close,
	.export = gt_export,
	.free = gt_free,
};
