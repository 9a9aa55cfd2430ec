// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl stats: the counters. */
#include <inttypes.h>
#include <json-c/json.h>
#include <netlink/netlink.h>
#include <stdlib.h>

#include "common/address.h"
#include "ctl/ctl.h"
#include "ctl/table.h"

/**
 * struct counter - how a counter is shown
 * @name: its name in JSON
 * @label: its description in the table
 */
struct counter {
	const char *name;
	const char *label;
};

static const struct counter counters[KSC_A_STATS_MAX + 1] = {
	[KSC_A_STATS_DAEMON] = { "daemon", "daemon" },
	[KSC_A_STATS_SOCKETS] = { "sockets", "protected sockets" },
	[KSC_A_STATS_CONTEXTS] = { "contexts", "handshakes in progress" },
	[KSC_A_STATS_HANDSHAKES_OK] = { "handshakes_ok", "handshakes completed" },
	[KSC_A_STATS_HANDSHAKES_FAILED] = { "handshakes_failed", "handshakes failed" },
	[KSC_A_STATS_HANDSHAKES_TIMED_OUT] = { "handshakes_timed_out", "  of these timed out" },
	[KSC_A_STATS_STEPS] = { "steps", "steps by the daemon" },
	[KSC_A_STATS_OFFERS] = { "offers", "offers to the daemon" },
	[KSC_A_STATS_OFFERS_WAITING] = { "offers_waiting", "offers waiting for their turn" },
	[KSC_A_STATS_OFFERS_UNANSWERED] = { "offers_unanswered", "offers not answered yet" },
	[KSC_A_STATS_HANDSHAKES] = { "handshakes", "sockets' handshakes in progress" },
	[KSC_A_STATS_EVICTED_ALL] = { "evicted_all", "handshakes evicted by newer ones" },
	[KSC_A_STATS_EVICTED_USER] = { "evicted_user", "  of the same user" },
	[KSC_A_STATS_EVICTED_PREFIX] = { "evicted_prefix", "  from the same prefix" },
	[KSC_A_STATS_REFUSED_ALL] = { "refused_all", "handshakes refused: too many" },
	[KSC_A_STATS_REFUSED_USER] = { "refused_user", "  of the same user" },
	[KSC_A_STATS_REFUSED_PREFIX] = { "refused_prefix", "  from the same prefix" },
	[KSC_A_STATS_FIRST_FLIGHT_TOO_LONG] = { "first_flight_too_long",
						"first flights that were too long" },
	[KSC_A_STATS_TOO_MANY_STEPS] = { "too_many_steps", "handshakes with too many steps" },
	[KSC_A_STATS_LIMIT_HANDSHAKES] = { "limit_handshakes", "limit: handshakes" },
	[KSC_A_STATS_LIMIT_PER_USER] = { "limit_per_user", "limit: of a user" },
	[KSC_A_STATS_LIMIT_CLIENT_RESERVE] = { "limit_client_reserve",
					       "limit: reserved for clients" },
	[KSC_A_STATS_LIMIT_PER_ADDRESS] = { "limit_per_address", "limit: from an address" },
	[KSC_A_STATS_LIMIT_PER_SITE] = { "limit_per_site", "limit: from an IPv6 site" },
	[KSC_A_STATS_LIMIT_FIRST_FLIGHT] = { "limit_first_flight",
					     "limit: bytes of a first flight" },
	[KSC_A_STATS_LIMIT_STEPS] = { "limit_steps", "limit: steps" },
	[KSC_A_STATS_LIMIT_WINDOW] = { "limit_window", "limit: offers not answered" },
	[KSC_A_STATS_LIMIT_WINDOW_BYTES] = { "limit_window_bytes", "limit: bytes of these" },
	[KSC_A_STATS_OFFERS_DEFERRED] = { "offers_deferred", "offers deferred for lack of room" },
	[KSC_A_STATS_TX_BYTES] = { "tx_bytes", "bytes sent" },
	[KSC_A_STATS_TX_RECORDS] = { "tx_records", "records sent" },
	[KSC_A_STATS_RX_BYTES] = { "rx_bytes", "bytes received" },
	[KSC_A_STATS_RX_RECORDS] = { "rx_records", "records received" },
	[KSC_A_STATS_RX_BAD_RECORDS] = { "rx_bad_records", "bad records received" },
	[KSC_A_STATS_RX_TRUNCATED] = { "rx_truncated", "ended without close_notify" },
	[KSC_A_STATS_ALERTS_SENT] = { "alerts_sent", "fatal alerts sent" },
	[KSC_A_STATS_ALERTS_RECEIVED] = { "alerts_received", "fatal alerts received" },
	[KSC_A_STATS_TICKETS] = { "tickets", "session tickets received" },
	[KSC_A_STATS_KEY_UPDATES_SENT] = { "key_updates_sent", "key updates sent" },
	[KSC_A_STATS_KEY_UPDATES_RECEIVED] = { "key_updates_received", "key updates received" },
	[KSC_A_STATS_RX_FLOODS] = { "rx_floods", "ended by too many records without data" },
	[KSC_A_STATS_CIPHERS_MADE] = { "ciphers_made", "ciphers allocated" },
	[KSC_A_STATS_CIPHERS_PARKED] = { "ciphers_parked", "ciphers of idle connections freed" },
	[KSC_A_STATS_POLICY_PLAIN] = { "policy_plain", "connections left in plaintext by policy" },
	[KSC_A_STATS_POLICY_FALLBACKS] = { "policy_fallbacks", "  of these fell back" },
	[KSC_A_STATS_POLICY_REFUSED] = { "policy_refused", "connections refused without a policy" },
	[KSC_A_STATS_RX_STAGED] = { "rx_staged", "bytes moved out of full buffers" },
	[KSC_A_STATS_NOT_TLS] = { "not_tls", "handshakes whose peer did not use TLS" },
	[KSC_A_STATS_POLICY_DIFFERS] = { "policy_differs",
					 "rules that differ by the address asked for" },
	[KSC_A_STATS_EVICTED_LISTENER] = { "evicted_listener",
					   "handshakes evicted by newer ones of a service" },
	[KSC_A_STATS_REFUSED_LISTENER] = { "refused_listener",
					   "handshakes refused: too many of a service" },
	[KSC_A_STATS_LIMIT_PER_LISTENER] = { "limit_per_listener", "limit: of a service" },
	[KSC_A_STATS_LIMIT_DATALESS] = { "limit_dataless", "limit: records without data" },
	[KSC_A_STATS_LIMIT_KEY_UPDATES] = { "limit_key_updates", "limit: key updates" },
	[KSC_A_STATS_KEYS] = { "keys", "unattached keys" },
	[KSC_A_STATS_KEYS_REFUSED] = { "keys_refused", "keys refused: too many" },
	[KSC_A_STATS_LIMIT_KEYS] = { "limit_keys", "limit: keys" },
	[KSC_A_STATS_LIMIT_KEYS_PER_USER] = { "limit_keys_per_user", "limit: keys of a user" },
	[KSC_A_STATS_TRUSTED] = { "trusted", "trusted prefixes" },
};

