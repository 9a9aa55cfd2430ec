/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The other side of a handshake, played by a TLS library over memory:
 * peer-openssl.c, peer-gnutls.c and peer-wolfssl.c.
 */
#ifndef KSC_TEST_PEER_H
#define KSC_TEST_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes on their way; big enough for any flight of the tests. */
struct wire {
	uint8_t data[1 << 17];
	size_t len;
};

void wire_put(struct wire *wire, const void *data, size_t len);
void wire_eat(struct wire *wire, size_t len);

struct peer_options {
	bool server;
	bool tls12;		/* nothing newer */
	bool tls13;		/* nothing older */
	const char *cipher;	/* as in suite.c, or OpenSSL's name of a suite; NULL for any */
	const char *cert;	/* name of certificate in certs/, or NULL */
	const char *key;	/* another certificate's, in place of its own; GnuTLS */
	const void *staple;	/* an OCSP response, shown with its certificate; GnuTLS */
	size_t staple_len;
	unsigned int dh_bits;	/* server: of its own group; OpenSSL, TLS 1.2 */
	const char *ca;		/* checks the other side's certificate with it */
	bool ask_cert;		/* server: asks for a certificate */
	const char *server_name;	/* client */
	const char *alpn;	/* one protocol */
	const char *groups;	/* OpenSSL's list of groups */
	unsigned int max_fragment;	/* splits handshake messages; OpenSSL */
	bool no_tickets;
	bool one_share;		/* client: a key share of its first group alone; GnuTLS */
	bool no_compat;		/* no middlebox compatibility; OpenSSL */
	unsigned int record_size_limit;	/* RFC 8449; GnuTLS */
	uint8_t max_fragment_length;	/* RFC 6066's code; OpenSSL */
	const char *priority;	/* more of GnuTLS's priority string */
	void *resume;		/* client: what peer->save gave */
};

struct peer {
	const struct peer_type *type;
	struct peer_options options;
	struct wire in;		/* for the library to read */
	struct wire out;	/* what it has written */
	char error[256];
	bool done;		/* content with the handshake */
	void *priv;
};

enum { PEER_FAILED = -1, PEER_WANTS_MORE, PEER_DONE };

struct peer_type {
	const char *name;
	void (*start)(struct peer *peer);
	int (*handshake)(struct peer *peer);
	void (*write)(struct peer *peer, const void *data, size_t len);
	/* bytes read, 0 when there are none, -1 at a fault */
	int (*read)(struct peer *peer, void *data, size_t size);
	void (*close_notify)(struct peer *peer);
	void *(*save)(struct peer *peer);
	void (*forget)(void *saved);
	bool (*resumed)(struct peer *peer);
	void (*end)(struct peer *peer);
};

extern const struct peer_type peer_openssl;
extern const struct peer_type peer_gnutls;
extern const struct peer_type peer_wolfssl;

struct peer *peer_new(const struct peer_type *type, const struct peer_options *options);
void peer_free(struct peer *peer);
const char *cert_path(const char *name, const char *suffix);

#endif
