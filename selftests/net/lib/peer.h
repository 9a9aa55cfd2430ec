/* SPDX-License-Identifier: GPL-2.0-only */
/* A peer that uses another TLS library, in a thread of its own. */
#ifndef KSC_TEST_PEER_H
#define KSC_TEST_PEER_H

#include "net.h"

enum peer_library { PEER_OPENSSL, PEER_GNUTLS };

enum peer_cipher { PEER_ANY, PEER_AES128, PEER_AES256, PEER_CHACHA, PEER_CCM };

struct peer;

/**
 * typedef peer_fn - what a peer does on its connection
 * @peer: the peer; the handshake is up to the function
 *
 * Runs in the peer's thread and leaves cmocka alone. The first of the peer_*()
 * calls that fails leaves an explanation, for peer_join().
 */
typedef void (*peer_fn)(struct peer *peer);

/**
 * struct peer_conf - how a peer is set up
 * @library: which library it uses
 * @server: whether it is the server
 * @version: the only version it speaks, as on the wire; 0: both
 * @cipher: the only cipher it knows
 * @cert: name of its certificate; default for a server: "server"
 * @ask: server: ask for a certificate, and insist on a valid one
 * @name: client: name of the server, default "server.test"
 * @alpn: the one protocol it speaks, or NULL
 * @no_tickets: OpenSSL server: send no session tickets
 * @tickets: GnuTLS server: send session tickets
 * @record_size: GnuTLS: the largest record it takes, RFC 8449
 * @max_fragment: OpenSSL client: RFC 6066's max_fragment_length, its code
 * @hello: OpenSSL client: bytes that its ClientHello is longer by, in an unknown extension
 * @no_ems: OpenSSL: no extended master secret, RFC 7627
 */
struct peer_conf {
	enum peer_library library;
	bool server;
	int version;
	enum peer_cipher cipher;
	const char *cert;
	bool ask;
	const char *name;
	const char *alpn;
	bool no_tickets;
	bool tickets;
	unsigned int record_size;
	uint8_t max_fragment;
	size_t hello;
	bool no_ems;
};

/**
 * struct peer - a peer
 * @conf: how it is set up
 * @run: what it does
 * @arg: for @run
 * @fd: its TCP socket
 * @listener: what it accepts a connection from, or -1
 * @addr: what it connects to, else
 * @thread: its thread
 * @ops: its library
 * @session: the library's own
 * @context: the library's own
 * @secret: OpenSSL, TLS 1.3: secret of what it sends
 * @error: the first failure, or empty
 */
struct peer {
	struct peer_conf conf;
	peer_fn run;
	void *arg;
	int fd;
	int listener;
	struct t_addr addr;
	pthread_t thread;
	const struct peer_ops *ops;
	void *session;
	void *context;
	uint8_t secret[64];
	char error[256];
};

/**
 * struct peer_ops - what a library does; each returns 0 or more, or -1
 * @open: make the session
 * @handshake: run the handshake
 * @read: receive; 0 is close_notify
 * @write: send
 * @close: send close_notify
 * @export: derive keying material, RFC 5705
 * @free: free the session; the socket stays
 */
struct peer_ops {
	int (*open)(struct peer *peer);
	int (*handshake)(struct peer *peer);
	ssize_t (*read)(struct peer *peer, void *data, size_t len);
	ssize_t (*write)(struct peer *peer, const void *data, size_t len);
	int (*close)(struct peer *peer);
	int (*export)(struct peer *peer, const char *label, const char *context,
		      size_t context_len, uint8_t *out, size_t len);
	void (*free)(struct peer *peer);
};

/**
 * struct peer_records - what peer_note_records() has seen
 * @text: the records' content, with a bar behind each
 */
struct peer_records {
	char text[256];
};

extern const struct peer_ops peer_openssl_ops;
extern const struct peer_ops peer_gnutls_ops;

/* for the test's thread */
void peer_accept(struct peer *peer, const struct peer_conf *conf, int listener, peer_fn run);
void peer_connect(struct peer *peer, const struct peer_conf *conf, const struct t_addr *addr,
		  peer_fn run);
int peer_serve(struct peer *peer, const struct peer_conf *conf, peer_fn run);
void peer_join(struct peer *peer);
void peer_join_failed(struct peer *peer, const char *part_of_error);

/* for the peer's thread */
int peer_error(struct peer *peer, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int peer_handshake(struct peer *peer);
ssize_t peer_read(struct peer *peer, void *data, size_t len);
int peer_read_all(struct peer *peer, void *data, size_t len);
int peer_write(struct peer *peer, const void *data, size_t len);
int peer_expect(struct peer *peer, const char *text);
int peer_expect_close(struct peer *peer);
int peer_close(struct peer *peer);
void peer_await_fin(struct peer *peer);

void peer_echo(struct peer *peer);
void peer_greet(struct peer *peer);
void peer_note_records(struct peer *peer);

#endif /* KSC_TEST_PEER_H */
