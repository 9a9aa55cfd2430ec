// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records what real peers send to a deterministic engine, as inputs for the fuzzer: make-seeds
 * DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/peer.h"
#include "common/names.h"
#include "target.h"

static bool is_over(const struct ksc_step *step)
{
	return step->status == KSC_STATUS_OK || ksc_status_is_failure(step->status);
}

static FILE *open_seed(const char *dir, const char *name, const char *mode)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, mode);
	if (!f) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	return f;
}

static void put_chunk(FILE *f, const uint8_t *data, size_t len)
{
	fputc((int)(len >> 8), f);
	fputc((int)(len & 0xff), f);
	fwrite(data, 1, len, f);
}

/* The recording fits another engine just as well, or it would not get a fuzzer anywhere. */
static void replay(const char *dir, const char *name, enum ksc_status wanted)
{
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct wire *in = calloc(1, sizeof(*in));
	FILE *f = open_seed(dir, name, "r");
	struct ksc_engine *engine = target_new((unsigned int)fgetc(f));
	int high, low;

	if (!in)
		abort();
	if (target_role == KSC_ROLE_CLIENT)
		target_step(engine, NULL, 0, &step);
	while (!is_over(&step) && (high = fgetc(f)) != EOF && (low = fgetc(f)) != EOF) {
		size_t len = (size_t)high << 8 | (size_t)low;

		if (len > sizeof(in->data) - in->len ||
		    fread(in->data + in->len, 1, len, f) != len)
			abort();
		in->len += len;
		do {
			target_step(engine, in->data, in->len, &step);
			wire_eat(in, step.consumed);
		} while (in->len && step.consumed && !is_over(&step));
	}
	if (step.status != wanted) {
		fprintf(stderr, "%s, replayed: %s: %s\n", name, ksc_status_name(step.status),
			step.text);
		exit(EXIT_FAILURE);
	}
	fclose(f);
	free(in);
	ksc_engine_free(engine);
}

/**
 * struct other - the recorded end: a library's peer, or an engine of ours
 * @peer: the one
 * @engine: or the other
 * @step: the engine's last step
 * @in: what it has not read yet
 * @out: what it has said
 */
struct other {
	struct peer *peer;
	struct ksc_engine *engine;
	struct ksc_step step;
	struct wire in;
	struct wire out;
};

/* It reads all pending bytes, and answers. */
static void other_speaks(struct other *o)
{
	if (o->peer) {
		wire_put(&o->peer->in, o->in.data, o->in.len);
		o->in.len = 0;
		o->peer->type->handshake(o->peer);
		wire_put(&o->out, o->peer->out.data, o->peer->out.len);
		o->peer->out.len = 0;
	} else if (!is_over(&o->step)) {
		target_step(o->engine, o->in.data, o->in.len, &o->step);
		wire_eat(&o->in, o->step.consumed);
		wire_put(&o->out, o->step.token, o->step.token_len);
	}
}

/**
 * struct recording - a handshake, and how it is kept
 * @name: of the file
 * @options: of the session, TARGET_*
 * @chunk: bytes that come at once, at most
 * @wanted: what it comes to
 */
struct recording {
	const char *name;
	unsigned int options;
	size_t chunk;
	enum ksc_status wanted;
};

static void keep(FILE *f, const struct recording *r, const struct wire *said)
{
	size_t at = 0;

	fputc((int)r->options, f);
	for (at = 0; at < said->len;) {
		size_t len = said->len - at < r->chunk ? said->len - at : r->chunk;

		put_chunk(f, said->data + at, len);
		at += len;
	}
}

