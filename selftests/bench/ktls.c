// SPDX-License-Identifier: GPL-2.0-only
/*
 * In-tree kTLS. The keys are fixed: what is measured is the record layer, and
 * both ends are ours.
 */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

union ktls_info {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes128;
	struct tls12_crypto_info_aes_gcm_256 aes256;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

static socklen_t crypto_info(enum ksb_suite suite, uint8_t fill,
			     union ktls_info *ci)
{
	memset(ci, 0, sizeof(*ci));
	switch (suite) {
	case KSB_AES128:
		memset(ci->aes128.key, fill, sizeof(ci->aes128.key));
		ci->info.cipher_type = TLS_CIPHER_AES_GCM_128;
		ci->info.version = TLS_1_3_VERSION;
		return sizeof(ci->aes128);
	case KSB_AES256:
		memset(ci->aes256.key, fill, sizeof(ci->aes256.key));
		ci->info.cipher_type = TLS_CIPHER_AES_GCM_256;
		ci->info.version = TLS_1_3_VERSION;
		return sizeof(ci->aes256);
	default:
		memset(ci->chacha.key, fill, sizeof(ci->chacha.key));
		ci->info.cipher_type = TLS_CIPHER_CHACHA20_POLY1305;
		ci->info.version = TLS_1_3_VERSION;
		return sizeof(ci->chacha);
	}
}

static int ktls_keys(const struct ksb_end *e, enum ksb_suite suite, uint8_t tx,
		     uint8_t rx)
{
	union ktls_info ci;
	socklen_t len = crypto_info(suite, tx, &ci);

	if (setsockopt(e->fd, SOL_TCP, TCP_ULP, "tls", sizeof("tls")))
		return -errno;
	if (setsockopt(e->fd, SOL_TLS, TLS_TX, &ci, len))
		return -errno;
	len = crypto_info(suite, rx, &ci);
	if (setsockopt(e->fd, SOL_TLS, TLS_RX, &ci, len))
		return -errno;
	return 0;
}

static int ktls_open(struct ksb_pair *p, enum ksb_suite suite)
{
	int err = ksb_pair_connect(p);

	if (err)
		return err;
	err = ktls_keys(&p->client, suite, 0x11, 0x22);
	if (!err)
		err = ktls_keys(&p->server, suite, 0x22, 0x11);
	if (err)
		ksb_pair_close(p);
	return err;
}

static int ktls_nopad_open(struct ksb_pair *p, enum ksb_suite suite)
{
	const int on = 1;
	int err = ktls_open(p, suite);

	if (err)
		return err;
	if (setsockopt(p->client.fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on,
		       sizeof(on)) ||
	    setsockopt(p->server.fd, SOL_TLS, TLS_RX_EXPECT_NO_PAD, &on,
		       sizeof(on))) {
		err = -errno;
		ksb_pair_close(p);
	}
	return err;
}

const struct ksb_transport ksb_ktls = {
	.name		= "ktls",
	.open		= ktls_open,
	.send		= ksb_sock_send,
	.recv		= ksb_sock_recv,
	.close		= ksb_pair_close,
	.sendfile	= ksb_sock_sendfile,
	.splices	= true,
};

const struct ksb_transport ksb_ktls_nopad = {
	.name		= "ktls_nopad",
	.open		= ktls_nopad_open,
	.send		= ksb_sock_send,
	.recv		= ksb_sock_recv,
	.close		= ksb_pair_close,
	.sendfile	= ksb_sock_sendfile,
	.splices	= true,
};
