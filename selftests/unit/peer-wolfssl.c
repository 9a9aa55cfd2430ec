// SPDX-License-Identifier: GPL-2.0-only
/* A peer played by wolfSSL, with its defaults, as on small devices. No session is resumed. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "peer.h"

struct wolf {
	WOLFSSL_CTX *ctx;
	WOLFSSL *ssl;
};

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			fprintf(stderr, "wolfssl peer: %s\n", #cond);	\
			abort();					\
		}							\
	} while (0)

static int pull(WOLFSSL *ssl, char *buf, int size, void *ptr)
{
	struct peer *peer = ptr;
	size_t len = (size_t)size;

	(void)ssl;
	if (!peer->in.len)
		return WOLFSSL_CBIO_ERR_WANT_READ;
	if (len > peer->in.len)
		len = peer->in.len;
	memcpy(buf, peer->in.data, len);
	wire_eat(&peer->in, len);
	return (int)len;
}

static int push(WOLFSSL *ssl, char *buf, int len, void *ptr)
{
	struct peer *peer = ptr;

	(void)ssl;
	wire_put(&peer->out, buf, (size_t)len);
	return len;
}

static WOLFSSL_METHOD *method_of(const struct peer_options *opt)
{
	if (opt->tls12)
		return opt->server ? wolfTLSv1_2_server_method() : wolfTLSv1_2_client_method();
	if (opt->tls13)
		return opt->server ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method();
	return opt->server ? wolfSSLv23_server_method() : wolfSSLv23_client_method();
}

static void set_certs(WOLFSSL_CTX *ctx, const struct peer_options *opt)
{
	int verify = opt->ca ? WOLFSSL_VERIFY_PEER : WOLFSSL_VERIFY_NONE;

	if (opt->ask_cert)
		verify |= WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT;
	wolfSSL_CTX_set_verify(ctx, verify, NULL);
	if (opt->cert) {
		CHECK(wolfSSL_CTX_use_certificate_chain_file(ctx, cert_path(opt->cert, "pem")) ==
		      WOLFSSL_SUCCESS);
		CHECK(wolfSSL_CTX_use_PrivateKey_file(ctx, cert_path(opt->cert, "key"),
						      WOLFSSL_FILETYPE_PEM) == WOLFSSL_SUCCESS);
	}
	if (opt->ca)
		CHECK(wolfSSL_CTX_load_verify_locations(ctx, cert_path(opt->ca, "pem"), NULL) ==
		      WOLFSSL_SUCCESS);
}

static void wolfssl_start(struct peer *peer)
{
	const struct peer_options *opt = &peer->options;
	struct wolf *w = calloc(1, sizeof(*w));

	CHECK(w);
	peer->priv = w;
	w->ctx = wolfSSL_CTX_new(method_of(opt));
	CHECK(w->ctx);
	set_certs(w->ctx, opt);
	wolfSSL_CTX_SetIORecv(w->ctx, pull);
	wolfSSL_CTX_SetIOSend(w->ctx, push);
	w->ssl = wolfSSL_new(w->ctx);
	CHECK(w->ssl);
	wolfSSL_SetIOReadCtx(w->ssl, peer);
	wolfSSL_SetIOWriteCtx(w->ssl, peer);
	if (opt->server || !opt->server_name)
		return;
	CHECK(wolfSSL_UseSNI(w->ssl, WOLFSSL_SNI_HOST_NAME, opt->server_name,
			     (unsigned short)strlen(opt->server_name)) == WOLFSSL_SUCCESS);
	CHECK(wolfSSL_check_domain_name(w->ssl, opt->server_name) == WOLFSSL_SUCCESS);
}

static int judge(struct peer *peer, int rc)
{
	struct wolf *w = peer->priv;
	int error = wolfSSL_get_error(w->ssl, rc);

	if (error == WOLFSSL_ERROR_WANT_READ)
		return 0;
	snprintf(peer->error, sizeof(peer->error), "%s",
		 wolfSSL_ERR_reason_error_string((unsigned long)error));
	return -1;
}

static int wolfssl_handshake(struct peer *peer)
{
	struct wolf *w = peer->priv;
	int rc = peer->options.server ? wolfSSL_accept(w->ssl) : wolfSSL_connect(w->ssl);

	if (rc == WOLFSSL_SUCCESS)
		return PEER_DONE;
	return judge(peer, rc) ? PEER_FAILED : PEER_WANTS_MORE;
}

static void wolfssl_write(struct peer *peer, const void *data, size_t len)
{
	struct wolf *w = peer->priv;

	CHECK(wolfSSL_write(w->ssl, data, (int)len) == (int)len);
}

static int wolfssl_read(struct peer *peer, void *data, size_t size)
{
	struct wolf *w = peer->priv;
	int rc = wolfSSL_read(w->ssl, data, (int)size);

	return rc > 0 ? rc : judge(peer, rc);
}

static void wolfssl_close_notify(struct peer *peer)
{
	struct wolf *w = peer->priv;

	wolfSSL_shutdown(w->ssl);
}

static void *wolfssl_save(struct peer *peer)
{
	(void)peer;
	return NULL;
}

static void wolfssl_forget(void *saved)
{
	(void)saved;
}

static bool wolfssl_resumed(struct peer *peer)
{
	struct wolf *w = peer->priv;

	return wolfSSL_session_reused(w->ssl);
}

static void wolfssl_end(struct peer *peer)
{
	struct wolf *w = peer->priv;

	wolfSSL_free(w->ssl);
	wolfSSL_CTX_free(w->ctx);
	free(w);
}

const struct peer_type peer_wolfssl = {
	.name = "wolfssl",
	.start = wolfssl_start,
	.handshake = wolfssl_handshake,
	.write = wolfssl_write,
	.read = wolfssl_read,
	.close_notify = wolfssl_close_notify,
	.save = wolfssl_save,
	.forget = wolfssl_forget,
	.resumed = wolfssl_resumed,
	.end = wolfssl_end,
};
