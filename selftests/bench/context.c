// SPDX-License-Identifier: GPL-2.0-only
/*
 * Contexts whose tokens the program carries: what a handshake by libkschannel costs,
 * program, kernel and daemon together, both ends of it in this process and no TCP
 * between them; and what contexts hold that are in the middle of one. GnuTLS, without
 * a daemon, has the same handshake: the server has the daemon's certificate and suite, and the
 * client says what the daemon's says, to the byte's number.
 */
#include <err.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "bench.h"
#include "lib/kschannel.h"

#define WARM_UP		8
#define ROUNDS		32
#define NAME		"server.test"
#define PKI		"/etc/kschannel/"
/* How many contexts for each connection that is asked for */
#define PER_CONNECTION	10
/* So many of them before any is counted: tables grow, allocators get their pages */
#define FEW		200

/**
 * struct flight - bytes that one end has said, and the other not yet read
 * @data: the bytes
 * @len: number of bytes
 */
struct flight {
	uint8_t data[KSC_MAX_TOKEN];
	size_t len;
};

static void add(struct flight *f, const void *data, size_t len)
{
	if (len > sizeof(f->data) - f->len)
		errx(EXIT_FAILURE, "a flight of more than %zu bytes", sizeof(f->data));
	if (len)
		memcpy(f->data + f->len, data, len);
	f->len += len;
}

static void take(struct flight *f, size_t len)
{
	f->len -= len;
	memmove(f->data, f->data + len, f->len);
}

/* ---- by libkschannel ---- */

/**
 * struct context - one end
 * @cred: what it is begun with
 * @ctx: the context
 * @step: the last step
 * @in: what the other has said
 */
struct context {
	struct kschannel_credential *cred;
	struct kschannel_context *ctx;
	struct kschannel_step step;
	struct flight in;
};

static struct context ends[2];

/* Bytes of the ClientHello, by transport: a longer one costs either end more. */
static size_t hellos[KSB_TRANSPORTS];

static void check_hellos(void)
{
	if (hellos[KSB_KSCHANNEL] && hellos[KSB_GNUTLS] &&
	    hellos[KSB_KSCHANNEL] != hellos[KSB_GNUTLS])
		errx(EXIT_FAILURE, "kschannel's ClientHello has %zu bytes, GnuTLS's %zu",
		     hellos[KSB_KSCHANNEL], hellos[KSB_GNUTLS]);
}

static int acquire(enum ksb_suite suite)
{
	struct kschannel_params params = {
		.role = KSC_ROLE_CLIENT, .verify = KSC_VERIFY_NONE,
		.timeout = KSC_MAX_HANDSHAKE_TIMEOUT,
	};
	int rc;

	if (ends[0].cred)
		return 0;
	rc = kschannel_acquire_credential(&ends[0].cred, &params);
	params.role = KSC_ROLE_SERVER;
	params.verify = KSC_VERIFY_DEFAULT;
	params.name = ksb_suite_names[suite];
	return rc ?: kschannel_acquire_credential(&ends[1].cred, &params);
}

static int step(struct context *c)
{
	int rc = c == &ends[0] ?
		 kschannel_initialize_context(&c->ctx, c->cred, NAME, 0, c->in.data, c->in.len,
					      &c->step) :
		 kschannel_accept_context(&c->ctx, c->cred, 0, c->in.data, c->in.len, &c->step);

	if (rc)
		return rc;
	take(&c->in, c->step.consumed);
	if (c->step.status > KSC_STATUS_CONTINUE_NEEDED) {
		warnx("kschannel: %s", c->step.text);
		return -EPROTO;
	}
	return 0;
}

static int ksc_handshake(uint64_t *spent)
{
	struct context *to = &ends[1];
	struct context *from = &ends[0];
	uint64_t t0 = ksb_now();
	int rc = 0;
	int i;

	for (i = 0; i < 2; i++)
		ends[i].step = (struct kschannel_step){ .status = KSC_STATUS_CONTINUE_NEEDED };
	do {
		struct context *other = to;

		rc = step(from);
		if (rc)
			break;
		add(&to->in, from->step.token, from->step.token_len);
		if (!hellos[KSB_KSCHANNEL])
			hellos[KSB_KSCHANNEL] = from->step.token_len;
		to = from;
		from = other;
	} while (from->step.status != KSC_STATUS_OK);
	*spent += ksb_now() - t0;
	if (!rc && (ends[0].step.status || ends[1].step.status))
		rc = -EPROTO;
	for (i = 0; i < 2; i++) {
		kschannel_delete_context(ends[i].ctx);
		ends[i].ctx = NULL;
		ends[i].in.len = 0;
	}
	return rc;
}

/* ---- by GnuTLS ---- */

/**
 * struct tls_end - one end
 * @tls: the session
 * @in: what the other has said
 * @out: the other's
 */
struct tls_end {
	gnutls_session_t tls;
	struct flight *in;
	struct flight *out;
};

