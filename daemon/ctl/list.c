// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl list: the protected sockets. */
#include <inttypes.h>
#include <json-c/json.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/names.h"
#include "common/suites.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

enum kind {
	U8,
	U16,
	U32,
	U64,
	TEXT,
	FLAG,
	ADDRESS,
	BYTES,
	ROLE,
	PHASE,
	STATUS,
	DIRECTION,
	STATE,
	VERSION,
	SUITE
};

/**
 * struct field - an attribute in JSON
 * @name: its name in JSON
 * @kind: its type
 */
struct field {
	const char *name;
	enum kind kind;
};

static const struct field fields[KSC_A_SOCK_MAX + 1] = {
	[KSC_A_SOCK_ID] = { "id", U64 },
	[KSC_A_SOCK_LOCAL] = { "local", ADDRESS },
	[KSC_A_SOCK_PEER] = { "peer", ADDRESS },
	[KSC_A_SOCK_ROLE] = { "role", ROLE },
	[KSC_A_SOCK_PHASE] = { "phase", PHASE },
	[KSC_A_SOCK_TCP_STATE] = { "tcp_state", STATE },
	[KSC_A_SOCK_VERSION] = { "version", VERSION },
	[KSC_A_SOCK_SUITE] = { "suite", SUITE },
	[KSC_A_SOCK_SERVER_NAME] = { "server_name", TEXT },
	[KSC_A_SOCK_CREDENTIAL] = { "credential", TEXT },
	[KSC_A_SOCK_ALPN] = { "alpn", TEXT },
	[KSC_A_SOCK_PEER_SUBJECT] = { "peer_subject", TEXT },
	[KSC_A_SOCK_PEER_FINGERPRINT] = { "peer_fingerprint", BYTES },
	[KSC_A_SOCK_RESUMED] = { "resumed", FLAG },
	[KSC_A_SOCK_UID] = { "uid", U32 },
	[KSC_A_SOCK_INODE] = { "inode", U64 },
	[KSC_A_SOCK_TX_BYTES] = { "tx_bytes", U64 },
	[KSC_A_SOCK_TX_RECORDS] = { "tx_records", U64 },
	[KSC_A_SOCK_RX_BYTES] = { "rx_bytes", U64 },
	[KSC_A_SOCK_RX_RECORDS] = { "rx_records", U64 },
	[KSC_A_SOCK_READ_CLOSED] = { "read_closed", FLAG },
	[KSC_A_SOCK_WRITE_CLOSED] = { "write_closed", FLAG },
	[KSC_A_SOCK_STATUS] = { "status", STATUS },
	[KSC_A_SOCK_ALERT] = { "alert", U8 },
	[KSC_A_SOCK_DIRECTION] = { "alert_direction", DIRECTION },
	[KSC_A_SOCK_TEXT] = { "text", TEXT },
	[KSC_A_SOCK_RAW] = { "raw", FLAG },
	[KSC_A_SOCK_KEY_UPDATES_SENT] = { "key_updates_sent", U64 },
	[KSC_A_SOCK_KEY_UPDATES_RECEIVED] = { "key_updates_received", U64 },
	[KSC_A_SOCK_RULE] = { "rule", TEXT },
};

static const char *const headings[] = {
	"ID",	"ROLE",	    "STATE",  "LOCAL",	"PEER",	    "VERSION", "SUITE",	 "ALPN",
	"TX-BYTES", "TX-REC", "TX-UPD", "RX-BYTES", "RX-REC",  "RX-UPD", "UID",	 "SUBJECT"
};

static const char alignment[] = "rlllllllrrrrrrrl";

static struct nla_policy policy[KSC_A_SOCK_MAX + 1];

/**
 * struct listing - output of list
 * @json: array of objects, NULL for a table
 * @table: the table, NULL for JSON
 * @as_json: print JSON
 */
struct listing {
	struct json_object *json;
	struct ctl_table *table;
	bool as_json;
};

static uint32_t get_u32(struct nlattr **tb, int type)
{
	return tb[type] ? nla_get_u32(tb[type]) : 0;
}

static uint64_t get_u64(struct nlattr **tb, int type)
{
	return tb[type] ? nla_get_u64(tb[type]) : 0;
}

static const char *get_text(struct nlattr **tb, int type)
{
	return tb[type] ? nla_get_string(tb[type]) : "";
}

