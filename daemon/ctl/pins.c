// SPDX-License-Identifier: GPL-2.0
/*
 * BPF programs that stay at work when we are gone, with a map of the cgroups they are
 * for. Both are in the BPF file system. An id is never used again, so that of a cgroup
 * that is gone does no harm; it makes room when there is none.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "ctl.h"
#include "pins.h"

#define BPF_FS "/sys/fs/bpf"

/* of exportfs; the C library does not know it */
#define FILEID_KERNFS 0xfe

static bool is_fs(const char *path, unsigned int magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned int)fs.f_type == magic;
}

/**
 * ctl_cannot_pin() - why there can be no such program on this machine, for this caller
 * @function: the kernel's function that it is about
 * Return: the reason, or NULL if it can be; "" if the kernel has no such function
 */
const char *ctl_cannot_pin(const char *function)
{
	struct btf *btf;
	int hook;

	if (geteuid())
		return "only root can load a BPF program";
	if (!is_fs(CTL_CGROUPS, CGROUP2_SUPER_MAGIC))
		return "there is no cgroup v2 at " CTL_CGROUPS;
	if (!is_fs(BPF_FS, BPF_FS_MAGIC))
		return "there is no BPF file system at " BPF_FS;
	btf = btf__load_vmlinux_btf();
	if (!btf)
		return "the kernel does not describe its types";
	hook = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	btf__free(btf);
	return hook < 0 ? "" : NULL;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("KSCHANNEL_DEBUG") ? vfprintf(stderr, format, args) :
								    0;
}

static int pin_link(struct bpf_object *object, const struct ctl_pinned_link *pinned)
{
	struct bpf_link *link =
		bpf_program__attach(bpf_object__find_program_by_name(object, pinned->program));
	int error;

	if (!link)
		return -errno;
	/* of one that did not get to its end */
	unlink(pinned->path);
	error = bpf_link__pin(link, pinned->path);
	bpf_link__destroy(link);
	return error;
}

/**
 * ctl_pin_links() - attach tracing programs for good
 * @object: loaded
 * @links: which, and where
 * @n: how many
 * Return: 0 or a negative errno
 */
int ctl_pin_links(struct bpf_object *object, const struct ctl_pinned_link *links, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && !error; i++)
		error = pin_link(object, &links[i]);
	return error;
}

static int load_and_pin(const struct ctl_pins *pins, struct bpf_object *object)
{
	int error;

	/* of one that did not get to its end */
	unlink(pins->pinned_map);
	error = bpf_object__load(object);
	if (!error)
		error = bpf_map__pin(bpf_object__find_map_by_name(object, pins->map),
				     pins->pinned_map);
	return error ? error : pins->load(object);
}

static int load(const struct ctl_pins *pins)
{
	struct bpf_object *object;
	int error;

	libbpf_set_print(silent);
	object = bpf_object__open_mem(pins->object, (size_t)(pins->end - pins->object), NULL);
	if (!object)
		return -errno;
	error = load_and_pin(pins, object);
	bpf_object__close(object);
	return error;
}

/**
 * ctl_pins_open() - have the programs at work
 * @pins: which
 * Return: a descriptor of the map, or a negative errno
 */
int ctl_pins_open(const struct ctl_pins *pins)
{
	int dir, fd = -1, error = 0;

	if (mkdir(CTL_PINS, 0700) && errno != EEXIST)
		return -errno;
	dir = open(CTL_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	/* two that are the first */
	if (flock(dir, LOCK_EX))
		error = -errno;
	if (!error && access(pins->last, F_OK))
		error = load(pins);
	if (!error) {
		fd = bpf_obj_get(pins->pinned_map);
		error = fd < 0 ? -errno : 0;
	}
	close(dir);
	return error ? error : fd;
}

static bool is_gone(uint64_t id)
{
	struct {
		struct file_handle head;
		uint64_t id;
	} handle = { .head = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	int at = open(CTL_CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;

	if (at < 0)
		return false;
	memcpy(handle.head.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(at, &handle.head, O_PATH | O_CLOEXEC);
	close(at);
	if (fd >= 0)
		close(fd);
	return fd < 0 && errno == ESTALE;
}

static void forget_gone(int map)
{
	uint64_t id, next;
	bool more = !bpf_map_get_next_key(map, NULL, &next);

	while (more) {
		id = next;
		more = !bpf_map_get_next_key(map, &id, &next);
		if (is_gone(id))
			bpf_map_delete_elem(map, &id);
	}
}

/**
 * ctl_pins_add() - have the programs take care of one more cgroup
 * @map: of ctl_pins_open()
 * @id: the cgroup's
 * @value: what they are told about it
 * Return: 0 or a negative errno
 */
int ctl_pins_add(int map, uint64_t id, uint32_t value)
{
	int error = bpf_map_update_elem(map, &id, &value, BPF_ANY) ? -errno : 0;

	if (error == -E2BIG) {
		forget_gone(map);
		error = bpf_map_update_elem(map, &id, &value, BPF_ANY) ? -errno : 0;
	}
	return error;
}

/**
 * ctl_cgroup_id() - a cgroup's id, which is the number of its directory
 * @cgroup: its directory
 * @id: where to put it
 * Return: 0 or a negative errno
 */
int ctl_cgroup_id(const char *cgroup, uint64_t *id)
{
	struct stat st;

	_Static_assert(sizeof(st.st_ino) == sizeof(*id), "a cgroup's id has 64 bits");
	if (stat(cgroup, &st))
		return -errno;
	*id = st.st_ino;
	return 0;
}
