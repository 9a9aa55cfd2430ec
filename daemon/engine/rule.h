/* SPDX-License-Identifier: GPL-2.0-only */
/* rule.c: the rules of the policy, and what they require of a handshake. */
#ifndef KSC_RULE_H
#define KSC_RULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

#include "engine/verify.h"

struct ksc_engine_params;

/**
 * struct ksc_range - a range of numbers
 * @min: the first
 * @max: the last
 */
struct ksc_range {
	uint32_t min;
	uint32_t max;
};

/**
 * struct ksc_prefix - a prefix of addresses
 * @family: AF_INET, AF_INET6, or AF_UNSPEC for all addresses
 * @len: number of leading bits that are compared; the others are 0
 * @addr: in network order
 */
struct ksc_prefix {
	sa_family_t family;
	uint8_t len;
	uint8_t addr[16];
};

/**
 * struct ksc_rule - a rule
 * @name: its name in the configuration
 * @line: number of its first line there
 * @directions: enum ksc_rule_direction
 * @action: what is done with connections that match
 * @local: our addresses
 * @remote: the peer's
 * @local_port: our ports
 * @remote_port: the peer's
 * @uid: users who own the socket
 * @gid: groups that own the socket
 * @cgroup: path of the socket's cgroup, or of an ancestor; NULL for any
 * @connect: what connect() waits for, in programs that do not use our options
 * @credential: name of the credential, or NULL
 * @server_name: client: the server's name, or NULL
 * @verify: how the peer's certificate is verified
 * @alpn: ProtocolNameList
 * @alpn_len: its size in bytes, 0 for the socket's or the credential's list
 * @min_version: lowest protocol version, 0 for the credential's
 * @max_version: highest, likewise
 * @peers: patterns for names of peers, see ksc_peer_pattern_fits()
 * @n_peers: number of patterns; 0 allows any peer
 */
struct ksc_rule {
	char *name;
	unsigned int line;
	uint32_t directions;
	enum ksc_rule_action action;
	struct ksc_prefix local;
	struct ksc_prefix remote;
	struct ksc_range local_port;
	struct ksc_range remote_port;
	struct ksc_range uid;
	struct ksc_range gid;
	char *cgroup;
	enum ksc_connect connect;
	char *credential;
	char *server_name;
	enum ksc_verify verify;
	uint8_t *alpn;
	size_t alpn_len;
	gnutls_protocol_t min_version;
	gnutls_protocol_t max_version;
	char **peers;
	size_t n_peers;
};

/**
 * struct ksc_rules - the rules of a configuration, in order
 * @refs: references: of the configuration, and of each session with one of the rules
 * @list: the rules
 * @n: number of rules
 */
struct ksc_rules {
	atomic_uint refs;
	struct ksc_rule *list;
	size_t n;
};

struct ksc_rules *ksc_rules_new(void);
struct ksc_rules *ksc_rules_get(struct ksc_rules *rules);
void ksc_rules_put(struct ksc_rules *rules);
struct ksc_rule *ksc_rules_add(struct ksc_rules *rules);
bool ksc_rule_covers(const struct ksc_rule *rule, const struct ksc_rule *other);
int ksc_rule_apply(const struct ksc_rule *rule, struct ksc_engine_params *params,
		   const char **less);

#endif
