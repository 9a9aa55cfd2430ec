// SPDX-License-Identifier: GPL-2.0-only
/* A peer played by GnuTLS, used as any program uses it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "peer.h"

struct tls {
	const struct peer_options *options;
	gnutls_session_t session;
	gnutls_certificate_credentials_t cred;
	gnutls_datum_t ticket_key;
	uint8_t secret[64];	/* TLS 1.3: of its own handshake records */
	size_t secret_len;
};

#define CHECK(call)							\
	do {								\
		int rc_ = (call);					\
									\
		if (rc_ < 0) {						\
			fprintf(stderr, "gnutls peer: %s: %s\n", #call,	\
				gnutls_strerror(rc_));			\
			abort();					\
		}							\
	} while (0)

/* So that a session begun with one peer can be resumed with another. */
static gnutls_datum_t ticket_key;

static ssize_t pull(gnutls_transport_ptr_t ptr, void *buf, size_t len)
{
	struct peer *peer = ptr;

	if (!peer->in.len) {
		errno = EAGAIN;
		return -1;
	}
	if (len > peer->in.len)
		len = peer->in.len;
	memcpy(buf, peer->in.data, len);
	wire_eat(&peer->in, len);
	return (ssize_t)len;
}

static int pull_timeout(gnutls_transport_ptr_t ptr, unsigned int ms)
{
	struct peer *peer = ptr;

	(void)ms;
	return peer->in.len > 0;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *buf, size_t len)
{
	struct peer *peer = ptr;

	wire_put(&peer->out, buf, len);
	return (ssize_t)len;
}

static int on_secret(gnutls_session_t session, gnutls_record_encryption_level_t level,
		     const void *rx, const void *tx, size_t len)
{
	struct tls *t = gnutls_session_get_ptr(session);

	(void)rx;
	if (level != GNUTLS_ENCRYPTION_LEVEL_HANDSHAKE || !tx)
		return 0;
	memcpy(t->secret, tx, len);
	t->secret_len = len;
	return 0;
}

gnutls_session_t peer_gnutls_session(struct peer *peer, gnutls_datum_t *secret)
{
	struct tls *t = peer->priv;

	*secret = (gnutls_datum_t) { t->secret, (unsigned int)t->secret_len };
	return t->session;
}

/* A client shows a response in no other way, and a server just one that is whole. */
static int retrieve(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
		    gnutls_pcert_st **certs, unsigned int *n, gnutls_ocsp_data_st **ocsp,
		    unsigned int *n_ocsp, gnutls_privkey_t *key, unsigned int *flags)
{
	const struct tls *t = gnutls_session_get_ptr(session);
	const struct peer_options *opt = t->options;
	gnutls_datum_t pem;

	(void)info;
	*n = 4;
	*certs = gnutls_calloc(*n, sizeof(**certs));
	*n_ocsp = 1;
	*ocsp = gnutls_calloc(1, sizeof(**ocsp));
	if (!*certs || !*ocsp)
		abort();
	CHECK(gnutls_pcert_list_import_x509_file(*certs, n, cert_path(opt->cert, "pem"),
						 GNUTLS_X509_FMT_PEM, NULL, NULL, 0));
	CHECK(gnutls_load_file(cert_path(opt->cert, "key"), &pem));
	CHECK(gnutls_privkey_init(key));
	CHECK(gnutls_privkey_import_x509_raw(*key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0));
	gnutls_free(pem.data);
	(*ocsp)->response.data = gnutls_malloc(opt->staple_len);
	if (!(*ocsp)->response.data)
		abort();
	memcpy((*ocsp)->response.data, opt->staple, opt->staple_len);
	(*ocsp)->response.size = (unsigned int)opt->staple_len;
	*flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	return 0;
}

