// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl rekey: new sending keys for established connections. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <netlink/msg.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctl.h"

enum { OPTION_ALL = 256 };

/**
 * struct rekey - options of the command line
 * @ids: the sockets
 * @count: number of sockets
 * @all: every socket with TLS 1.3
 * @request: ask the peers to update their keys, too
 */
struct rekey {
	uint64_t *ids;
	size_t count;
	bool all;
	bool request;
};

/**
 * struct one - a request
 * @id: the socket
 * @request: ask its peer, too
 */
struct one {
	uint64_t id;
	bool request;
};

static const struct argp_option rekey_options[] = {
	{ "request", 'r', NULL, 0, "Ask the peers to update their sending keys, too", 0 },
	{ "all", OPTION_ALL, NULL, 0, "All TLS 1.3 connections that \"list\" shows", 0 },
	{ 0 },
};

static void add_id(struct rekey *rekey, uint64_t id)
{
	rekey->ids = ctl_alloc(reallocarray(rekey->ids, rekey->count + 1, sizeof(id)));
	rekey->ids[rekey->count++] = id;
}

static error_t rekey_parse(int key, char *arg, struct argp_state *state)
{
	struct rekey *rekey = state->input;
	uint64_t id;

	switch (key) {
	case 'r':
		rekey->request = true;
		return 0;
	case OPTION_ALL:
		rekey->all = true;
		return 0;
	case ARGP_KEY_ARG:
		if (!ctl_parse_id(arg, &id))
			argp_error(state, "\"%s\" is no socket's ID", arg);
		add_id(rekey, id);
		return 0;
	case ARGP_KEY_END:
		if (rekey->all == !!rekey->count)
			argp_error(state, "IDs and --all exclude each other");
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/* A dump that has changed is repeated from its start. */
static void on_restart(void *arg)
{
	struct rekey *rekey = arg;

	rekey->count = 0;
}

static void on_socket(struct nlattr **tb, void *arg)
{
	bool tls13 = tb[KSC_A_SOCK_VERSION] && nla_get_u16(tb[KSC_A_SOCK_VERSION]) == 0x0304;
	bool established = tb[KSC_A_SOCK_PHASE] &&
			   nla_get_u32(tb[KSC_A_SOCK_PHASE]) == KSC_PHASE_ESTABLISHED;

	if (tb[KSC_A_SOCK_ID] && tls13 && established && !tb[KSC_A_SOCK_WRITE_CLOSED] &&
	    !tb[KSC_A_SOCK_RAW])
		add_id(arg, nla_get_u64(tb[KSC_A_SOCK_ID]));
}

static int find_all(struct rekey *rekey)
{
	static struct nla_policy policy[KSC_A_SOCK_MAX + 1] = {
		[KSC_A_SOCK_ID] = { .type = NLA_U64 },
		[KSC_A_SOCK_PHASE] = { .type = NLA_U32 },
		[KSC_A_SOCK_VERSION] = { .type = NLA_U16 },
	};
	const struct ctl_request req = {
		.cmd = KSC_CMD_SOCK_GET,
		.flags = NLM_F_DUMP,
		.maxattr = KSC_A_SOCK_MAX,
		.policy = policy,
		.restart = on_restart,
		.reply = on_socket,
		.arg = rekey,
	};

	return ctl_request(&req);
}

static int fill_one(struct nl_msg *msg, void *arg)
{
	const struct one *one = arg;

	if (nla_put_u64(msg, KSC_A_SOCK_ID, one->id))
		return -1;
	return one->request ? nla_put_flag(msg, KSC_A_SOCK_REQUEST) : 0;
}

static int rekey_one(uint64_t id, const struct rekey *rekey)
{
	/* connections that --all found may have ended meanwhile */
	static const int gone[] = { ENOENT, ENOTCONN, EPIPE, 0 };
	struct one one = { .id = id, .request = rekey->request };
	char subject[32];
	const struct ctl_request req = {
		.cmd = KSC_CMD_REKEY,
		.flags = NLM_F_ACK,
		.fill = fill_one,
		.subject = subject,
		.forgiven = rekey->all ? gone : NULL,
		.arg = &one,
	};

	snprintf(subject, sizeof(subject), "%" PRIu64, id);
	return ctl_request(&req);
}

/**
 * ctl_rekey() - the command "rekey"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_rekey(int argc, char **argv)
{
	static const struct argp argp = {
		.options = rekey_options,
		.parser = rekey_parse,
		.args_doc = "ID...\n--all",
		.doc = "Change to new sending keys on TLS 1.3 connections, by KeyUpdate. "
		       "\"kschannelctl list\" shows the IDs.",
	};
	struct rekey rekey = { 0 };
	int failed = 0;

	argp_parse(&argp, argc, argv, 0, NULL, &rekey);
	if (rekey.all && find_all(&rekey))
		failed = 1;
	for (size_t i = 0; !(failed && rekey.all) && i < rekey.count; i++) {
		if (rekey_one(rekey.ids[i], &rekey))
			failed = 1;
	}
	free(rekey.ids);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
