/* SPDX-License-Identifier: GPL-2.0-only */
/* What systemd tells of a unit. */
#ifndef KSC_CTL_FACTS_H
#define KSC_CTL_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct ctl_facts - what systemd tells of a unit
 * @load: LoadState=, "loaded" if it is there
 * @in_use: it is started, or will be at boot
 * @accept: a socket unit whose connections systemd accepts
 * @exec_paths: a service that runs nothing but what it names (NoExecPaths=)
 * @session: a service that PAM is asked to open a session for (PAMName=)
 * @oneshot: a service whose programs have ended when it is started
 * @exited: it is started, and the process that it is about has ended
 * @cgroup: the one that it has, from the mount point on; none if it has none
 * @has_tasks: there are processes in it or below it; ctl_facts_parse() does not look
 * @programs: what a service runs, in order
 * @commands: with their arguments, blanks between
 * @n_programs: how many
 * @ports: TCP ports that a socket unit listens at
 * @n_ports: how many
 * @triggers: units that start it, with blanks between
 * @parts: units that stop with it, with blanks between
 * @environment: what it sets of the environment, quoted as systemd does
 */
struct ctl_facts {
	char load[32];
	bool in_use;
	bool accept;
	bool exec_paths;
	bool session;
	bool oneshot;
	bool exited;
	char *cgroup;
	bool has_tasks;
	char **programs;
	char **commands;
	size_t n_programs;
	uint16_t *ports;
	size_t n_ports;
	char *triggers;
	char *parts;
	char *environment;
};

/* systemd's own limit of a name, and room for its end */
#define CTL_UNIT_SIZE 256

void ctl_facts_parse(const char *text, struct ctl_facts *facts);
void ctl_facts_free(struct ctl_facts *facts);
bool ctl_is_template(const char *unit);
void ctl_instance(const char *unit, char instance[CTL_UNIT_SIZE]);
void ctl_own_socket(const char *unit, char name[CTL_UNIT_SIZE]);
bool ctl_next_unit(const char **list, const char *suffix, char name[CTL_UNIT_SIZE]);
bool ctl_starts_nothing(const struct ctl_facts *facts);
bool ctl_is_passing(const struct ctl_facts *facts);
bool ctl_has_suffix(const char *unit, const char *suffix);

#endif /* KSC_CTL_FACTS_H */
