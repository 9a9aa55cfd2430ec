/* SPDX-License-Identifier: GPL-2.0-only */
/* dropin.c: the drop-in that "kschannelctl enable" writes for a unit. */
#ifndef KSC_CTL_DROPIN_H
#define KSC_CTL_DROPIN_H

#include <stdbool.h>
#include <stdio.h>

/**
 * struct ctl_drop_in - contents of a drop-in
 * @self: path of this program
 * @library: path of the library to preload
 * @environment: the unit's Environment= as systemctl shows it, "" if unknown
 * @exec_paths: the unit may execute only files that it lists (NoExecPaths=)
 * @socket: the unit is a socket, not a service
 * @bpf: its cgroup gets the BPF program
 * @guard: its cgroup is guarded
 */
struct ctl_drop_in {
	const char *self;
	const char *library;
	const char *environment;
	bool exec_paths;
	bool socket;
	bool bpf;
	bool guard;
};

void ctl_drop_in_write(FILE *file, const struct ctl_drop_in *in);
bool ctl_drop_in_read(FILE *file, struct ctl_drop_in *in);

#endif
