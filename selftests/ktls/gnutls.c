// SPDX-License-Identifier: GPL-2.0-only
/* GnuTLS; that it uses kTLS is said in its system-wide configuration file. */
#include <stdio.h>

#include <gnutls/gnutls.h>
#include <gnutls/socket.h>

#include "library.h"

static int complain(int error)
{
	fprintf(stderr, "GnuTLS: %s\n", gnutls_strerror(error));
	return -1;
}

static int gtls_open(struct library_end *end)
{
	gnutls_certificate_credentials_t cred;
	gnutls_session_t session;
	char priority[256];
	int error;

	error = gnutls_certificate_allocate_credentials(&cred);
	if (error < 0)
		return complain(error);
	end->context = cred;
	if (end->server) {
		error = gnutls_certificate_set_x509_key_file(cred, LIBRARY_PKI "server.pem",
							     LIBRARY_PKI "server.key",
							     GNUTLS_X509_FMT_PEM);
		if (error < 0)
			return complain(error);
	}
	error = gnutls_init(&session, end->server ? GNUTLS_SERVER : GNUTLS_CLIENT);
	if (error < 0)
		return complain(error);
	end->session = session;
	snprintf(priority, sizeof(priority), "NORMAL:-VERS-ALL:+VERS-TLS1.%d:-CIPHER-ALL:+%s",
		 end->version - 10, end->suite);
	error = gnutls_priority_set_direct(session, priority, NULL);
	if (error >= 0)
		error = gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, cred);
	if (error < 0)
		return complain(error);
	gnutls_transport_set_int(session, end->fd);
	do {
		error = gnutls_handshake(session);
	} while (error < 0 && !gnutls_error_is_fatal(error));
	return error < 0 ? complain(error) : 0;
}

static int gtls_ktls(struct library_end *end)
{
	gnutls_transport_ktls_enable_flags_t flags =
		gnutls_transport_is_ktls_enabled(end->session);

	return (flags & GNUTLS_KTLS_SEND ? LIBRARY_TX : 0) |
	       (flags & GNUTLS_KTLS_RECV ? LIBRARY_RX : 0);
}

static int gtls_send(struct library_end *end, const void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = gnutls_record_send(end->session, (const char *)data + done, len - done);

		if (n < 0 && gnutls_error_is_fatal((int)n))
			return complain((int)n);
		if (n > 0)
			done += (size_t)n;
	}
	return 0;
}

static ssize_t gtls_recv(struct library_end *end, void *data, size_t len)
{
	ssize_t n;

	do {
		n = gnutls_record_recv(end->session, data, len);
	} while (n < 0 && !gnutls_error_is_fatal((int)n));
	return n < 0 ? complain((int)n) : n;
}

static int gtls_send_file(struct library_end *end, int file, size_t len)
{
	off_t offset = 0;

	while ((size_t)offset < len) {
		ssize_t n = gnutls_record_send_file(end->session, file, &offset,
						    len - (size_t)offset);

		if (n < 0 && gnutls_error_is_fatal((int)n))
			return complain((int)n);
	}
	return 0;
}

static void gtls_close(struct library_end *end)
{
	if (end->session) {
		gnutls_bye(end->session, GNUTLS_SHUT_WR);
		gnutls_deinit(end->session);
	}
	if (end->context)
		gnutls_certificate_free_credentials(end->context);
}

const struct library library_gnutls = {
	.name = "GnuTLS",
	.open = gtls_open,
	.ktls = gtls_ktls,
	.send = gtls_send,
	.recv = gtls_recv,
	.send_file = gtls_send_file,
	.close = gtls_close,
};