/* Takes ownership of @text. */
static struct json_object *json_text(char *text)
{
	struct json_object *object = json_object_new_string(text);

	free(text);
	return object;
}

static struct json_object *json_number_or_name(const char *name, unsigned int value)
{
	char text[8];

	if (name)
		return json_object_new_string(name);
	snprintf(text, sizeof(text), "0x%04x", value & 0xffff);
	return json_object_new_string(text);
}

static struct json_object *json_value(enum kind kind, struct nlattr *attr)
{
	switch (kind) {
	case U8:
		return json_object_new_int(nla_get_u8(attr));
	case U16:
		return json_object_new_int(nla_get_u16(attr));
	case U32:
		return json_object_new_int64(nla_get_u32(attr));
	case U64:
		return json_object_new_uint64(nla_get_u64(attr));
	case TEXT:
		return json_text(ctl_utf8(nla_get_string(attr)));
	case FLAG:
		return json_object_new_boolean(true);
	case ADDRESS:
		return json_text(ctl_address(attr));
	case BYTES:
		return json_text(ctl_hex(nla_data(attr), (size_t)nla_len(attr)));
	case ROLE:
		return json_object_new_string(ksc_role_name(nla_get_u32(attr)));
	case PHASE:
		return json_object_new_string(ksc_phase_name(nla_get_u32(attr)));
	case STATUS:
		return json_object_new_string(ksc_status_name(nla_get_u32(attr)));
	case DIRECTION:
		return json_object_new_string(ksc_direction_name(nla_get_u32(attr)));
	case STATE:
		return json_object_new_string(ctl_tcp_state_name(nla_get_u8(attr)));
	case VERSION:
		return json_number_or_name(ctl_version_name(nla_get_u16(attr)), nla_get_u16(attr));
	case SUITE:
		return json_number_or_name(ksc_suite_name(nla_get_u16(attr)), nla_get_u16(attr));
	}
	return NULL;
}

static void add_json(struct json_object *array, struct nlattr **tb)
{
	struct json_object *object = ctl_alloc(json_object_new_object());

	for (int i = 1; i <= KSC_A_SOCK_MAX; i++) {
		/* some attributes are for requests only */
		if (!fields[i].name)
			continue;
		if (tb[i])
			json_object_object_add(object, fields[i].name,
					       json_value(fields[i].kind, tb[i]));
		else if (fields[i].kind == FLAG)
			json_object_object_add(object, fields[i].name,
					       json_object_new_boolean(false));
	}
	json_object_array_add(array, object);
}

/* The phase; for an established connection, which directions are closed */
static const char *state_name(struct nlattr **tb)
{
	uint32_t phase = get_u32(tb, KSC_A_SOCK_PHASE);

	if (phase != KSC_PHASE_ESTABLISHED)
		return ksc_phase_name(phase);
	if (tb[KSC_A_SOCK_READ_CLOSED] && tb[KSC_A_SOCK_WRITE_CLOSED])
		return "both-closed";
	if (tb[KSC_A_SOCK_READ_CLOSED])
		return "read-closed";
	if (tb[KSC_A_SOCK_WRITE_CLOSED])
		return "write-closed";
	return "established";
}

static void add_or_dash(struct ctl_table *table, const char *text)
{
	ctl_table_add(table, text[0] ? ctl_escape(text) : ctl_alloc(strdup("-")));
}

static void add_number_or_name(struct ctl_table *table, const char *name, struct nlattr *attr)
{
	uint16_t value = attr ? nla_get_u16(attr) : 0;

	if (name)
		add_or_dash(table, name);
	else if (value)
		ctl_table_addf(table, "0x%04x", value);
	else
		add_or_dash(table, "");
}

/* Adds a second line that tells what failed. */
static void add_failure(struct ctl_table *table, struct nlattr **tb)
{
	uint32_t direction = get_u32(tb, KSC_A_SOCK_DIRECTION);
	char alert[48] = "";
	char *text, *note;

	if (direction != KSC_DIRECTION_NONE && tb[KSC_A_SOCK_ALERT])
		snprintf(alert, sizeof(alert), ", alert %u %s", nla_get_u8(tb[KSC_A_SOCK_ALERT]),
			 ksc_direction_name(direction));
	text = ctl_escape(get_text(tb, KSC_A_SOCK_TEXT));
	if (asprintf(&note, "%s%s%s%s", ksc_status_name(get_u32(tb, KSC_A_SOCK_STATUS)), alert,
		     text[0] ? ": " : "", text) < 0)
		note = NULL;
	free(text);
	ctl_table_note(table, ctl_alloc(note));
}

