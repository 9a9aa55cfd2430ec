// SPDX-License-Identifier: GPL-2.0-only
/*
 * GnuTLS in this process.
 */
#include <err.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdlib.h>

#include "tls.h"

static gnutls_certificate_credentials_t cred;
static gnutls_priority_t priority[KSB_SUITES];
static gnutls_datum_t ticket_key;
static gnutls_datum_t ticket;

static int to_errno(ssize_t n, const char *what)
{
	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
		return -EAGAIN;
	warnx("gnutls: %s: %s", what, gnutls_strerror((int)n));
	return -EPROTO;
}

static void init(void)
{
	static const char *const cipher[KSB_SUITES] = {
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL:+AES-128-GCM",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL:+AES-256-GCM",
		"NORMAL:-VERS-ALL:+VERS-TLS1.3:-GROUP-ALL:+GROUP-X25519:-CIPHER-ALL:+CHACHA20-POLY1305",
	};
	gnutls_datum_t cert;
	gnutls_datum_t key;
	size_t len;
	int i;
	int err;

	if (cred)
		return;
	for (i = 0; i < KSB_SUITES; i++) {
		err = gnutls_priority_init2(&priority[i], cipher[i], NULL, 0);
		if (err)
			errx(EXIT_FAILURE, "gnutls: %s", gnutls_strerror(err));
	}
	cert.data = (unsigned char *)ksb_cert_pem(&len);
	cert.size = (unsigned int)len;
	key.data = (unsigned char *)ksb_key_pem(&len);
	key.size = (unsigned int)len;
	err = gnutls_certificate_allocate_credentials(&cred);
	if (!err)
		err = gnutls_certificate_set_x509_key_mem(cred, &cert, &key,
							  GNUTLS_X509_FMT_PEM);
	if (err >= 0)
		err = gnutls_session_ticket_key_generate(&ticket_key);
	if (err < 0)
		errx(EXIT_FAILURE, "gnutls: %s", gnutls_strerror(err));
}

static int start(struct ksb_end *e, enum ksb_suite suite, bool server,
		 bool resume)
{
	gnutls_session_t s;
	int err;

	init();
	err = gnutls_init(&s, GNUTLS_NONBLOCK |
			  (server ? GNUTLS_SERVER : GNUTLS_CLIENT));
	if (err)
		return -ENOMEM;
	e->tls = s;
	gnutls_transport_set_int(s, e->fd);
	err = gnutls_priority_set(s, priority[suite]);
	if (!err)
		err = gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, cred);
	if (!err && server)
		err = gnutls_session_ticket_enable_server(s, &ticket_key);
	if (!err && !server && resume)
		err = gnutls_session_set_data(s, ticket.data, ticket.size);
	return err ? to_errno(err, "session") : 0;
}

static int step(struct ksb_end *e)
{
	int err = gnutls_handshake(e->tls);

	return err ? to_errno(err, "handshake") : 0;
}

static int keep(struct ksb_end *e)
{
	char c;
	ssize_t n = gnutls_record_recv(e->tls, &c, 1);
	int err;

	if (n != GNUTLS_E_AGAIN)
		return to_errno(n, "ticket");
	gnutls_free(ticket.data);
	err = gnutls_session_get_data2(e->tls, &ticket);
	return err ? to_errno(err, "ticket") : 0;
}

static bool resumed(struct ksb_end *e)
{
	return gnutls_session_is_resumed(e->tls);
}

static void end(struct ksb_end *e)
{
	gnutls_deinit(e->tls);
}

const struct ksb_library ksb_gnutls_library = {
	.name		= "gnutls",
	.start		= start,
	.step		= step,
	.keep		= keep,
	.resumed	= resumed,
	.end		= end,
};

static int pair_open(struct ksb_pair *p, enum ksb_suite suite)
{
	return ksb_library_pair(&ksb_gnutls_library, p, suite);
}

static void pair_close(struct ksb_pair *p)
{
	ksb_library_close(&ksb_gnutls_library, p);
}

static ssize_t pair_send(struct ksb_end *e, const void *buf, size_t len)
{
	ssize_t n = gnutls_record_send(e->tls, buf, len);

	return n < 0 ? to_errno(n, "send") : n;
}

static ssize_t pair_recv(struct ksb_end *e, void *buf, size_t len)
{
	ssize_t n = gnutls_record_recv(e->tls, buf, len);

	return n < 0 ? to_errno(n, "receive") : n;
}

const struct ksb_transport ksb_gnutls = {
	.name	= "gnutls",
	.open	= pair_open,
	.send	= pair_send,
	.recv	= pair_recv,
	.close	= pair_close,
};
