/* SPDX-License-Identifier: GPL-2.0-only */
/* pins.c: BPF programs that stay loaded after exit, with a map of their cgroups. */
#ifndef KSC_CTL_PINS_H
#define KSC_CTL_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#ifndef CTL_PINS
#define CTL_PINS "/sys/fs/bpf/kschannel"
#endif

/* Size of a path below CTL_PINS */
#define CTL_PIN_SIZE 256

/**
 * struct ctl_pins - BPF programs that are pinned together
 * @name: beginning of their directory's name; a digest of @object follows, so that each version
 *	has its own
 * @object: the BPF object, compiled by clang
 * @end: its end
 * @map: name of its map, from a cgroup's ID to a number of 32 bits
 * @pinned_map: name of the map in the directory, where it is pinned last
 * @first: other pins that old versions left in CTL_PINS itself, terminated by NULL
 * @load: pins everything else of a loaded object in a directory; returns 0 or a negative errno
 * @attach: attaches the programs of a directory to a cgroup, or detaches them; returns 0, also if
 *	that is the case already, or a negative errno; NULL if there are none
 */
struct ctl_pins {
	const char *name;
	const char *object;
	const char *end;
	const char *map;
	const char *pinned_map;
	const char *const *first;
	int (*load)(struct bpf_object *object, const char *directory);
	int (*attach)(int cgroup, const char *directory, bool attach);
};

/**
 * struct ctl_pinned_link - a tracing program that is attached permanently
 * @program: its name
 * @name: name of its link in the directory
 */
struct ctl_pinned_link {
	const char *program;
	const char *name;
};

const char *ctl_cannot_pin(const char *function);
int ctl_pin_path(const char *directory, const char *name, char path[CTL_PIN_SIZE]);
int ctl_pinned(const char *directory, const char *name);
int ctl_pin_links(struct bpf_object *object, const char *directory,
		  const struct ctl_pinned_link *links, size_t n);
int ctl_pins_add(const struct ctl_pins *pins, const char *cgroup, uint32_t value, uint64_t *id);
int ctl_pins_remove(const struct ctl_pins *pins, const char *cgroup, uint64_t id);
int ctl_cgroup_id(const char *cgroup, uint64_t *id);

#endif /* KSC_CTL_PINS_H */
