// SPDX-License-Identifier: GPL-2.0
/*
 * Cgroups whose TCP sockets are ours, by a BPF program.
 *
 * There is one program for all of them, with a map of their ids; both stay in the BPF
 * file system when we are gone. An id is never used again, so that of a cgroup that is
 * gone does no harm; it makes room when there is none.
 */
#include <err.h>
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
#include <bpf/libbpf.h>

#include "ctl.h"
#include "scope.h"

#define HOOK "update_socket_protocol"
#define BPF_FS "/sys/fs/bpf"
#define PINS BPF_FS "/kschannel"
#define PINNED_MAP PINS "/scopes"
#define PINNED_LINK PINS "/socket"

/* of exportfs; the C library does not know it */
#define FILEID_KERNFS 0xfe

extern const char ctl_bpf_object[], ctl_bpf_object_end[];

static bool is_fs(const char *path, unsigned int magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned int)fs.f_type == magic;
}

/**
 * ctl_cannot_scope() - why there is no BPF way on this machine, for this caller
 * Return: the reason, or NULL if there is one
 */
const char *ctl_cannot_scope(void)
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
	hook = btf__find_by_name_kind(btf, HOOK, BTF_KIND_FUNC);
	btf__free(btf);
	return hook < 0 ? "the kernel has no " HOOK "(), which Linux 6.6 came with" : NULL;
}

static int silent(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_WARN && getenv("KSCHANNEL_DEBUG") ? vfprintf(stderr, format, args) :
								    0;
}

static int pin(struct bpf_object *object)
{
	struct bpf_program *program = bpf_object__find_program_by_name(object, "ksc_socket");
	struct bpf_map *map = bpf_object__find_map_by_name(object, "ksc_scopes");
	struct bpf_link *link;
	int error;

	/* of one that did not get to its end */
	unlink(PINNED_MAP);
	error = bpf_object__load(object);
	if (!error)
		error = bpf_map__pin(map, PINNED_MAP);
	if (error)
		return error;
	link = bpf_program__attach(program);
	if (!link)
		return -errno;
	error = bpf_link__pin(link, PINNED_LINK);
	bpf_link__destroy(link);
	return error;
}

static int load(void)
{
	struct bpf_object *object;
	int error;

	libbpf_set_print(silent);
	object = bpf_object__open_mem(ctl_bpf_object,
				      (size_t)(ctl_bpf_object_end - ctl_bpf_object), NULL);
	if (!object)
		return -errno;
	error = pin(object);
	bpf_object__close(object);
	return error;
}

/* The map of a program that is at work. */
static int open_map(void)
{
	int dir, fd = -1, error = 0;

	if (mkdir(PINS, 0700) && errno != EEXIST)
		return -errno;
	dir = open(PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	/* two that are the first */
	if (flock(dir, LOCK_EX))
		error = -errno;
	if (!error && access(PINNED_LINK, F_OK))
		error = load();
	if (!error) {
		fd = bpf_obj_get(PINNED_MAP);
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

/* A cgroup's id is the number of its directory. */
static int id_of(const char *cgroup, uint64_t *id)
{
	struct stat st;

	_Static_assert(sizeof(st.st_ino) == sizeof(*id), "a cgroup's id has 64 bits");
	if (stat(cgroup, &st))
		return -errno;
	*id = st.st_ino;
	return 0;
}

/**
 * ctl_scope_add() - have the TCP sockets of a cgroup be ours from now on
 * @cgroup: its directory
 * @protocol: IPPROTO_KSCHANNEL or IPPROTO_KSCHANNEL_POLICY
 * @id: where to put the cgroup's id
 * Return: 0 or a negative errno
 */
int ctl_scope_add(const char *cgroup, uint32_t protocol, uint64_t *id)
{
	int map, error;

	error = id_of(cgroup, id);
	if (error)
		return error;
	map = open_map();
	if (map < 0)
		return map;
	error = bpf_map_update_elem(map, id, &protocol, BPF_ANY) ? -errno : 0;
	if (error == -E2BIG) {
		forget_gone(map);
		error = bpf_map_update_elem(map, id, &protocol, BPF_ANY) ? -errno : 0;
	}
	close(map);
	return error;
}

/**
 * ctl_scope_remove() - undo ctl_scope_add()
 * @id: the cgroup's
 */
void ctl_scope_remove(uint64_t id)
{
	int map = bpf_obj_get(PINNED_MAP);

	if (map < 0)
		return;
	bpf_map_delete_elem(map, &id);
	close(map);
}

/**
 * ctl_own_cgroup() - the directory of the cgroup that this process is in
 * @path: where to put it
 * Return: 0 or a negative errno
 */
int ctl_own_cgroup(char path[PATH_MAX])
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX];
	int error = -ENOENT;

	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, "0::", 3) != 0)
			continue;
		line[strcspn(line, "\n")] = '\0';
		error = snprintf(path, PATH_MAX, CTL_CGROUPS "%s", line + 3) < PATH_MAX ?
				0 :
				-ENAMETOOLONG;
	}
	fclose(file);
	return error;
}