static gnutls_certificate_credentials_t x509;
static gnutls_datum_t ticket_key;

static ssize_t pull(gnutls_transport_ptr_t ptr, void *data, size_t len)
{
	struct tls_end *e = ptr;

	if (!e->in->len) {
		gnutls_transport_set_errno(e->tls, EAGAIN);
		return -1;
	}
	if (len > e->in->len)
		len = e->in->len;
	memcpy(data, e->in->data, len);
	take(e->in, len);
	return (ssize_t)len;
}

static ssize_t push(gnutls_transport_ptr_t ptr, const void *data, size_t len)
{
	struct tls_end *e = ptr;

	add(e->out, data, len);
	return (ssize_t)len;
}

static void load(void)
{
	int rc;

	if (x509)
		return;
	rc = gnutls_certificate_allocate_credentials(&x509);
	if (rc >= 0)
		rc = gnutls_certificate_set_x509_key_file(x509, PKI "server.pem", PKI "server.key",
							  GNUTLS_X509_FMT_PEM);
	if (rc >= 0)
		rc = gnutls_session_ticket_key_generate(&ticket_key);
	if (rc < 0)
		errx(EXIT_FAILURE, "gnutls: %s", gnutls_strerror(rc));
}

static gnutls_priority_t make_priority(const char *text)
{
	gnutls_priority_t made;
	int rc = gnutls_priority_init(&made, text, NULL);

	if (rc < 0)
		errx(EXIT_FAILURE, "gnutls: %s", gnutls_strerror(rc));
	return made;
}

static gnutls_priority_t server_priority(enum ksb_suite suite)
{
	static const char *const ciphers[KSB_SUITES] = {
		"AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305",
	};
	static gnutls_priority_t made[KSB_SUITES];
	char text[256];

	snprintf(text, sizeof(text), "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+%s:-GROUP-ALL"
		 ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1:+GROUP-SECP521R1",
		 ciphers[suite]);
	if (!made[suite])
		made[suite] = make_priority(text);
	return made[suite];
}

/* daemon/engine/priority.c: a client's without settings */
static gnutls_priority_t client_priority(void)
{
	static gnutls_priority_t made;

	if (!made)
		made = make_priority("NORMAL:-VERS-ALL:-KX-ALL:-CIPHER-ALL:-MAC-ALL:-GROUP-ALL"
				     ":+ECDHE-ECDSA:+ECDHE-RSA:+AEAD"
				     ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"
				     ":+GROUP-SECP521R1:+GROUP-X448"
				     ":-SIGN-RSA-SHA1:-SIGN-ECDSA-SHA1:%PROFILE_MEDIUM"
				     ":%SERVER_PRECEDENCE:%ALLOW_SMALL_RECORDS"
				     ":%SAFE_RENEGOTIATION:+VERS-TLS1.3:+VERS-TLS1.2"
				     ":+DHE-RSA:+GROUP-FFDHE2048:+GROUP-FFDHE3072"
				     ":+GROUP-FFDHE4096:+AES-128-GCM:+AES-256-GCM"
				     ":+CHACHA20-POLY1305:+AES-128-CCM");
	return made;
}

static int tls_start(struct tls_end *e, enum ksb_suite suite, bool server)
{
	int rc = gnutls_init(&e->tls, GNUTLS_NONBLOCK |
			     (server ? GNUTLS_SERVER : GNUTLS_CLIENT));

	if (rc < 0) {
		e->tls = NULL;
		return rc;
	}
	gnutls_transport_set_ptr(e->tls, e);
	gnutls_transport_set_pull_function(e->tls, pull);
	gnutls_transport_set_push_function(e->tls, push);
	rc = gnutls_priority_set(e->tls, server ? server_priority(suite) : client_priority());
	if (rc >= 0)
		rc = gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, x509);
	if (rc >= 0 && server)
		return gnutls_session_ticket_enable_server(e->tls, &ticket_key);
	return rc < 0 ? rc : gnutls_server_name_set(e->tls, GNUTLS_NAME_DNS, NAME, strlen(NAME));
}

static int tls_handshake(enum ksb_suite suite, uint64_t *spent)
{
	static struct flight flights[2];
	struct tls_end e[2] = {
		{ .in = &flights[0], .out = &flights[1] },
		{ .in = &flights[1], .out = &flights[0] },
	};
	int rc[2] = { GNUTLS_E_AGAIN, GNUTLS_E_AGAIN };
	uint64_t t0;
	int i;

	flights[0].len = 0;
	flights[1].len = 0;
	load();
	server_priority(suite);
	client_priority();
	t0 = ksb_now();
	for (i = 0; i < 2; i++)
		if (tls_start(&e[i], suite, i) < 0)
			rc[i] = GNUTLS_E_INTERNAL_ERROR;
	for (i = 0; rc[i] == GNUTLS_E_AGAIN; i = !i) {
		rc[i] = gnutls_handshake(e[i].tls);
		if (!hellos[KSB_GNUTLS])
			hellos[KSB_GNUTLS] = flights[1].len;
	}
	*spent += ksb_now() - t0;
	/* The other one is done, or has yet to get a token. */
	if (!rc[i] && rc[!i] == GNUTLS_E_AGAIN)
		rc[!i] = gnutls_handshake(e[!i].tls);
	for (i = 0; i < 2; i++)
		if (e[i].tls)
			gnutls_deinit(e[i].tls);
	if (!rc[0] && !rc[1])
		return 0;
	warnx("gnutls: %s", gnutls_strerror(rc[0] ? rc[0] : rc[1]));
	return -EPROTO;
}

