// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL in this process.
 */
#include <err.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "tls.h"

static SSL_CTX *client_ctx[KSB_SUITES];
static SSL_CTX *server_ctx[KSB_SUITES];
static SSL_SESSION *ticket;

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	ERR_print_errors_fp(stderr);
	errx(EXIT_FAILURE, "openssl: %s", what);
}

static int to_errno(struct ksb_end *e, int n, const char *what)
{
	switch (SSL_get_error(e->tls, n)) {
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		return -EAGAIN;
	default:
		ERR_print_errors_fp(stderr);
		warnx("openssl: %s failed", what);
		return -EPROTO;
	}
}

static int new_session(SSL *s, SSL_SESSION *session)
{
	(void)s;
	SSL_SESSION_free(ticket);
	ticket = session;
	return 1;
}

static SSL_CTX *make_ctx(enum ksb_suite suite, bool server)
{
	static const char *const name[KSB_SUITES] = {
		"TLS_AES_128_GCM_SHA256",
		"TLS_AES_256_GCM_SHA384",
		"TLS_CHACHA20_POLY1305_SHA256",
	};
	SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() :
				   TLS_client_method());

	must(ctx, "context");
	must(SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION), "version");
	must(SSL_CTX_set_ciphersuites(ctx, name[suite]), "suite");
	must(SSL_CTX_set1_groups_list(ctx, "X25519"), "group");
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE |
			 SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (!server) {
		SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
					       SSL_SESS_CACHE_NO_INTERNAL);
		SSL_CTX_sess_set_new_cb(ctx, new_session);
	}
	return ctx;
}

static void set_cert(SSL_CTX *ctx)
{
	size_t len;
	const char *pem = ksb_cert_pem(&len);
	BIO *bio = BIO_new_mem_buf(pem, (int)len);
	X509 *crt = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	EVP_PKEY *key;

	must(crt && SSL_CTX_use_certificate(ctx, crt), "certificate");
	BIO_free(bio);
	pem = ksb_key_pem(&len);
	bio = BIO_new_mem_buf(pem, (int)len);
	key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	must(key && SSL_CTX_use_PrivateKey(ctx, key), "key");
	BIO_free(bio);
	X509_free(crt);
	EVP_PKEY_free(key);
}

static void init(void)
{
	int i;

	if (client_ctx[0])
		return;
	for (i = 0; i < KSB_SUITES; i++) {
		client_ctx[i] = make_ctx(i, false);
		server_ctx[i] = make_ctx(i, true);
		set_cert(server_ctx[i]);
	}
}

static int start(struct ksb_end *e, enum ksb_suite suite, bool server,
		 bool resume)
{
	SSL *s;

	init();
	s = SSL_new(server ? server_ctx[suite] : client_ctx[suite]);
	if (!s)
		return -ENOMEM;
	e->tls = s;
	must(SSL_set_fd(s, e->fd), "socket");
	if (server)
		SSL_set_accept_state(s);
	else
		SSL_set_connect_state(s);
	if (!server && resume)
		must(ticket && SSL_set_session(s, ticket), "no ticket");
	return 0;
}

static int step(struct ksb_end *e)
{
	int n = SSL_do_handshake(e->tls);

	return n == 1 ? 0 : to_errno(e, n, "handshake");
}

static int keep(struct ksb_end *e)
{
	char c;
	int n = SSL_read(e->tls, &c, 1);

	if (n > 0)
		return -EPROTO;
	n = to_errno(e, n, "ticket");
	return n == -EAGAIN && ticket ? 0 : -EPROTO;
}

static bool resumed(struct ksb_end *e)
{
	return SSL_session_reused(e->tls);
}

static void end(struct ksb_end *e)
{
	/* Unless it was shut down a session counts as bad, its ticket too. */
	SSL_set_quiet_shutdown(e->tls, 1);
	SSL_shutdown(e->tls);
	SSL_free(e->tls);
}

const struct ksb_library ksb_openssl_library = {
	.name		= "openssl",
	.start		= start,
	.step		= step,
	.keep		= keep,
	.resumed	= resumed,
	.end		= end,
};

static int pair_open(struct ksb_pair *p, enum ksb_suite suite)
{
	return ksb_library_pair(&ksb_openssl_library, p, suite);
}

static void pair_close(struct ksb_pair *p)
{
	ksb_library_close(&ksb_openssl_library, p);
}

static ssize_t pair_send(struct ksb_end *e, const void *buf, size_t len)
{
	int n = SSL_write(e->tls, buf, len > INT_MAX ? INT_MAX : (int)len);

	return n <= 0 ? to_errno(e, n, "send") : n;
}

static ssize_t pair_recv(struct ksb_end *e, void *buf, size_t len)
{
	int n = SSL_read(e->tls, buf, len > INT_MAX ? INT_MAX : (int)len);

	return n <= 0 ? to_errno(e, n, "receive") : n;
}

const struct ksb_transport ksb_openssl = {
	.name	= "openssl",
	.open	= pair_open,
	.send	= pair_send,
	.recv	= pair_recv,
	.close	= pair_close,
};
