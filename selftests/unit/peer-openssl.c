// SPDX-License-Identifier: GPL-2.0-only
/* A peer played by OpenSSL over memory BIOs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/ssl.h>

#include "peer.h"

struct ossl {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in;
	BIO *out;
	SSL_SESSION *session;
	unsigned char alpn[64];
	unsigned int alpn_len;
};

#define CHECK(cond)							\
	do {								\
		if (!(cond)) {						\
			ERR_print_errors_fp(stderr);			\
			fprintf(stderr, "openssl peer: %s\n", #cond);	\
			abort();					\
		}							\
	} while (0)

static int select_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		       const unsigned char *in, unsigned int in_len, void *arg)
{
	struct ossl *o = arg;
	unsigned char *chosen;

	(void)ssl;
	if (SSL_select_next_proto(&chosen, out_len, o->alpn, o->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_ALERT_FATAL;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	struct ossl *o = SSL_get_app_data(ssl);

	SSL_SESSION_free(o->session);
	o->session = session;
	return 1;
}

static void set_cipher(SSL_CTX *ctx, const char *cipher)
{
	static const char *const table[][3] = {
		{ "AES-128-GCM", "TLS_AES_128_GCM_SHA256",
		  "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256" },
		{ "AES-256-GCM", "TLS_AES_256_GCM_SHA384",
		  "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384" },
		{ "CHACHA20-POLY1305", "TLS_CHACHA20_POLY1305_SHA256",
		  "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305" },
		{ "AES-128-CCM", "TLS_AES_128_CCM_SHA256",
		  "ECDHE-ECDSA-AES128-CCM:DHE-RSA-AES128-CCM" },
		{ "AES-128-CBC", "TLS_AES_128_CCM_8_SHA256", "ECDHE-ECDSA-AES128-SHA" },
	};
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (!strcmp(table[i][0], cipher)) {
			CHECK(SSL_CTX_set_ciphersuites(ctx, table[i][1]));
			CHECK(SSL_CTX_set_cipher_list(ctx, table[i][2]));
			return;
		}
	/* its own name of one */
	if (!strncmp(cipher, "TLS_", 4))
		CHECK(SSL_CTX_set_ciphersuites(ctx, cipher));
	else
		CHECK(SSL_CTX_set_cipher_list(ctx, cipher));
}

static void set_certs(SSL_CTX *ctx, const struct peer_options *opt)
{
	if (opt->cert) {
		CHECK(SSL_CTX_use_certificate_chain_file(ctx, cert_path(opt->cert, "pem")) == 1);
		CHECK(SSL_CTX_use_PrivateKey_file(ctx, cert_path(opt->cert, "key"),
						  SSL_FILETYPE_PEM) == 1);
	}
	if (opt->ca) {
		CHECK(SSL_CTX_load_verify_locations(ctx, cert_path(opt->ca, "pem"), NULL) == 1);
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	}
	if (opt->ask_cert)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
}

/* RFC 3526's, which GnuTLS does not know by name; of more bits it need not be a group. */
static void set_group(SSL_CTX *ctx, unsigned int bits)
{
	OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *pctx = EVP_PKEY_CTX_new_from_name(NULL, "DH", NULL);
	EVP_PKEY *group = NULL;
	OSSL_PARAM *params;
	BIGNUM *p = BN_get_rfc3526_prime_8192(NULL), *g = BN_new();

	CHECK(bld && pctx && p && g);
	CHECK(BN_set_bit(p, (int)bits - 1) && BN_set_word(g, 2));
	CHECK(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_P, p));
	CHECK(OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_FFC_G, g));
	CHECK(OSSL_PARAM_BLD_push_long(bld, OSSL_PKEY_PARAM_DH_PRIV_LEN, 256));
	params = OSSL_PARAM_BLD_to_param(bld);
	CHECK(EVP_PKEY_fromdata_init(pctx) == 1);
	CHECK(EVP_PKEY_fromdata(pctx, &group, EVP_PKEY_KEY_PARAMETERS, params) == 1);
	CHECK(SSL_CTX_set0_tmp_dh_pkey(ctx, group));
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(bld);
	EVP_PKEY_CTX_free(pctx);
	BN_free(p);
	BN_free(g);
}

