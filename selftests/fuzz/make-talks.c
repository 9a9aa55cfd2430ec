// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records what applications send that have both ends of handshakes, as inputs for the fuzzer:
 * make-talks DIRECTORY.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/attr.h>

#include "talk.h"

/* The application's numbers of its contexts */
enum { CLIENT = 1, SERVER };

/**
 * struct talk - a recording
 * @file: where it goes
 * @seq: number of the last request
 * @reply: the last answer
 * @token: bytes for the other end
 * @len: length of @token in bytes
 */
struct talk {
	FILE *file;
	uint32_t seq;
	struct talk_reply reply;
	uint8_t token[KSC_MAX_TOKEN];
	size_t len;
};

/* What goes with a step; zeros are left out. */
struct ask {
	uint32_t context;
	uint32_t role;
	uint32_t verify;
	bool pick;
	uint32_t verdict;
	uint8_t alert;
	const char *picked;
	const uint8_t *token;
	size_t len;
};

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void put(struct nl_msg *msg, int type, const void *data, size_t len)
{
	require(!nla_put(msg, type, (int)len, data));
}

static void put_begin(struct nl_msg *msg, const struct ask *ask)
{
	struct nlattr *nest = nla_nest_start(msg, KSC_M_BEGIN);

	require(nest);
	put(msg, KSC_M_BEGIN_ROLE, &ask->role, 4);
	if (ask->role == KSC_ROLE_CLIENT)
		put(msg, KSC_M_BEGIN_SERVER_NAME, "server.test", 12);
	put(msg, KSC_M_BEGIN_ALPN, "\2h2", 3);
	if (ask->verify)
		put(msg, KSC_M_BEGIN_VERIFY, &ask->verify, 4);
	if (ask->pick)
		put(msg, KSC_M_BEGIN_PICK, NULL, 0);
	nla_nest_end(msg, nest);
}

static void say(struct talk *talk, struct nl_msg *msg)
{
	const struct nlmsghdr *head = nlmsg_hdr(msg);

	fputc(0, talk->file);
	fputc((int)(head->nlmsg_len >> 8 & 0xff), talk->file);
	fputc((int)(head->nlmsg_len & 0xff), talk->file);
	fwrite(head, 1, head->nlmsg_len, talk->file);
	require(talk_say(head, head->nlmsg_len, 0));
	nlmsg_free(msg);
}

static enum ksc_status step(struct talk *talk, const struct ask *ask)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_STEP, ++talk->seq, ask->len);
	struct nlattr **tb = talk->reply.tb;

	require(msg);
	put(msg, KSC_M_CONTEXT, &ask->context, 4);
	if (ask->role)
		put_begin(msg, ask);
	if (ask->len)
		put(msg, KSC_M_TOKEN, ask->token, ask->len);
	if (ask->verdict)
		put(msg, KSC_M_VERDICT, &ask->verdict, 4);
	if (ask->alert)
		put(msg, KSC_M_ALERT, &ask->alert, 1);
	if (ask->picked)
		put(msg, KSC_M_CREDENTIAL, ask->picked, strlen(ask->picked) + 1);
	say(talk, msg);
	require(talk_hear(&talk->reply));
	require(talk->reply.kind == KSC_MESSAGE_RESULT);
	talk->len = tb[KSC_M_TOKEN] ? (size_t)nla_len(tb[KSC_M_TOKEN]) : 0;
	if (talk->len)
		memcpy(talk->token, nla_data(tb[KSC_M_TOKEN]), talk->len);
	return nla_get_u32(tb[KSC_M_STATUS]);
}

static struct talk *begin(const char *dir, const char *name)
{
	struct talk *talk = calloc(1, sizeof(*talk));
	char path[4096];

	require(talk);
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	talk->file = fopen(path, "w");
	require(talk->file);
	talk_begin();
	return talk;
}

static void end(struct talk *talk)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_CLOSE, ++talk->seq, 0);
	const uint32_t context = SERVER;

	require(msg);
	put(msg, KSC_M_CONTEXT, &context, 4);
	say(talk, msg);
	talk_end();
	fclose(talk->file);
	free(talk);
}

/* Takes what the other end has said, or what is left of it. */
static enum ksc_status take(struct talk *talk, struct ask ask, const uint8_t *token, size_t len)
{
	ask.token = token;
	ask.len = len;
	return step(talk, &ask);
}

/* Both ends, to what the client's second step comes to; it has not used up @rest. */
static enum ksc_status shake(struct talk *talk, const struct ask *client, uint8_t *rest,
			     size_t *len)
{
	static const struct ask server = { .context = SERVER, .role = KSC_ROLE_SERVER };
	static const struct ask next = { .context = CLIENT };
	enum ksc_status status;
	size_t used;

	require(step(talk, client) == KSC_STATUS_CONTINUE_NEEDED);
	memcpy(rest, talk->token, talk->len);
	require(take(talk, server, rest, talk->len) == KSC_STATUS_CONTINUE_NEEDED);
	*len = talk->len;
	memcpy(rest, talk->token, *len);
	status = take(talk, next, rest, *len);
	used = nla_get_u32(talk->reply.tb[KSC_M_CONSUMED]);
	*len -= used;
	memmove(rest, rest + used, *len);
	return status;
}

int main(int argc, char **argv)
{
	static uint8_t rest[KSC_MAX_TOKEN];
	const struct ask plain = { .context = CLIENT, .role = KSC_ROLE_CLIENT };
	const struct ask judge = { .context = CLIENT, .role = KSC_ROLE_CLIENT,
				   .verify = KSC_VERIFY_MANUAL };
	const struct ask pick = { .context = CLIENT, .role = KSC_ROLE_CLIENT, .pick = true };
	const struct ask server = { .context = SERVER };
	const struct ask good = { .context = CLIENT, .verdict = KSC_VERDICT_ACCEPT };
	const struct ask bad = { .context = CLIENT, .verdict = KSC_VERDICT_REJECT, .alert = 46 };
	const struct ask mine = { .context = CLIENT, .picked = "cc" };
	const struct ask enough = { .context = CLIENT, .alert = 90 };
	struct talk *talk;
	size_t len;

	require(argc == 2);
	talk = begin(argv[1], "tls13");
	require(shake(talk, &plain, rest, &len) == KSC_STATUS_OK);
	memcpy(rest, talk->token, talk->len);
	require(take(talk, server, rest, talk->len) == KSC_STATUS_OK);
	end(talk);
	talk = begin(argv[1], "judged");
	require(shake(talk, &judge, rest, &len) == KSC_STATUS_VERIFY_NEEDED);
	require(take(talk, good, rest, len) == KSC_STATUS_OK);
	end(talk);
	talk = begin(argv[1], "rejected");
	require(shake(talk, &judge, rest, &len) == KSC_STATUS_VERIFY_NEEDED);
	require(step(talk, &bad) == KSC_STATUS_PEER_REJECTED);
	end(talk);
	talk = begin(argv[1], "picked");
	require(shake(talk, &pick, rest, &len) == KSC_STATUS_INCOMPLETE_CREDENTIALS);
	require(take(talk, mine, rest, len) == KSC_STATUS_OK);
	end(talk);
	talk = begin(argv[1], "given-up");
	require(step(talk, &plain) == KSC_STATUS_CONTINUE_NEEDED);
	require(step(talk, &enough) == KSC_STATUS_CANCELLED);
	end(talk);
	return EXIT_SUCCESS;
}
