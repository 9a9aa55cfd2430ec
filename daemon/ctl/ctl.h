/* SPDX-License-Identifier: GPL-2.0-only */
/* kschannelctl: shared declarations. */
#ifndef KSC_CTL_H
#define KSC_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <netlink/attr.h>

#include <linux/kschannel.h>

#include "common/util.h"

/* Where cgroups (version 2) are mounted; a directory's inode number is the cgroup's ID */
#ifndef CTL_CGROUPS
#define CTL_CGROUPS "/sys/fs/cgroup"
#endif

/* names.c */
const char *ctl_version_name(uint16_t version);
const char *ctl_tcp_state_name(uint8_t state);

/* text.c */
char *ctl_escape(const char *text);
char *ctl_utf8(const char *text);
char *ctl_address(const struct nlattr *attr);
char *ctl_hex(const void *data, size_t len);
bool ctl_parse_id(const char *text, uint64_t *id);

void *ctl_alloc(void *ptr);

/* netlink.c */

/**
 * typedef ctl_reply_fn - handles one message of a reply
 * @tb: its attributes by type, NULL for those it lacks
 * @arg: the request's @arg
 */
typedef void (*ctl_reply_fn)(struct nlattr **tb, void *arg);

struct nl_msg;

/**
 * typedef ctl_fill_fn - adds the attributes of a request
 * @msg: the request
 * @arg: the request's @arg
 * Return: 0, or less if there is no room
 */
typedef int (*ctl_fill_fn)(struct nl_msg *msg, void *arg);

/**
 * struct ctl_request - a command of the kschannel family
 * @cmd: enum ksc_cmd
 * @flags: more NLM_F_* than NLM_F_REQUEST; NLM_F_ACK if there is no reply
 * @fill: adds the request's attributes, or NULL
 * @subject: beginning of error messages, or NULL
 * @forgiven: errnos that are not failures, terminated by 0, or NULL
 * @maxattr: highest attribute of the reply
 * @policy: netlink policy of the reply
 * @restart: called before the first message of a reply, and again each time a dump is repeated
 *	because it changed while it was read
 * @reply: called for each message
 * @arg: passed to these functions
 */
struct ctl_request {
	int cmd;
	int flags;
	ctl_fill_fn fill;
	const char *subject;
	const int *forgiven;
	int maxattr;
	struct nla_policy *policy;
	void (*restart)(void *arg);
	ctl_reply_fn reply;
	void *arg;
};

int ctl_request(const struct ctl_request *req);

/*
 * attach.c, audit.c, guard.c, list.c, policy.c, preloaded.c, rekey.c, stats.c, run.c, unit.c,
 * units.c: the commands; argv[0] is the name in usage messages
 */
int ctl_audit(int argc, char **argv);
int ctl_guard(int argc, char **argv);
int ctl_list(int argc, char **argv);
int ctl_policy(int argc, char **argv);
int ctl_rekey(int argc, char **argv);
int ctl_stats(int argc, char **argv);
int ctl_run(int argc, char **argv);
int ctl_enable(int argc, char **argv);
int ctl_disable(int argc, char **argv);
int ctl_units(int argc, char **argv);
int ctl_attach(int argc, char **argv);
int ctl_preloaded(int argc, char **argv);

/* Exit status for ExecCondition=: with a lower one, systemd would only skip the service. */
#define CTL_CONDITION_FAILED 255
#define CTL_CONDITION_DOC "Exit with 255 on failure, for ExecCondition= of systemd"

/* output.c */
bool ctl_parse_output(int argc, char **argv, const char *doc);
struct json_object;
int ctl_print_json(struct json_object *object);

#endif /* KSC_CTL_H */
