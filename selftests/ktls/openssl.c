// SPDX-License-Identifier: GPL-2.0-only
/* OpenSSL with SSL_OP_ENABLE_KTLS. */
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "library.h"

static int complain(void)
{
	ERR_print_errors_fp(stderr);
	return -1;
}

static int ossl_open(struct library_end *end)
{
	SSL_CTX *ctx = SSL_CTX_new(end->server ? TLS_server_method() : TLS_client_method());
	int version = end->version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
	SSL *ssl;

	end->context = ctx;
	if (!ctx || !SSL_CTX_set_min_proto_version(ctx, version) ||
	    !SSL_CTX_set_max_proto_version(ctx, version))
		return complain();
	SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
	if (!(end->version == 13 ? SSL_CTX_set_ciphersuites(ctx, end->suite) :
				   SSL_CTX_set_cipher_list(ctx, end->suite)))
		return complain();
	if (end->server &&
	    (SSL_CTX_use_certificate_file(ctx, LIBRARY_PKI "server.pem", SSL_FILETYPE_PEM) != 1 ||
	     SSL_CTX_use_PrivateKey_file(ctx, LIBRARY_PKI "server.key", SSL_FILETYPE_PEM) != 1))
		return complain();
	ssl = SSL_new(ctx);
	end->session = ssl;
	if (!ssl || !SSL_set_fd(ssl, end->fd))
		return complain();
	if ((end->server ? SSL_accept(ssl) : SSL_connect(ssl)) != 1)
		return complain();
	return 0;
}

static int ossl_ktls(struct library_end *end)
{
	SSL *ssl = end->session;

	return (BIO_get_ktls_send(SSL_get_wbio(ssl)) ? LIBRARY_TX : 0) |
	       (BIO_get_ktls_recv(SSL_get_rbio(ssl)) ? LIBRARY_RX : 0);
}

static int ossl_send(struct library_end *end, const void *data, size_t len)
{
	size_t done;

	if (SSL_write_ex(end->session, data, len, &done) != 1 || done != len)
		return complain();
	return 0;
}

static ssize_t ossl_recv(struct library_end *end, void *data, size_t len)
{
	size_t got;

	if (SSL_read_ex(end->session, data, len, &got) == 1)
		return (ssize_t)got;
	if (SSL_get_error(end->session, 0) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return complain();
}

static int ossl_send_file(struct library_end *end, int file, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ossl_ssize_t n = SSL_sendfile(end->session, file, (off_t)done, len - done, 0);

		if (n <= 0)
			return complain();
		done += (size_t)n;
	}
	return 0;
}

static void ossl_close(struct library_end *end)
{
	if (end->session)
		SSL_shutdown(end->session);
	SSL_free(end->session);
	SSL_CTX_free(end->context);
}

const struct library library_openssl = {
	.name = "OpenSSL",
	.open = ossl_open,
	.ktls = ossl_ktls,
	.send = ossl_send,
	.recv = ossl_recv,
	.send_file = ossl_send_file,
	.close = ossl_close,
};
