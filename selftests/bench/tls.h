/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS libraries in this process.
 */
#ifndef KSB_TLS_H
#define KSB_TLS_H

#include "bench.h"

/**
 * struct ksb_library - the handshake of a TLS library, step by step
 * @name: of the library
 * @start: make a session on @e's socket. @resume: offer the ticket that the
 *	last kept session left behind
 * @step: go on with the handshake. 0: done, -EAGAIN: the peer's turn
 * @keep: client, after the handshake: read the server's tickets and keep one
 * @resumed: the handshake was an abbreviated one
 * @end: free the session
 */
struct ksb_library {
	const char *name;
	int (*start)(struct ksb_end *e, enum ksb_suite suite, bool server,
		     bool resume);
	int (*step)(struct ksb_end *e);
	int (*keep)(struct ksb_end *e);
	bool (*resumed)(struct ksb_end *e);
	void (*end)(struct ksb_end *e);
};

extern const struct ksb_library ksb_gnutls_library;
extern const struct ksb_library ksb_openssl_library;

/* cert.c */
const char *ksb_cert_pem(size_t *len);
const char *ksb_key_pem(size_t *len);

/* tls-pair.c */
int ksb_library_pair(const struct ksb_library *lib, struct ksb_pair *p,
		     enum ksb_suite suite);
int ksb_library_shake(const struct ksb_library *lib, struct ksb_pair *p,
		      uint64_t *client, uint64_t *server);
void ksb_library_close(const struct ksb_library *lib, struct ksb_pair *p);

#endif /* KSB_TLS_H */