/* A prefix in the kernel's form: an IPv6 address, and its length in one byte */
#define PREFIX_SIZE	17
#define MAX_TRUSTED	16

/**
 * struct stats - the kernel's reply
 * @daemon: a daemon is registered
 * @values: the counters
 * @trusted: trusted prefixes
 * @n_trusted: number of these
 */
struct stats {
	bool daemon;
	uint64_t values[KSC_A_STATS_MAX + 1];
	uint8_t trusted[MAX_TRUSTED][PREFIX_SIZE];
	size_t n_trusted;
};

/* All are numbers but the daemon and the prefixes. */
static bool is_number(int attr)
{
	return attr != KSC_A_STATS_DAEMON && attr != KSC_A_STATS_TRUSTED && counters[attr].name;
}

static void on_stats(struct nlattr **tb, void *arg)
{
	struct stats *stats = arg;

	stats->daemon = tb[KSC_A_STATS_DAEMON];
	for (int i = 0; i <= KSC_A_STATS_MAX; i++) {
		if (tb[i] && is_number(i))
			stats->values[i] = nla_get_u64(tb[i]);
	}
	if (tb[KSC_A_STATS_TRUSTED]) {
		size_t len = (size_t)nla_len(tb[KSC_A_STATS_TRUSTED]);

		memcpy(stats->trusted, nla_data(tb[KSC_A_STATS_TRUSTED]), len);
		stats->n_trusted = len / PREFIX_SIZE;
	}
}

