/* SPDX-License-Identifier: GPL-2.0-only */
/* enabled.c: finds the units that "kschannelctl enable" has written drop-ins for. */
#ifndef KSC_CTL_ENABLED_H
#define KSC_CTL_ENABLED_H

#include <stdbool.h>
#include <stddef.h>

#include "ctl/facts.h"

#define CTL_DROP_IN "kschannel.conf"
/* Where systemd looks for an administrator's units */
#define CTL_UNIT_DIRECTORY "/etc/systemd/system"

/**
 * struct ctl_enabled - a unit that is enabled
 * @unit: its name
 * @bpf: its cgroup gets the BPF program; otherwise the library is preloaded
 * @guard: its cgroup is guarded
 */
struct ctl_enabled {
	char unit[CTL_UNIT_SIZE];
	bool bpf;
	bool guard;
};

size_t ctl_enabled_units(const char *directory, struct ctl_enabled **units);

#endif /* KSC_CTL_ENABLED_H */