static void add_row(struct ctl_table *table, struct nlattr **tb)
{
	struct nlattr *version = tb[KSC_A_SOCK_VERSION], *suite = tb[KSC_A_SOCK_SUITE];
	const char *peer = get_text(tb, KSC_A_SOCK_PEER_SUBJECT);

	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_ID));
	ctl_table_addf(table, "%s", tb[KSC_A_SOCK_RAW] ? "raw" :
				    ksc_role_name(get_u32(tb, KSC_A_SOCK_ROLE)));
	ctl_table_addf(table, "%s", state_name(tb));
	ctl_table_add(table, ctl_address(tb[KSC_A_SOCK_LOCAL]));
	ctl_table_add(table, ctl_address(tb[KSC_A_SOCK_PEER]));
	add_number_or_name(table, version ? ctl_version_name(nla_get_u16(version)) : NULL, version);
	add_number_or_name(table, suite ? ksc_suite_name(nla_get_u16(suite)) : NULL, suite);
	add_or_dash(table, get_text(tb, KSC_A_SOCK_ALPN));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_TX_BYTES));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_TX_RECORDS));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_KEY_UPDATES_SENT));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_RX_BYTES));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_RX_RECORDS));
	ctl_table_addf(table, "%" PRIu64, get_u64(tb, KSC_A_SOCK_KEY_UPDATES_RECEIVED));
	ctl_table_addf(table, "%" PRIu32, get_u32(tb, KSC_A_SOCK_UID));
	add_or_dash(table, peer);
	if (get_u32(tb, KSC_A_SOCK_STATUS) != KSC_STATUS_OK)
		add_failure(table, tb);
}

static void on_restart(void *arg)
{
	struct listing *list = arg;

	if (list->as_json) {
		json_object_put(list->json);
		list->json = ctl_alloc(json_object_new_array());
		return;
	}
	if (list->table)
		ctl_table_free(list->table);
	list->table = ctl_table_new(ARRAY_SIZE(headings));
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		ctl_table_addf(list->table, "%s", headings[i]);
}

static void on_socket(struct nlattr **tb, void *arg)
{
	struct listing *list = arg;

	if (list->as_json)
		add_json(list->json, tb);
	else
		add_row(list->table, tb);
}

static void set_policy(void)
{
	static const uint16_t types[] = {
		[U8] = NLA_U8,		[U16] = NLA_U16,	 [U32] = NLA_U32,
		[U64] = NLA_U64,	[TEXT] = NLA_NUL_STRING, [FLAG] = NLA_FLAG,
		[ADDRESS] = NLA_UNSPEC, [BYTES] = NLA_UNSPEC,	 [ROLE] = NLA_U32,
		[PHASE] = NLA_U32,	[STATUS] = NLA_U32,	 [DIRECTION] = NLA_U32,
		[STATE] = NLA_U8,	[VERSION] = NLA_U16,	 [SUITE] = NLA_U16,
	};

	for (int i = 1; i <= KSC_A_SOCK_MAX; i++) {
		if (fields[i].name)
			policy[i].type = types[fields[i].kind];
	}
}

/**
 * ctl_list() - the command "list"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_list(int argc, char **argv)
{
	static const char about[] =
		"Show the protected sockets of this network namespace: with CAP_NET_ADMIN "
		"all of them, otherwise your own.";
	struct listing list = { .as_json = ctl_parse_output(argc, argv, about) };
	const struct ctl_request req = {
		.cmd = KSC_CMD_SOCK_GET,
		.flags = NLM_F_DUMP,
		.maxattr = KSC_A_SOCK_MAX,
		.policy = policy,
		.restart = on_restart,
		.reply = on_socket,
		.arg = &list,
	};
	int ret;

	set_policy();
	ret = ctl_request(&req);
	if (list.as_json) {
		if (!ret)
			return ctl_print_json(list.json);
		json_object_put(list.json);
	} else if (list.table) {
		if (!ret)
			ctl_table_print(list.table, alignment);
		ctl_table_free(list.table);
	}
	return ret ? EXIT_FAILURE : EXIT_SUCCESS;
}