/* As in the configuration */
static char *prefix_text(const uint8_t *prefix)
{
	struct in6_addr addr;
	char host[INET6_ADDRSTRLEN], *text;
	int len = prefix[PREFIX_SIZE - 1];

	memcpy(&addr, prefix, sizeof(addr));
	if (IN6_IS_ADDR_V4MAPPED(&addr) && len >= 96) {
		ksc_host_print(&addr.s6_addr[12], 4, host);
		len -= 96;
	} else {
		ksc_host_print(&addr, sizeof(addr), host);
	}
	if (asprintf(&text, "%s/%d", host, len) < 0)
		text = NULL;
	return ctl_alloc(text);
}

static char *trusted_text(const struct stats *stats)
{
	char *all = ctl_alloc(strdup(stats->n_trusted ? "" : "none"));

	for (size_t i = 0; i < stats->n_trusted; i++) {
		char *prefix = prefix_text(stats->trusted[i]), *longer;

		if (asprintf(&longer, "%s%s%s", all, i ? ", " : "", prefix) < 0)
			longer = NULL;
		free(prefix);
		free(all);
		all = ctl_alloc(longer);
	}
	return all;
}

static struct json_object *trusted_json(const struct stats *stats)
{
	struct json_object *array = ctl_alloc(json_object_new_array());

	for (size_t i = 0; i < stats->n_trusted; i++) {
		char *prefix = prefix_text(stats->trusted[i]);

		json_object_array_add(array, ctl_alloc(json_object_new_string(prefix)));
		free(prefix);
	}
	return array;
}

static int print_json(const struct stats *stats)
{
	struct json_object *object = ctl_alloc(json_object_new_object());

	json_object_object_add(object, counters[KSC_A_STATS_DAEMON].name,
			       json_object_new_boolean(stats->daemon));
	for (int i = 0; i <= KSC_A_STATS_MAX; i++) {
		if (is_number(i))
			json_object_object_add(object, counters[i].name,
					       json_object_new_uint64(stats->values[i]));
	}
	json_object_object_add(object, counters[KSC_A_STATS_TRUSTED].name, trusted_json(stats));
	return ctl_print_json(object);
}

static void print_table(const struct stats *stats)
{
	struct ctl_table *table = ctl_table_new(2);

	ctl_table_addf(table, "%s", counters[KSC_A_STATS_DAEMON].label);
	ctl_table_addf(table, "%s", stats->daemon ? "yes" : "no");
	for (int i = 0; i <= KSC_A_STATS_MAX; i++) {
		if (!is_number(i))
			continue;
		ctl_table_addf(table, "%s", counters[i].label);
		ctl_table_addf(table, "%" PRIu64, stats->values[i]);
	}
	ctl_table_addf(table, "%s", counters[KSC_A_STATS_TRUSTED].label);
	ctl_table_add(table, trusted_text(stats));
	ctl_table_print(table, "lr");
	ctl_table_free(table);
}

/**
 * ctl_stats() - the command "stats"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_stats(int argc, char **argv)
{
	bool json = ctl_parse_output(argc, argv, "Show the counters of this network namespace.");
	struct nla_policy policy[KSC_A_STATS_MAX + 1] = {
		[KSC_A_STATS_DAEMON] = { .type = NLA_FLAG },
		[KSC_A_STATS_TRUSTED] = { .type = NLA_UNSPEC,
					  .maxlen = MAX_TRUSTED * PREFIX_SIZE },
	};
	struct stats stats = { 0 };
	const struct ctl_request req = {
		.cmd = KSC_CMD_STATS_GET,
		.maxattr = KSC_A_STATS_MAX,
		.policy = policy,
		.reply = on_stats,
		.arg = &stats,
	};

	for (int i = 0; i <= KSC_A_STATS_MAX; i++) {
		if (is_number(i))
			policy[i].type = NLA_U64;
	}
	if (ctl_request(&req))
		return EXIT_FAILURE;
	if (json)
		return print_json(&stats);
	print_table(&stats);
	return EXIT_SUCCESS;
}
