// SPDX-License-Identifier: GPL-2.0-only
/* Our side of a handshake: an engine, and what the kernel does for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/account.h"
#include "config/find.h"
#include "engine/name.h"
#include "side.h"

static void file_read(struct ksc_file *file, const char *name, const char *ending)
{
	const char *why;

	if (ksc_file_read(file, cert_path(name, ending), &why))
		fail_msg("%s.%s: %s", name, ending, why);
}

static void set_cert(struct ksc_credential *cred, const char *name)
{
	struct ksc_file cert, key;

	file_read(&cert, name, "pem");
	file_read(&key, name, "key");
	assert_int_equal(ksc_credential_add_cert(cred, &(struct ksc_cert_files) {
							 .cert = &cert, .key = &key,
						 }, ksc_group_members), 0);
	ksc_file_free(&cert);
	ksc_file_free(&key);
}

static void set_trust(struct ksc_credential *cred, const char *name)
{
	struct ksc_file ca;

	file_read(&ca, name, "pem");
	assert_true(ksc_credential_set_trust(cred, &ca) > 0);
	ksc_file_free(&ca);
}

struct ksc_credential *cred_new(const struct cred_options *opt)
{
	struct ksc_credential *cred;
	struct ksc_priority *priority;

	cred = ksc_credential_new(opt->name ? opt->name : "default",
				  opt->roles ? opt->roles : KSC_ROLE_BIT(KSC_ROLE_CLIENT) |
							    KSC_ROLE_BIT(KSC_ROLE_SERVER));
	assert_non_null(cred);
	priority = &cred->priority;
	if (opt->cert)
		set_cert(cred, opt->cert);
	if (opt->ca)
		set_trust(cred, opt->ca);
	cred->is_default = !opt->not_default;
	cred->verify = opt->verify;
	if (opt->alpn)
		assert_int_equal(ksc_alpn_add(&cred->alpn, &cred->alpn_len, opt->alpn), 0);
	if (opt->cipher)
		assert_int_equal(ksc_priority_add_cipher(priority, opt->cipher), 0);
	if (opt->negotiate)
		opt->negotiate(priority);
	if (opt->tls12)
		priority->max_version = GNUTLS_TLS1_2;
	if (opt->tls13)
		priority->min_version = GNUTLS_TLS1_3;
	cred->resumption = !opt->no_resumption;
	if (opt->restricted)
		assert_int_equal(ksc_credential_allow_uid(cred, opt->uid), 0);
	assert_int_equal(ksc_credential_finish(cred), 0);
	return cred;
}

struct ksc_credentials *creds_new(const struct cred_options *list, size_t n)
{
	struct ksc_credentials *set = ksc_credentials_new();
	size_t i;

	assert_non_null(set);
	for (i = 0; i < n; i++)
		assert_int_equal(ksc_credentials_add(set, cred_new(&list[i])), 0);
	return set;
}

struct side *side_new(const struct ksc_engine_params *params)
{
	struct side *side = calloc(1, sizeof(*side));

	assert_non_null(side);
	side->engine = ksc_engine_new(params);
	assert_non_null(side->engine);
	return side;
}

void side_free(struct side *side)
{
	ksc_engine_free(side->engine);
	free(side);
}

/* What is to be judged goes with the step. */
static void note_question(struct side *side)
{
	struct ksc_step *step = &side->step;

	assert_true(step->chain_len <= sizeof(side->question.chain));
	side->question.faults = step->faults;
	memcpy(side->question.text, step->text, sizeof(step->text));
	memcpy(side->question.chain, step->chain, step->chain_len);
	side->question.chain_len = step->chain_len;
	side->asked++;
	assert_int_equal(step->faults != 0, strlen(step->text) > 0);
}

/*
 * One step on the first @len bytes of what has come, checked against what every
 * step has to keep to. The input is a copy of just that size, so that reading
 * past it is found out.
 */
enum ksc_status side_step(struct side *side, size_t len)
{
	struct ksc_step *step = &side->step;
	uint8_t *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	if (len)
		memcpy(copy, side->in.data, len);
	ksc_engine_step(side->engine, copy, len, step);
	free(copy);
	side->steps++;
	assert_true(step->consumed <= len);
	if (step->status == KSC_STATUS_INCOMPLETE_MESSAGE) {
		assert_int_equal(step->consumed, 0);
		assert_int_equal(step->token_len, 0);
		assert_true(step->need > 0);
	}
	if (step->status == KSC_STATUS_VERIFY_NEEDED)
		note_question(side);
	else if (ksc_status_is_failure(step->status))
		assert_true(strlen(step->text) > 0);
	else
		assert_string_equal(step->text, "");
	if (step->status != KSC_STATUS_OK)
		assert_int_equal(step->keys.version, 0);
	wire_eat(&side->in, step->consumed);
	wire_put(&side->out, step->token, step->token_len);
	/* The wire has it; the engine must no longer count on it. */
	step->token = NULL;
	return step->status;
}

static bool is_over(const struct side *side)
{
	return side->steps && (side->step.status == KSC_STATUS_OK ||
			       ksc_status_is_failure(side->step.status));
}

/* Say how to go on, and step with all that has come. */
enum ksc_status side_decide(struct side *side, enum ksc_verdict verdict, uint8_t alert)
{
	ksc_engine_decide(side->engine, verdict, alert);
	return side_step(side, side->in.len);
}

