/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF programs that stay at work when we are gone, with a map of the cgroups they are for. */
#ifndef KSC_CTL_PINS_H
#define KSC_CTL_PINS_H

#include <stdbool.h>
#include <stdint.h>

#include <bpf/libbpf.h>

#ifndef CTL_PINS
#define CTL_PINS "/sys/fs/bpf/kschannel"
#endif

/* Of a path below it */
#define CTL_PIN_SIZE 256

/**
 * struct ctl_pins - some programs
 * @name: what their directory is called, with a digest of @object behind it: programs of
 *	another version are others
 * @object: the BPF object, as clang has made it
 * @end: its end
 * @map: name of the map in it: a cgroup's id, to a number of 32 bits
 * @pinned_map: what it is called in the directory; pinned last of all
 * @first: what else there was in CTL_PINS itself, before there were directories; ends with NULL
 * @load: pins all else of a loaded object in a directory; returns 0 or a negative errno
 * @attach: NULL, or attaches what goes with a cgroup from a directory to it, or detaches
 *	that; returns 0, also if it is so already, or a negative errno
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
 * struct ctl_pinned_link - a tracing program that is attached for good
 * @program: its name
 * @name: what it is called in the directory
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