static void gnutls_peer_start(struct peer *peer)
{
	const struct peer_options *opt = &peer->options;
	struct tls *t = calloc(1, sizeof(*t));
	char priority[256];

	if (!t)
		abort();
	peer->priv = t;
	t->options = opt;
	CHECK(gnutls_init(&t->session, GNUTLS_NONBLOCK |
			  (opt->server ? GNUTLS_SERVER : GNUTLS_CLIENT | GNUTLS_FORCE_CLIENT_CERT) |
			  (opt->one_share ? GNUTLS_KEY_SHARE_TOP : 0) |
			  (opt->no_tickets ? GNUTLS_NO_TICKETS : 0)));
	snprintf(priority, sizeof(priority), "NORMAL:%%ALLOW_SMALL_RECORDS%s%s%s%s%s",
		 opt->tls12 ? ":-VERS-ALL:+VERS-TLS1.2" : "",
		 opt->tls13 ? ":-VERS-ALL:+VERS-TLS1.3" : "",
		 opt->cipher ? ":-CIPHER-ALL:+" : "", opt->cipher ? opt->cipher : "",
		 opt->priority ? opt->priority : "");
	CHECK(gnutls_priority_set_direct(t->session, priority, NULL));
	CHECK(gnutls_certificate_allocate_credentials(&t->cred));
	if (opt->key)
		gnutls_certificate_set_flags(t->cred, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	if (opt->cert && !opt->staple)
		CHECK(gnutls_certificate_set_x509_key_file(t->cred, cert_path(opt->cert, "pem"),
							   cert_path(opt->key ?: opt->cert, "key"),
							   GNUTLS_X509_FMT_PEM));
	if (opt->staple)
		gnutls_certificate_set_retrieve_function3(t->cred, retrieve);
	if (opt->ca)
		CHECK(gnutls_certificate_set_x509_trust_file(t->cred, cert_path(opt->ca, "pem"),
							     GNUTLS_X509_FMT_PEM));
	CHECK(gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->cred));
	if (opt->ca && (!opt->server || opt->ask_cert))
		gnutls_session_set_verify_cert(t->session, opt->server_name, 0);
	if (opt->server && opt->ask_cert)
		gnutls_certificate_server_set_request(t->session, GNUTLS_CERT_REQUIRE);
	if (opt->server && !opt->no_tickets) {
		if (!ticket_key.data)
			CHECK(gnutls_session_ticket_key_generate(&ticket_key));
		CHECK(gnutls_session_ticket_enable_server(t->session, &ticket_key));
	}
	if (opt->server_name)
		CHECK(gnutls_server_name_set(t->session, GNUTLS_NAME_DNS, opt->server_name,
					     strlen(opt->server_name)));
	if (opt->alpn) {
		gnutls_datum_t name = { (unsigned char *)opt->alpn,
					(unsigned int)strlen(opt->alpn) };

		CHECK(gnutls_alpn_set_protocols(t->session, &name, 1, GNUTLS_ALPN_MANDATORY));
	}
	if (opt->record_size_limit)
		CHECK((int)gnutls_record_set_max_recv_size(t->session, opt->record_size_limit));
	if (opt->resume) {
		gnutls_datum_t *saved = opt->resume;

		CHECK(gnutls_session_set_data(t->session, saved->data, saved->size));
	}
	gnutls_session_set_ptr(t->session, t);
	gnutls_handshake_set_secret_function(t->session, on_secret);
	gnutls_transport_set_ptr(t->session, peer);
	gnutls_transport_set_pull_function(t->session, pull);
	gnutls_transport_set_push_function(t->session, push);
	gnutls_transport_set_pull_timeout_function(t->session, pull_timeout);
}

static int judge(struct peer *peer, int rc)
{
	if (!gnutls_error_is_fatal(rc))
		return 0;
	snprintf(peer->error, sizeof(peer->error), "%s", gnutls_strerror(rc));
	return -1;
}

static int gnutls_peer_handshake(struct peer *peer)
{
	struct tls *t = peer->priv;
	size_t before;
	int rc;

	/* A record that ends within a message is "again", even if there are more. */
	do {
		before = peer->in.len;
		rc = gnutls_handshake(t->session);
	} while (rc == GNUTLS_E_WARNING_ALERT_RECEIVED || rc == GNUTLS_E_INTERRUPTED ||
		 (rc == GNUTLS_E_AGAIN && peer->in.len && peer->in.len < before));
	if (!rc)
		return PEER_DONE;
	if (!judge(peer, rc))
		return PEER_WANTS_MORE;
	gnutls_alert_send_appropriate(t->session, rc);
	return PEER_FAILED;
}

static void gnutls_peer_write(struct peer *peer, const void *data, size_t len)
{
	struct tls *t = peer->priv;

	CHECK((int)gnutls_record_send(t->session, data, len));
}

static int gnutls_peer_read(struct peer *peer, void *data, size_t size)
{
	struct tls *t = peer->priv;
	ssize_t rc = gnutls_record_recv(t->session, data, size);

	return rc >= 0 ? (int)rc : judge(peer, (int)rc);
}

static void gnutls_peer_close_notify(struct peer *peer)
{
	struct tls *t = peer->priv;

	CHECK(gnutls_bye(t->session, GNUTLS_SHUT_WR));
}

static void *gnutls_peer_save(struct peer *peer)
{
	struct tls *t = peer->priv;
	gnutls_datum_t *saved = calloc(1, sizeof(*saved));

	if (!saved)
		abort();
	CHECK(gnutls_session_get_data2(t->session, saved));
	return saved;
}

static void gnutls_peer_forget(void *saved)
{
	gnutls_datum_t *data = saved;

	if (data)
		gnutls_free(data->data);
	free(data);
}

static bool gnutls_peer_resumed(struct peer *peer)
{
	struct tls *t = peer->priv;

	return gnutls_session_is_resumed(t->session);
}

static void gnutls_peer_end(struct peer *peer)
{
	struct tls *t = peer->priv;

	gnutls_deinit(t->session);
	gnutls_certificate_free_credentials(t->cred);
	free(t);
}

const struct peer_type peer_gnutls = {
	.name = "gnutls",
	.start = gnutls_peer_start,
	.handshake = gnutls_peer_handshake,
	.write = gnutls_peer_write,
	.read = gnutls_peer_read,
	.close_notify = gnutls_peer_close_notify,
	.save = gnutls_peer_save,
	.forget = gnutls_peer_forget,
	.resumed = gnutls_peer_resumed,
	.end = gnutls_peer_end,
};