/* Bytes come in, @chunk at a time, and each time a step is made on all there are. */
enum ksc_status side_deliver(struct side *side, const uint8_t *data, size_t len, size_t chunk)
{
	while (len) {
		size_t now = chunk < len ? chunk : len;

		wire_put(&side->in, data, now);
		data += now;
		len -= now;
		while (!is_over(side) && side->in.len) {
			size_t before = side->in.len;

			if (side_step(side, side->in.len) == KSC_STATUS_INCOMPLETE_MESSAGE) {
				/* No more is asked for than the peer is going to send. */
				if (chunk != WHOLE)
					assert_true(side->step.need <= len);
				break;
			}
			if (side->step.status == KSC_STATUS_INCOMPLETE_CREDENTIALS)
				break;
			if (side->step.status == KSC_STATUS_VERIFY_NEEDED) {
				if (side->verdict == KSC_VERDICT_NONE)
					break;
				side_decide(side, side->verdict, 0);
			}
			if (!is_over(side))
				assert_true(side->in.len < before);
		}
	}
	return side->step.status;
}

/* A whole handshake with a library's peer; @chunk bytes at a time reach us. */
enum ksc_status shake(struct side *side, struct peer *peer, size_t chunk)
{
	if (!peer->options.server)
		peer->type->handshake(peer);
	else
		side_step(side, 0);
	return shake_on(side, peer, chunk);
}

/* The rest of one. */
enum ksc_status shake_on(struct side *side, struct peer *peer, size_t chunk)
{
	int rc = peer->done ? PEER_DONE : PEER_WANTS_MORE, idle = 0;

	while (idle < 2) {
		static uint8_t flight[sizeof(peer->out.data)];
		size_t len = peer->out.len;

		idle++;
		if (len && !is_over(side)) {
			memcpy(flight, peer->out.data, len);
			peer->out.len = 0;
			side_deliver(side, flight, len, chunk);
			idle = 0;
		} else if (len) {
			/* Comes after our handshake is done: for the record layer. */
			wire_put(&side->in, peer->out.data, len);
			peer->out.len = 0;
		}
		if (side->out.len) {
			wire_put(&peer->in, side->out.data, side->out.len);
			side->out.len = 0;
			if (rc == PEER_WANTS_MORE)
				rc = peer->type->handshake(peer);
			idle = 0;
		}
	}
	/* A TLS 1.3 server judges a client when that believes to be done. */
	peer->done = rc == PEER_DONE;
	if (rc == PEER_FAILED && side->step.status == KSC_STATUS_OK && !peer->options.ask_cert)
		fail_msg("%s failed: %s", peer->type->name, peer->error);
	if (side->step.status == KSC_STATUS_OK && rc != PEER_FAILED)
		assert_int_equal(rc, PEER_DONE);
	return side->step.status;
}

/* Two engines with each other; the client's last status. */
enum ksc_status shake_sides(struct side *client, struct side *server)
{
	side_step(client, 0);
	return shake_sides_on(client, server);
}

/* The rest of one. */
enum ksc_status shake_sides_on(struct side *client, struct side *server)
{
	while (client->out.len || server->out.len) {
		struct side *to = client->out.len ? server : client;
		struct side *from = to == server ? client : server;

		wire_put(&to->in, from->out.data, from->out.len);
		from->out.len = 0;
		while (!is_over(to) && to->in.len)
			if (side_step(to, to->in.len) == KSC_STATUS_INCOMPLETE_MESSAGE ||
			    to->step.status == KSC_STATUS_INCOMPLETE_CREDENTIALS)
				break;
	}
	return client->step.status;
}

/* Records made by the peer's library open with our keys, and the other way round. */
void prove_keys(struct side *side, struct peer *peer)
{
	static const char ours[] = "from our side", theirs[] = "from the peer";
	struct ksc_keys *keys = &side->step.keys;
	uint8_t buf[1 << 14], type;
	int i, n, tries;

	for (i = 0; i < 3; i++) {
		peer->type->write(peer, theirs, sizeof(theirs));
		wire_put(&side->in, peer->out.data, peer->out.len);
		peer->out.len = 0;
		do {
			n = record_open(keys, &keys->rx, &side->in, &type, buf, sizeof(buf));
			assert_true(n >= 0);
			/* Session tickets come before the data. */
		} while (type == 22);
		assert_int_equal(type, 23);
		assert_int_equal(n, sizeof(theirs));
		assert_memory_equal(buf, theirs, sizeof(theirs));
		record_seal(keys, &keys->tx, 23, ours, sizeof(ours), &peer->in);
		/* A library may return without data after each session ticket. */
		for (tries = 0, n = 0; !n && tries < 4; tries++)
			n = peer->type->read(peer, buf, sizeof(buf));
		assert_int_equal(n, sizeof(ours));
		assert_memory_equal(buf, ours, sizeof(ours));
	}
	assert_int_equal(side->in.len, 0);
}

/* All the tickets that have come: how many, or the first error. */
int side_tickets(struct side *side)
{
	struct ksc_keys *keys = &side->step.keys;
	uint8_t buf[1 << 14], type;
	int n, rc, fed = 0;

	while (side->in.len) {
		size_t at = 0;

		n = record_open(keys, &keys->rx, &side->in, &type, buf, sizeof(buf));
		assert_true(n > 0);
		assert_int_equal(type, 22);
		while (at < (size_t)n) {
			size_t len = 4 + ((size_t)buf[at + 2] << 8 | buf[at + 3]);

			rc = ksc_engine_ticket(side->engine, buf + at, len);
			if (rc < 0)
				return rc;
			fed++;
			at += len;
		}
	}
	return fed;
}
