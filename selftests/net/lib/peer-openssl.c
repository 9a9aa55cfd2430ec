// SPDX-License-Identifier: GPL-2.0-only
/* A peer that uses OpenSSL. */
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>

#include "peer.h"

static const char *const names_12[] = {
	[PEER_ANY] = "ECDHE+AESGCM:ECDHE+CHACHA20",
	[PEER_AES128] = "ECDHE-ECDSA-AES128-GCM-SHA256",
	[PEER_AES256] = "ECDHE-ECDSA-AES256-GCM-SHA384",
	[PEER_CHACHA] = "ECDHE-ECDSA-CHACHA20-POLY1305",
	[PEER_CCM] = "ECDHE-ECDSA-AES128-CCM",
};

static const char *const names_13[] = {
	[PEER_ANY] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256",
	[PEER_AES128] = "TLS_AES_128_GCM_SHA256",
	[PEER_AES256] = "TLS_AES_256_GCM_SHA384",
	[PEER_CHACHA] = "TLS_CHACHA20_POLY1305_SHA256",
	[PEER_CCM] = "TLS_AES_128_CCM_SHA256",
};

static unsigned char ticket_keys[80] = "the tests'";

static int ssl_error(struct peer *peer, const char *what, int ret)
{
	int code = SSL_get_error(peer->session, ret), saved = errno;
	unsigned long error = ERR_get_error();
	char text[160] = "end of file without close_notify";

	if (error)
		ERR_error_string_n(error, text, sizeof(text));
	else if (ret < 0)
		snprintf(text, sizeof(text), "%s (SSL_ERROR %d)", strerror(saved), code);
	ERR_clear_error();
	return peer_error(peer, "%s: %s", what, text);
}

static int use_cert(SSL_CTX *ctx, const char *name)
{
	char cert[128], key[128];

	snprintf(cert, sizeof(cert), PKI "%s.pem", name);
	snprintf(key, sizeof(key), PKI "%s.key", name);
	return SSL_CTX_use_certificate_chain_file(ctx, cert) == 1 &&
	       SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) == 1;
}

