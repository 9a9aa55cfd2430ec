// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records what real peers say to an engine that does the same each time, as
 * inputs for the fuzzer: make-seeds DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/peer.h"
#include "target.h"

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
	struct ksc_engine *engine = target_new();
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct wire *in = calloc(1, sizeof(*in));
	FILE *f = open_seed(dir, name, "r");
	int high, low;

	if (!in)
		abort();
	if (target_role == KSC_ROLE_CLIENT)
		target_step(engine, NULL, 0, &step);
	while ((high = fgetc(f)) != EOF && (low = fgetc(f)) != EOF) {
		size_t len = (size_t)high << 8 | (size_t)low;

		if (len > sizeof(in->data) - in->len ||
		    fread(in->data + in->len, 1, len, f) != len)
			abort();
		in->len += len;
		target_step(engine, in->data, in->len, &step);
		wire_eat(in, step.consumed);
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

static void record(const char *dir, const char *name, struct peer_options options, size_t chunk,
		   enum ksc_status wanted)
{
	struct ksc_engine *engine = target_new();
	struct peer *peer = peer_new(&peer_openssl, &options);
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct wire *in = calloc(1, sizeof(*in));
	FILE *f = open_seed(dir, name, "w");

	if (!in)
		abort();
	if (target_role == KSC_ROLE_CLIENT) {
		target_step(engine, NULL, 0, &step);
		wire_put(&peer->in, step.token, step.token_len);
	}
	while (step.status != KSC_STATUS_OK && !ksc_status_is_failure(step.status)) {
		size_t len;

		peer->type->handshake(peer);
		if (!peer->out.len)
			break;
		while (peer->out.len && step.status != KSC_STATUS_OK &&
		       !ksc_status_is_failure(step.status)) {
			len = peer->out.len < chunk ? peer->out.len : chunk;
			wire_put(in, peer->out.data, len);
			put_chunk(f, peer->out.data, len);
			wire_eat(&peer->out, len);
			target_step(engine, in->data, in->len, &step);
			wire_eat(in, step.consumed);
			wire_put(&peer->in, step.token, step.token_len);
		}
	}
	if (step.status != wanted) {
		fprintf(stderr, "%s: %s: %s\n", name, ksc_status_name(step.status), step.text);
		exit(EXIT_FAILURE);
	}
	fclose(f);
	free(in);
	ksc_engine_free(engine);
	peer_free(peer);
	replay(dir, name, wanted);
}

int main(int argc, char **argv)
{
	const bool serve = target_role == KSC_ROLE_SERVER;
	const struct peer_options base = {
		.server = !serve, .cert = serve ? "client" : "server",
		.server_name = serve ? "server.test" : NULL, .ca = serve ? "ca" : NULL,
		.alpn = "h2",
	};
	struct peer_options o;

	if (argc != 2)
		return EXIT_FAILURE;
	o = base;
	record(argv[1], "tls13", o, SIZE_MAX, KSC_STATUS_OK);
	record(argv[1], "tls13-in-parts", o, 100, KSC_STATUS_OK);
	o.groups = serve ? "X448:P-256" : "P-521";
	record(argv[1], "tls13-retry", o, SIZE_MAX, KSC_STATUS_OK);
	o = base;
	o.tls12 = true;
	record(argv[1], "tls12", o, SIZE_MAX, KSC_STATUS_OK);
	o.max_fragment = 512;
	record(argv[1], "tls12-in-parts", o, 100, KSC_STATUS_OK);
	o = base;
	o.alpn = "smtp";
	record(argv[1], "no-protocol", o, SIZE_MAX,
	       serve ? KSC_STATUS_PROTOCOL_ERROR : KSC_STATUS_ALERT_RECEIVED);
	o = base;
	o.cert = serve ? "client-unknown" : "unknown";
	record(argv[1], "unknown-ca", o, SIZE_MAX, KSC_STATUS_PEER_REJECTED);
	return EXIT_SUCCESS;
}
