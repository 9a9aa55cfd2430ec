/* SPDX-License-Identifier: GPL-2.0-only */
/* TLS libraries that can use kTLS by themselves, behind one interface. */
#ifndef KSC_KTLS_LIBRARY_H
#define KSC_KTLS_LIBRARY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LIBRARY_PKI "/etc/kschannel/"

/* What a library leaves to the kernel. */
#define LIBRARY_TX 1
#define LIBRARY_RX 2

/**
 * struct library_end - one end of a connection
 * @lib: whose
 * @fd: connected socket
 * @server: which end
 * @version: 12 or 13
 * @suite: the library's name for it
 * @context: the library's
 * @session: the library's
 */
struct library_end {
	const struct library *lib;
	int fd;
	bool server;
	int version;
	const char *suite;
	void *context;
	void *session;
};

/**
 * struct library - a TLS library
 * @name: for messages
 * @open: run the handshake; 0 or -1
 * @ktls: LIBRARY_TX, LIBRARY_RX
 * @send: as send(), whole or -1
 * @recv: as recv()
 * @send_file: send so many bytes of a file from its beginning; 0 or -1
 * @close: say goodbye and free all but the socket
 *
 * All may be called in any thread, by one at a time for an end.
 */
struct library {
	const char *name;
	int (*open)(struct library_end *end);
	int (*ktls)(struct library_end *end);
	int (*send)(struct library_end *end, const void *data, size_t len);
	ssize_t (*recv)(struct library_end *end, void *data, size_t len);
	int (*send_file)(struct library_end *end, int file, size_t len);
	void (*close)(struct library_end *end);
};

extern const struct library library_openssl;
extern const struct library library_gnutls;

#endif /* KSC_KTLS_LIBRARY_H */
