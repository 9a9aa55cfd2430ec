/* SPDX-License-Identifier: GPL-2.0-only */
/* facts.c: a unit's properties from systemd. */
#ifndef KSC_CTL_FACTS_H
#define KSC_CTL_FACTS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct ctl_facts - a unit's properties, from systemd
 * @load: LoadState=, "loaded" if the unit exists
 * @in_use: it is started, or will be at boot
 * @accept: a socket unit, and systemd accepts its connections
 * @exec_paths: a service that may execute only files that it lists (NoExecPaths=)
 * @session: a service for which PAM opens a session (PAMName=)
 * @oneshot: a service whose programs have exited when it is started
 * @exited: it is started, and its main process has exited
 * @cgroup: its cgroup, relative to the mount point; NULL or "" without one
 * @has_tasks: the cgroup or one below it has processes; not set by ctl_facts_parse()
 * @programs: programs that a service runs, in order
 * @commands: the same with their arguments, separated by blanks
 * @n_programs: number of programs
 * @ports: TCP ports of a socket unit
 * @n_ports: number of ports
 * @triggers: units that start it, separated by blanks
 * @parts: units that stop with it, separated by blanks
 * @environment: its environment, quoted as by systemd
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

/* systemd's limit for the name of a unit, with the null byte */
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