/**
 * ksb_measure_context() - measure handshakes whose tokens this process carries
 * @id: what makes them
 * @suite: what they negotiate
 * @cost: the result, for one handshake, both ends
 *
 * Return: 0, -EOPNOTSUPP if @id can't do it, -ENOENT if it is not here, or another negative errno.
 */
int ksb_measure_context(enum ksb_transport_id id, enum ksb_suite suite, struct ksb_cost *cost)
{
	uint64_t spent = 0;
	int err = 0;
	int i;

	if (id != KSB_KSCHANNEL && id != KSB_GNUTLS)
		return -EOPNOTSUPP;
	if (id == KSB_KSCHANNEL)
		err = acquire(suite);
	for (i = 0; i < WARM_UP + ROUNDS && !err; i++) {
		if (i == WARM_UP) {
			spent = 0;
			ksb_mark_begin();
		}
		err = id == KSB_KSCHANNEL ? ksc_handshake(&spent) : tls_handshake(suite, &spent);
	}
	ksb_mark_end();
	check_hellos();
	*cost = (struct ksb_cost){ .valid = !err, .total = (double)spent / ROUNDS };
	return err;
}

/* ---- memory ---- */

/* Each has a connection to the daemon, which kschanneld.conf lets have as many. */
static int allow_contexts(unsigned int n)
{
	const struct rlimit files = { n + 64, n + 64 };

	return setrlimit(RLIMIT_NOFILE, &files) ? -errno : 0;
}

/* One of many contexts */
struct slot {
	struct kschannel_context *ctx;
};

/* Memory in use, without this process's own */
static double held_by_others(void)
{
	double own;
	double used = ksb_memory_used(&own);

	return used - own;
}

/* @n contexts that have made their first step, and how many bytes each holds; or less than 0 */
static double fill(struct context *end, struct slot *list, unsigned int n)
{
	double before = 0;
	unsigned int i;

	for (i = 0; i < n + FEW; i++) {
		struct flight hello = end->in;
		int err;

		if (i == FEW)
			before = held_by_others();
		end->ctx = NULL;
		err = step(end);
		list[i].ctx = end->ctx;
		/* all servers get the same flight */
		end->in = hello;
		if (err)
			return err;
	}
	return (held_by_others() - before) / n;
}

/**
 * ksb_measure_context_memory() - measure the memory of contexts in mid-handshake
 * @id: what has them
 * @suite: what they are to negotiate
 * @cost: the result, bytes in kernel and daemon for each; @cost->tx a client's that has
 *	said its ClientHello, @cost->rx a server's that has answered one
 *
 * Return: 0, -EOPNOTSUPP if @id can't do it, -ENOENT if it is not here, or another negative errno.
 */
int ksb_measure_context_memory(enum ksb_transport_id id, enum ksb_suite suite,
			       struct ksb_cost *cost)
{
	const unsigned int half = PER_CONNECTION * ksb_opt.connections / 2;
	const unsigned int all = 2 * (half + FEW);
	struct slot *list;
	double held[2] = { 0, 0 };
	unsigned int i;
	int err;

	if (id != KSB_KSCHANNEL)
		return -EOPNOTSUPP;
	list = calloc(all, sizeof(*list));
	err = list ? acquire(suite) : -ENOMEM;
	if (!err)
		err = allow_contexts(all);
	if (!err)
		held[0] = fill(&ends[0], list, half);
	if (!err && held[0] >= 0) {
		add(&ends[1].in, ends[0].step.token, ends[0].step.token_len);
		held[1] = fill(&ends[1], list + half + FEW, half);
	}
	if (!err && (held[0] < 0 || held[1] < 0))
		err = (int)(held[0] < 0 ? held[0] : held[1]);
	*cost = (struct ksb_cost){
		.valid = !err, .total = (held[0] + held[1]) / 2, .tx = held[0], .rx = held[1],
	};
	if (!err)
		printf("  %u contexts: a client's holds %.0f bytes, a server's %.0f\n",
		       all, held[0], held[1]);
	for (i = 0; list && i < all; i++)
		kschannel_delete_context(list[i].ctx);
	for (i = 0; i < 2; i++) {
		ends[i].ctx = NULL;
		ends[i].in.len = 0;
	}
	free(list);
	return err;
}