static void record_with(const char *dir, const struct recording *r, struct other *o)
{
	struct ksc_engine *engine = target_new(r->options);
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct wire *in = calloc(1, sizeof(*in)), *said = calloc(1, sizeof(*said));
	FILE *f = open_seed(dir, r->name, "w");

	if (!in || !said)
		abort();
	if (target_role == KSC_ROLE_CLIENT) {
		target_step(engine, NULL, 0, &step);
		wire_put(&o->in, step.token, step.token_len);
	}
	while (!is_over(&step)) {
		other_speaks(o);
		if (!o->out.len)
			break;
		wire_put(in, o->out.data, o->out.len);
		wire_put(said, o->out.data, o->out.len);
		o->out.len = 0;
		do {
			target_step(engine, in->data, in->len, &step);
			wire_eat(in, step.consumed);
			wire_put(&o->in, step.token, step.token_len);
		} while (in->len && step.consumed && !is_over(&step));
	}
	if (step.status != r->wanted ||
	    (r->options & TARGET_RESUME && !step.info.resumed && r->wanted == KSC_STATUS_OK)) {
		fprintf(stderr, "%s: %s: %s\n", r->name, ksc_status_name(step.status), step.text);
		exit(EXIT_FAILURE);
	}
	keep(f, r, said);
	fclose(f);
	free(in);
	free(said);
	ksc_step_wipe(&step);
	ksc_engine_free(engine);
	replay(dir, r->name, r->wanted);
}

/* With a peer of OpenSSL's, or without options of its, an engine of ours. */
static void record(const char *dir, const char *name, unsigned int options, size_t chunk,
		   enum ksc_status wanted, const struct peer_options *peer)
{
	const struct recording r = {
		.name = name, .options = options, .chunk = chunk, .wanted = wanted,
	};
	struct other *o = calloc(1, sizeof(*o));

	if (!o)
		abort();
	if (peer)
		o->peer = peer_new(&peer_openssl, peer);
	else
		o->engine = target_partner(options);
	o->step.status = KSC_STATUS_CONTINUE_NEEDED;
	record_with(dir, &r, o);
	if (o->peer)
		peer_free(o->peer);
	ksc_step_wipe(&o->step);
	ksc_engine_free(o->engine);
	free(o);
}

int main(int argc, char **argv)
{
	const bool serve = target_role == KSC_ROLE_SERVER;
	const struct peer_options base = {
		.server = !serve, .cert = serve ? "client" : "server",
		.server_name = serve ? "server.test" : NULL, .ca = serve ? "ca" : NULL,
		.alpn = "h2",
	};
	const enum ksc_status no_protocol = serve ? KSC_STATUS_PROTOCOL_ERROR :
						    KSC_STATUS_ALERT_RECEIVED;
	const char *dir = argv[1];
	struct peer_options o;

	if (argc != 2)
		return EXIT_FAILURE;
	o = base;
	record(dir, "tls13", 0, SIZE_MAX, KSC_STATUS_OK, &o);
	record(dir, "tls13-in-parts", 0, 100, KSC_STATUS_OK, &o);
	record(dir, "tls13-bytes", 0, 1, KSC_STATUS_OK, &o);
	o.groups = serve ? "ffdhe6144:P-256" : "P-521";
	record(dir, "tls13-retry", 0, SIZE_MAX, KSC_STATUS_OK, &o);
	o = base;
	o.tls12 = true;
	record(dir, "tls12", 0, SIZE_MAX, KSC_STATUS_OK, &o);
	o.max_fragment = 512;
	record(dir, "tls12-in-parts", 0, 100, KSC_STATUS_OK, &o);
	o = base;
	record(dir, "tls12-only", TARGET_TLS12, SIZE_MAX, KSC_STATUS_OK, &o);
	o.alpn = "smtp";
	record(dir, "no-protocol", 0, SIZE_MAX, no_protocol, &o);
	o = base;
	o.cert = serve ? "client-unknown" : "unknown";
	record(dir, "unknown-ca", 0, SIZE_MAX, KSC_STATUS_PEER_REJECTED, &o);
	/* The server insists on a certificate; ours, or the peer, has one. */
	o = base;
	o.ask_cert = !serve;
	o.ca = "ca";
	record(dir, "certificate", TARGET_CERT, SIZE_MAX, KSC_STATUS_OK, &o);
	o.tls12 = true;
	record(dir, "certificate12", TARGET_CERT, SIZE_MAX, KSC_STATUS_OK, &o);
	/* The other end is an engine, which has a ticket or takes one. */
	record(dir, "resumed", TARGET_RESUME, SIZE_MAX, KSC_STATUS_OK, NULL);
	record(dir, "resumed-in-parts", TARGET_RESUME, 100, KSC_STATUS_OK, NULL);
	return EXIT_SUCCESS;
}
