// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records what the daemon sends to an application in real handshakes, as inputs for the fuzzer
 * of the library: make-seeds-library DIRECTORY.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/message.h"
#include "common/names.h"
#include "context/result.h"
#include "target.h"

/* What the input begins with, see library.c */
#define CARRIED	0
#define PASSED	1

static void *check(void *p, const char *what)
{
	if (!p) {
		perror(what);
		exit(EXIT_FAILURE);
	}
	return p;
}

static FILE *open_seed(const char *dir, const char *name, int way)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = check(fopen(path, "w"), path);
	fputc(way, f);
	return f;
}

/* A message, and how many descriptors come along; it is freed */
static void put(FILE *f, struct nl_msg *msg, int rights)
{
	const struct nlmsghdr *head = nlmsg_hdr(check(msg, "message"));

	fputc(rights, f);
	fputc((int)(head->nlmsg_len >> 8), f);
	fputc((int)(head->nlmsg_len & 0xff), f);
	fwrite(head, 1, head->nlmsg_len, f);
	nlmsg_free(msg);
}

static bool is_over(const struct ksc_step *step)
{
	return step->status == KSC_STATUS_OK || ksc_status_is_failure(step->status);
}

/* What another process is passed: what the result has, but for what the keys' kernel knows */
static struct nl_msg *make_parcel(const struct ksc_step *step)
{
	static const int types[] = { KSC_M_VERSION, KSC_M_SUITE, KSC_M_SESSION, KSC_M_DETAILS,
				     KSC_M_CHAIN, KSC_M_LOCAL_CHAIN };
	struct nl_msg *result = check(ksc_result_new(1, 1, step), "result");
	struct nl_msg *msg = check(ksc_message_new(KSC_MESSAGE_HANDOVER, 0,
						   nlmsg_get_max_size(result)), "parcel");
	struct nlattr *nest;
	size_t i;

	nla_put_u32(msg, KSC_M_FORMAT, 1);
	nest = nla_nest_start(msg, KSC_M_BEGIN);
	nla_put_u32(msg, KSC_M_BEGIN_ROLE, KSC_ROLE_CLIENT);
	nla_put_u32(msg, KSC_M_BEGIN_VERIFY, KSC_VERIFY_MANUAL);
	nla_nest_end(msg, nest);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct nlattr *a = nlmsg_find_attr(nlmsg_hdr(result), 0, types[i]);

		if (a)
			nla_put(msg, a->nla_type, nla_len(a), nla_data(a));
	}
	nlmsg_free(result);
	return msg;
}

/* The same certificates, and the daemon asks before it goes on. */
static void ask_first(const char *dir, struct ksc_step *done)
{
	FILE *f = open_seed(dir, "questions", CARRIED);
	const struct ksc_step pick = {
		.status = KSC_STATUS_INCOMPLETE_CREDENTIALS, .issuers = done->details->chain,
		.issuers_len = done->details->chain_len,
	};
	struct ksc_step verify = {
		.status = KSC_STATUS_VERIFY_NEEDED, .faults = KSC_FAULT_WRONG_NAME,
		.chain = done->details->chain, .chain_len = done->details->chain_len,
	};

	strcpy(verify.text, "it is for another name");
	put(f, ksc_result_new(1, 1, &pick), 0);
	put(f, ksc_result_new(2, 1, &verify), 0);
	put(f, ksc_result_new(3, 1, done), 1);
	fclose(f);
}

static void pass_on(const char *dir, const struct ksc_step *done)
{
	FILE *f = open_seed(dir, "passed", PASSED);

	put(f, make_parcel(done), 1);
	put(f, make_parcel(done), 0);
	fclose(f);
}

static void refuse(const char *dir)
{
	static const int errors[] = { EINVAL, EDQUOT, EMSGSIZE, ENODATA };
	const uint32_t context = 1;
	FILE *f = open_seed(dir, "errors", CARRIED);
	uint32_t n;

	for (n = 0; n < sizeof(errors) / sizeof(errors[0]); n++)
		put(f, ksc_result_error(n + 1, &context, errors[n], "why"), 0);
	put(f, ksc_result_error(0, &context, ETIMEDOUT, ""), 0);
	fclose(f);
}

/* A handshake of two engines of ours, of which one is the application's. */
static void record(const char *dir, const char *name, unsigned int options,
		   enum ksc_status wanted)
{
	struct ksc_engine *engine = target_new(options), *partner = target_partner(options);
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct ksc_step theirs = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct wire *in = check(calloc(1, sizeof(*in)), "wire");
	struct wire *out = check(calloc(1, sizeof(*out)), "wire");
	FILE *f = open_seed(dir, name, CARRIED);
	struct ksc_details details = { 0 };
	uint32_t number = 0;

	while (!is_over(&step)) {
		target_step(engine, in->data, in->len, &step);
		wire_eat(in, step.consumed);
		wire_put(out, step.token, step.token_len);
		if (step.status == KSC_STATUS_OK) {
			if (ksc_engine_details(engine, &step.info, &details))
				exit(EXIT_FAILURE);
			step.details = &details;
		}
		put(f, ksc_result_new(++number, 1, &step), step.status == KSC_STATUS_OK);
		if (is_over(&step) || is_over(&theirs))
			break;
		target_step(partner, out->data, out->len, &theirs);
		wire_eat(out, theirs.consumed);
		wire_put(in, theirs.token, theirs.token_len);
	}
	fclose(f);
	if (step.status != wanted) {
		fprintf(stderr, "%s: %s: %s\n", name, ksc_status_name(step.status), step.text);
		exit(EXIT_FAILURE);
	}
	if (!options) {
		ask_first(dir, &step);
		pass_on(dir, &step);
	}
	ksc_details_free(&details);
	ksc_step_wipe(&step);
	ksc_step_wipe(&theirs);
	ksc_engine_free(engine);
	ksc_engine_free(partner);
	free(in);
	free(out);
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return EXIT_FAILURE;
	record(argv[1], "tls13", 0, KSC_STATUS_OK);
	record(argv[1], "resumed", TARGET_RESUME, KSC_STATUS_OK);
	record(argv[1], "tls12", TARGET_TLS12, KSC_STATUS_OK);
	record(argv[1], "certificate", TARGET_CERT, KSC_STATUS_OK);
	refuse(argv[1]);
	return EXIT_SUCCESS;
}