static void openssl_start(struct peer *peer)
{
	const struct peer_options *opt = &peer->options;
	struct ossl *o = calloc(1, sizeof(*o));

	CHECK(o);
	peer->priv = o;
	o->ctx = SSL_CTX_new(opt->server ? TLS_server_method() : TLS_client_method());
	CHECK(o->ctx);
	CHECK(SSL_CTX_set_min_proto_version(o->ctx, opt->tls13 ? TLS1_3_VERSION : TLS1_2_VERSION));
	CHECK(SSL_CTX_set_max_proto_version(o->ctx, opt->tls12 ? TLS1_2_VERSION : TLS1_3_VERSION));
	if (opt->cipher)
		set_cipher(o->ctx, opt->cipher);
	set_certs(o->ctx, opt);
	if (opt->groups)
		CHECK(SSL_CTX_set1_groups_list(o->ctx, opt->groups));
	if (opt->server) {
		/* The same for every peer, so that a session can be resumed with another. */
		static unsigned char ticket_keys[80] = "keys";

		if (opt->dh_bits)
			set_group(o->ctx, opt->dh_bits);
		else
			SSL_CTX_set_dh_auto(o->ctx, 1);
		CHECK(SSL_CTX_set_tlsext_ticket_keys(o->ctx, ticket_keys, sizeof(ticket_keys)));
		CHECK(SSL_CTX_set_session_id_context(o->ctx, ticket_keys, 4));
	}
	if (opt->max_fragment_length)
		CHECK(SSL_CTX_set_tlsext_max_fragment_length(o->ctx, opt->max_fragment_length));
	if (opt->max_fragment)
		CHECK(SSL_CTX_set_max_send_fragment(o->ctx, opt->max_fragment));
	if (opt->no_tickets) {
		SSL_CTX_set_options(o->ctx, SSL_OP_NO_TICKET);
		CHECK(SSL_CTX_set_num_tickets(o->ctx, 0));
	}
	if (opt->no_compat)
		SSL_CTX_clear_options(o->ctx, SSL_OP_ENABLE_MIDDLEBOX_COMPAT);
	if (opt->alpn) {
		o->alpn_len = (unsigned int)strlen(opt->alpn) + 1;
		o->alpn[0] = (unsigned char)(o->alpn_len - 1);
		memcpy(o->alpn + 1, opt->alpn, o->alpn_len - 1);
		if (opt->server)
			SSL_CTX_set_alpn_select_cb(o->ctx, select_alpn, o);
		else
			CHECK(SSL_CTX_set_alpn_protos(o->ctx, o->alpn, o->alpn_len) == 0);
	}
	if (!opt->server) {
		SSL_CTX_set_session_cache_mode(o->ctx, SSL_SESS_CACHE_CLIENT |
					       SSL_SESS_CACHE_NO_INTERNAL_STORE);
		SSL_CTX_sess_set_new_cb(o->ctx, on_session);
	}
	o->ssl = SSL_new(o->ctx);
	CHECK(o->ssl);
	SSL_set_app_data(o->ssl, o);
	o->in = BIO_new(BIO_s_mem());
	o->out = BIO_new(BIO_s_mem());
	CHECK(o->in && o->out);
	BIO_set_mem_eof_return(o->in, -1);
	SSL_set_bio(o->ssl, o->in, o->out);
	if (opt->server) {
		SSL_set_accept_state(o->ssl);
		return;
	}
	SSL_set_connect_state(o->ssl);
	if (opt->server_name) {
		CHECK(SSL_set_tlsext_host_name(o->ssl, opt->server_name));
		CHECK(SSL_set1_host(o->ssl, opt->server_name));
	}
	if (opt->resume)
		CHECK(SSL_set_session(o->ssl, opt->resume));
}

static void give(struct peer *peer)
{
	struct ossl *o = peer->priv;

	if (peer->in.len)
		CHECK(BIO_write(o->in, peer->in.data, (int)peer->in.len) == (int)peer->in.len);
	peer->in.len = 0;
}

static void take(struct peer *peer)
{
	struct ossl *o = peer->priv;
	char buf[4096];
	int n;

	while ((n = BIO_read(o->out, buf, sizeof(buf))) > 0)
		wire_put(&peer->out, buf, (size_t)n);
}

static int judge(struct peer *peer, int rc)
{
	struct ossl *o = peer->priv;
	int error = SSL_get_error(o->ssl, rc);

	if (error == SSL_ERROR_WANT_READ)
		return 0;
	ERR_error_string_n(ERR_peek_error(), peer->error, sizeof(peer->error));
	ERR_clear_error();
	return -1;
}

static int openssl_handshake(struct peer *peer)
{
	struct ossl *o = peer->priv;
	int rc;

	give(peer);
	ERR_clear_error();
	rc = SSL_do_handshake(o->ssl);
	take(peer);
	if (rc == 1)
		return PEER_DONE;
	return judge(peer, rc) ? PEER_FAILED : PEER_WANTS_MORE;
}

static void openssl_write(struct peer *peer, const void *data, size_t len)
{
	struct ossl *o = peer->priv;

	CHECK(SSL_write(o->ssl, data, (int)len) == (int)len);
	take(peer);
}

static int openssl_read(struct peer *peer, void *data, size_t size)
{
	struct ossl *o = peer->priv;
	int rc;

	give(peer);
	ERR_clear_error();
	rc = SSL_read(o->ssl, data, (int)size);
	take(peer);
	return rc > 0 ? rc : judge(peer, rc);
}

static void openssl_close_notify(struct peer *peer)
{
	struct ossl *o = peer->priv;

	SSL_shutdown(o->ssl);
	take(peer);
}

static void *openssl_save(struct peer *peer)
{
	struct ossl *o = peer->priv;
	SSL_SESSION *session = o->session;

	o->session = NULL;
	return session;
}

static void openssl_forget(void *saved)
{
	SSL_SESSION_free(saved);
}

static bool openssl_resumed(struct peer *peer)
{
	struct ossl *o = peer->priv;

	return SSL_session_reused(o->ssl);
}

static void openssl_end(struct peer *peer)
{
	struct ossl *o = peer->priv;

	SSL_SESSION_free(o->session);
	/* Else it takes the session for broken, and would not resume it. */
	SSL_set_shutdown(o->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	SSL_free(o->ssl);
	SSL_CTX_free(o->ctx);
	free(o);
}

const struct peer_type peer_openssl = {
	.name = "openssl",
	.start = openssl_start,
	.handshake = openssl_handshake,
	.write = openssl_write,
	.read = openssl_read,
	.close_notify = openssl_close_notify,
	.save = openssl_save,
	.forget = openssl_forget,
	.resumed = openssl_resumed,
	.end = openssl_end,
};
