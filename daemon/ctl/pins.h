/* SPDX-License-Identifier: GPL-2.0 */
/* BPF programs that stay at work when we are gone, with a map of the cgroups they are for. */
#ifndef KSC_CTL_PINS_H
#define KSC_CTL_PINS_H

#include <stdint.h>

#include <bpf/libbpf.h>

#define CTL_PINS "/sys/fs/bpf/kschannel"

/**
 * struct ctl_pins - some programs
 * @object: the BPF object, as clang has made it
 * @end: its end
 * @map: name of the map in it: a cgroup's id, to a number of 32 bits
 * @pinned_map: where it is pinned
 * @last: what @load pins last of all
 * @load: pins all else of a loaded object; returns 0 or a negative errno
 */
struct ctl_pins {
	const char *object;
	const char *end;
	const char *map;
	const char *pinned_map;
	const char *last;
	int (*load)(struct bpf_object *object);
};

/**
 * struct ctl_pinned_link - a tracing program that is attached for good
 * @program: its name
 * @path: where it is pinned
 */
struct ctl_pinned_link {
	const char *program;
	const char *path;
};

const char *ctl_cannot_pin(const char *function);
int ctl_pins_open(const struct ctl_pins *pins);
int ctl_pin_links(struct bpf_object *object, const struct ctl_pinned_link *links, size_t n);
int ctl_pins_add(int map, uint64_t id, uint32_t value);
int ctl_cgroup_id(const char *cgroup, uint64_t *id);

#endif /* KSC_CTL_PINS_H */