static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned int in_len, void *arg)
{
	const struct peer *peer = arg;
	size_t len = strlen(peer->conf.alpn);

	(void)ssl;
	for (unsigned int i = 0; i < in_len; i += in[i] + 1U) {
		if (in[i] == len && i + 1 + len <= in_len &&
		    !memcmp(in + i + 1, peer->conf.alpn, len)) {
			*out = in + i + 1;
			*out_len = in[i];
			return SSL_TLSEXT_ERR_OK;
		}
	}
	return SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Lines of the key log: a label, the client's random, the secret; in hexadecimal. */
static void keep_secret(const SSL *ssl, const char *line)
{
	struct peer *peer = SSL_get_app_data(ssl);
	const char *label = peer->conf.server ? "SERVER_TRAFFIC_SECRET_0 " :
						"CLIENT_TRAFFIC_SECRET_0 ";
	const char *hex = strrchr(line, ' ');

	if (strncmp(line, label, strlen(label)) != 0 || !hex)
		return;
	for (size_t i = 0; i < sizeof(peer->secret) && hex[1 + 2 * i] && hex[2 + 2 * i]; i++) {
		const char digits[] = { hex[1 + 2 * i], hex[2 + 2 * i], '\0' };

		peer->secret[i] = (uint8_t)strtoul(digits, NULL, 16);
	}
}

/* For private use, and unknown to every library. */
#define EXT_UNKNOWN	0xff77

static int add_filling(SSL *ssl, unsigned int type, unsigned int context, const unsigned char **out,
		       size_t *len, X509 *crt, size_t index, int *alert, void *arg)
{
	const struct peer *peer = arg;

	(void)ssl;
	(void)type;
	(void)context;
	(void)crt;
	(void)index;
	(void)alert;
	*len = peer->conf.hello;
	*out = calloc(1, *len);
	return *out ? 1 : -1;
}

static void free_filling(SSL *ssl, unsigned int type, unsigned int context,
			 const unsigned char *out, void *arg)
{
	(void)ssl;
	(void)type;
	(void)context;
	(void)arg;
	free((void *)out);
}

static int openssl_open(struct peer *peer)
{
	const struct peer_conf *conf = &peer->conf;
	SSL_CTX *ctx = SSL_CTX_new(conf->server ? TLS_server_method() : TLS_client_method());
	int version = conf->version;
	bool ok = ctx;
	SSL *ssl;

	peer->context = ctx;
	ok = ok && SSL_CTX_set_min_proto_version(ctx, version ? version : TLS1_2_VERSION);
	ok = ok && SSL_CTX_set_max_proto_version(ctx, version ? version : TLS1_3_VERSION);
	/* DHE for old versions only, in tests of what is refused */
	if (version && version < TLS1_2_VERSION)
		ok = ok && SSL_CTX_set_cipher_list(ctx, "ALL:@SECLEVEL=0");
	else
		ok = ok && SSL_CTX_set_cipher_list(ctx, names_12[conf->cipher]);
	ok = ok && SSL_CTX_set_ciphersuites(ctx, names_13[conf->cipher]);
	ok = ok && SSL_CTX_load_verify_locations(ctx, PKI "ca.pem", NULL);
	if (conf->cert)
		ok = ok && use_cert(ctx, conf->cert);
	if (!conf->server)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	else if (conf->ask)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	if (conf->server && conf->alpn)
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, peer);
	/* a session of one peer can be resumed with another */
	if (ok && conf->server)
		ok = SSL_CTX_set_tlsext_ticket_keys(ctx, ticket_keys, sizeof(ticket_keys)) &&
		     SSL_CTX_set_session_id_context(ctx, ticket_keys, 4);
	if (ok && conf->max_fragment)
		ok = SSL_CTX_set_tlsext_max_fragment_length(ctx, conf->max_fragment);
	if (ok && conf->no_tickets) {
		SSL_CTX_set_num_tickets(ctx, 0);
		SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
	}
	if (ok && conf->hello)
		ok = SSL_CTX_add_custom_ext(ctx, EXT_UNKNOWN, SSL_EXT_CLIENT_HELLO, add_filling,
					    free_filling, peer, NULL, NULL);
	if (ok && conf->no_ems)
		SSL_CTX_set_options(ctx, SSL_OP_NO_EXTENDED_MASTER_SECRET);
	if (ok)
		SSL_CTX_set_keylog_callback(ctx, keep_secret);
	ssl = ok ? SSL_new(ctx) : NULL;
	peer->session = ssl;
	if (ssl)
		SSL_set_app_data(ssl, peer);
	ok = ssl && SSL_set_fd(ssl, peer->fd);
	if (ok && !conf->server) {
		ok = SSL_set_tlsext_host_name(ssl, conf->name) && SSL_set1_host(ssl, conf->name);
		if (ok && conf->alpn) {
			unsigned char wire[256];

			wire[0] = (unsigned char)strlen(conf->alpn);
			memcpy(wire + 1, conf->alpn, wire[0]);
			ok = !SSL_set_alpn_protos(ssl, wire, wire[0] + 1U);
		}
	}
	if (!ok) {
		ERR_print_errors_fp(stderr);
		return peer_error(peer, "OpenSSL cannot be set up");
	}
	return 0;
}

static int openssl_handshake(struct peer *peer)
{
	int ret = peer->conf.server ? SSL_accept(peer->session) : SSL_connect(peer->session);

	return ret == 1 ? 0 : ssl_error(peer, "handshake", ret);
}

static ssize_t openssl_read(struct peer *peer, void *data, size_t len)
{
	int ret = SSL_read(peer->session, data, (int)len);

	if (ret > 0)
		return ret;
	if (SSL_get_error(peer->session, ret) == SSL_ERROR_ZERO_RETURN)
		return 0;
	return ssl_error(peer, "read", ret);
}

static ssize_t openssl_write(struct peer *peer, const void *data, size_t len)
{
	int ret = SSL_write(peer->session, data, (int)len);

	return ret > 0 ? ret : ssl_error(peer, "write", ret);
}

static int openssl_close(struct peer *peer)
{
	int ret = SSL_shutdown(peer->session);

	return ret >= 0 ? 0 : ssl_error(peer, "close", ret);
}

static int openssl_export(struct peer *peer, const char *label, const char *context,
			  size_t context_len, uint8_t *out, size_t len)
{
	int ret = SSL_export_keying_material(peer->session, out, len, label, strlen(label),
					     (const uint8_t *)context, context_len, !!context);

	return ret == 1 ? 0 : ssl_error(peer, "export", ret);
}

static void openssl_free(struct peer *peer)
{
	SSL_free(peer->session);
	SSL_CTX_free(peer->context);
}

const struct peer_ops peer_openssl_ops = {
	.open = openssl_open,
	.handshake = openssl_handshake,
	.read = openssl_read,
	.write = openssl_write,
	.close = openssl_close,
	.export = openssl_export,
	.free = openssl_free,
};
