// SPDX-License-Identifier: GPL-2.0-only
/*
 * BPF programs that stay attached after kschannelctl has exited, and a map of their cgroups. Both
 * are pinned in the BPF file system. IDs of cgroups are never reused, so the entry of a removed
 * cgroup does no harm; it is removed when the map is full.
 *
 * Each version of the programs has a directory of its own. Programs of another version stay
 * attached until ours have taken over their cgroups.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
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

#include "ctl/ctl.h"
#include "ctl/pins.h"

#define BPF_FS "/sys/fs/bpf"

/* Separates the name and the digest. The BPF file system allows no dots in names. */
#define SEPARATOR '_'

/* from exportfs; the C library does not define it */
#define FILEID_KERNFS 0xfe

static bool is_fs(const char *path, unsigned int magic)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned int)fs.f_type == magic;
}

/**
 * ctl_cannot_pin() - get the reason why the caller cannot pin such a program on this machine
 * @function: the kernel function that it attaches to
 * Return: the reason, or NULL if it can; "" if the kernel has no such function
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

/**
 * ctl_pin_path() - path of a pinned object
 * @directory: directory of its version
 * @name: its name there
 * @path: gets the path
 * Return: 0 or a negative errno
 */
int ctl_pin_path(const char *directory, const char *name, char path[CTL_PIN_SIZE])
{
	return snprintf(path, CTL_PIN_SIZE, "%s/%s", directory, name) < CTL_PIN_SIZE ?
		       0 :
		       -ENAMETOOLONG;
}

/**
 * ctl_pinned() - open a pinned object
 * @directory: directory of its version
 * @name: its name there
 * Return: a descriptor or a negative errno
 */
int ctl_pinned(const char *directory, const char *name)
{
	char path[CTL_PIN_SIZE];
	int error = ctl_pin_path(directory, name, path), fd;

	if (error)
		return error;
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

static int pin_link(struct bpf_object *object, const char *directory,
		    const struct ctl_pinned_link *pinned)
{
	char path[CTL_PIN_SIZE];
	int error = ctl_pin_path(directory, pinned->name, path);
	struct bpf_link *link;

	if (error)
		return error;
	link = bpf_program__attach(bpf_object__find_program_by_name(object, pinned->program));
	if (!link)
		return -errno;
	/* left by an interrupted load */
	unlink(path);
	error = bpf_link__pin(link, path);
	bpf_link__destroy(link);
	return error;
}

/**
 * ctl_pin_links() - attach tracing programs permanently
 * @object: the loaded object
 * @directory: where to pin the links
 * @links: the programs
 * @n: number of programs
 * Return: 0 or a negative errno
 */
int ctl_pin_links(struct bpf_object *object, const char *directory,
		  const struct ctl_pinned_link *links, size_t n)
{
	int error = 0;

	for (size_t i = 0; i < n && !error; i++)
		error = pin_link(object, directory, &links[i]);
	return error;
}

/* The map is pinned last: if it is there, everything is. */
static int load_and_pin(const struct ctl_pins *pins, struct bpf_object *object,
			const char *directory)
{
	char path[CTL_PIN_SIZE];
	int error = ctl_pin_path(directory, pins->pinned_map, path);

	if (!error)
		error = bpf_object__load(object);
	if (!error)
		error = pins->load(object, directory);
	return error ? error :
		bpf_map__pin(bpf_object__find_map_by_name(object, pins->map), path);
}

static int load(const struct ctl_pins *pins, const char *directory)
{
	struct bpf_object *object;
	int error;

	if (mkdir(directory, 0700) && errno != EEXIST)
		return -errno;
	libbpf_set_print(silent);
	object = bpf_object__open_mem(pins->object, (size_t)(pins->end - pins->object), NULL);
	if (!object)
		return -errno;
	error = load_and_pin(pins, object, directory);
	bpf_object__close(object);
	return error;
}

/* FNV-1a is enough, as only root chooses what is hashed. */
static uint64_t digest(const struct ctl_pins *pins)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (const char *at = pins->object; at < pins->end; at++)
		hash = (hash ^ (unsigned char)*at) * 0x100000001b3;
	return hash;
}

static bool is_pinned(const char *directory, const char *name)
{
	char path[CTL_PIN_SIZE];

	return !ctl_pin_path(directory, name, path) && !access(path, F_OK);
}

/* Calls @fn for each loaded version, usually one, until it returns nonzero. */
static int each_version(const struct ctl_pins *pins, int (*fn)(const char *directory, void *arg),
			void *arg)
{
	const size_t len = strlen(pins->name);
	const struct dirent *entry;
	DIR *all = opendir(CTL_PINS);
	char path[CTL_PIN_SIZE];
	int error = 0;

	if (!all)
		return -errno;
	/* a version from before there were directories */
	if (is_pinned(CTL_PINS, pins->pinned_map))
		error = fn(CTL_PINS, arg);
	while (!error && (entry = readdir(all)))
		if (!strncmp(entry->d_name, pins->name, len) && entry->d_name[len] == SEPARATOR &&
		    !ctl_pin_path(CTL_PINS, entry->d_name, path))
			error = fn(path, arg);
	closedir(all);
	return error;
}

static int open_cgroup(uint64_t id, int flags)
{
	struct {
		struct file_handle head;
		uint64_t id;
	} handle = { .head = { .handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS } };
	int at = open(CTL_CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd, error;

	if (at < 0)
		return -errno;
	memcpy(handle.head.f_handle, &id, sizeof(id));
	fd = open_by_handle_at(at, &handle.head, flags | O_CLOEXEC);
	error = errno;
	close(at);
	return fd < 0 ? -error : fd;
}

/**
 * struct heir - a version that takes over the cgroups of others
 * @pins: the programs
 * @directory: its directory
 * @map: its map
 */
struct heir {
	const struct ctl_pins *pins;
	const char *directory;
	int map;
};

static int move(const struct heir *heir, const char *from, int cgroup)
{
	int error = heir->pins->attach(cgroup, heir->directory, true);

	if (error)
		return error;
	error = heir->pins->attach(cgroup, from, false);
	/* nothing was attached to it */
	return error == -ENOENT ? 0 : error;
}

static int take_cgroup(const struct heir *heir, const char *from, uint64_t id, uint32_t value)
{
	int cgroup = open_cgroup(id, O_RDONLY | O_DIRECTORY), error = 0;

	/* the cgroup is gone */
	if (cgroup == -ESTALE)
		return 0;
	/* this version's own value is newer */
	if (bpf_map_update_elem(heir->map, &id, &value, BPF_NOEXIST) && errno != EEXIST)
		error = -errno;
	/* -EPERM in a container: the other version's programs stay attached to it */
	if (!error && heir->pins->attach && cgroup != -EPERM)
		error = cgroup < 0 ? cgroup : move(heir, from, cgroup);
	if (cgroup >= 0)
		close(cgroup);
	return error;
}

static int take_cgroups(const struct heir *heir, const char *from)
{
	int map = ctl_pinned(from, heir->pins->pinned_map), error = 0;
	uint64_t id, next;
	uint32_t value;
	bool more;

	/* an interrupted load left no map */
	if (map < 0)
		return map == -ENOENT ? 0 : map;
	more = !bpf_map_get_next_key(map, NULL, &next);
	while (more && !error) {
		id = next;
		if (!bpf_map_lookup_elem(map, &id, &value))
			error = take_cgroup(heir, from, id, value);
		more = !bpf_map_get_next_key(map, &id, &next);
	}
	close(map);
	return error;
}

static void drop_first(const struct ctl_pins *pins)
{
	char path[CTL_PIN_SIZE];

	for (size_t i = 0; pins->first[i]; i++)
		if (!ctl_pin_path(CTL_PINS, pins->first[i], path))
			unlink(path);
	if (!ctl_pin_path(CTL_PINS, pins->pinned_map, path))
		unlink(path);
}

static void drop_directory(const char *directory)
{
	DIR *all = opendir(directory);
	const struct dirent *entry;
	char path[CTL_PIN_SIZE];

	while (all && (entry = readdir(all)))
		if (entry->d_name[0] != '.' && !ctl_pin_path(directory, entry->d_name, path))
			unlink(path);
	if (all)
		closedir(all);
	rmdir(directory);
}

/* Both versions stay loaded until the other one has no cgroups left. */
static int inherit(const char *from, void *arg)
{
	const struct heir *heir = arg;
	int error;

	if (!strcmp(from, heir->directory))
		return 0;
	error = take_cgroups(heir, from);
	if (error)
		return error;
	if (strcmp(from, CTL_PINS) != 0)
		drop_directory(from);
	else
		drop_first(heir->pins);
	return 0;
}

/* Loads this version, and removes all others. */
static int take_over(struct heir *heir)
{
	const struct ctl_pins *pins = heir->pins;
	int error = 0;

	if (!is_pinned(heir->directory, pins->pinned_map))
		error = load(pins, heir->directory);
	if (error)
		return error;
	heir->map = ctl_pinned(heir->directory, pins->pinned_map);
	if (heir->map < 0)
		return heir->map;
	error = each_version(pins, inherit, heir);
	if (error)
		close(heir->map);
	return error;
}

/* Only one process at a time changes the pins. */
static int lock(void)
{
	int dir = open(CTL_PINS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), error;

	if (dir < 0)
		return -errno;
	if (!flock(dir, LOCK_EX))
		return dir;
	error = -errno;
	close(dir);
	return error;
}

static bool is_gone(uint64_t id)
{
	int fd = open_cgroup(id, O_PATH);

	if (fd >= 0)
		close(fd);
	return fd == -ESTALE;
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

static int add_id(int map, uint64_t id, uint32_t value)
{
	int error = bpf_map_update_elem(map, &id, &value, BPF_ANY) ? -errno : 0;

	if (error == -E2BIG) {
		forget_gone(map);
		error = bpf_map_update_elem(map, &id, &value, BPF_ANY) ? -errno : 0;
	}
	return error;
}

static int add(const struct ctl_pins *pins, int cgroup, uint64_t id, uint32_t value)
{
	char name[CTL_PIN_SIZE], directory[CTL_PIN_SIZE];
	struct heir heir = { .pins = pins, .directory = directory };
	int error;

	snprintf(name, sizeof(name), "%s%c%016" PRIx64, pins->name, SEPARATOR, digest(pins));
	error = ctl_pin_path(CTL_PINS, name, directory);
	if (!error)
		error = take_over(&heir);
	if (error)
		return error;
	if (pins->attach)
		error = pins->attach(cgroup, directory, true);
	if (!error)
		error = add_id(heir.map, id, value);
	close(heir.map);
	return error;
}

/**
 * ctl_pins_add() - add a cgroup to the programs' map
 * @pins: the programs
 * @cgroup: its directory
 * @value: the value in the map
 * @id: gets the cgroup's ID
 * Return: 0 or a negative errno
 */
int ctl_pins_add(const struct ctl_pins *pins, const char *cgroup, uint32_t value, uint64_t *id)
{
	int error = ctl_cgroup_id(cgroup, id), dir, locked;

	if (error)
		return error;
	if (mkdir(CTL_PINS, 0700) && errno != EEXIST)
		return -errno;
	dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	locked = lock();
	error = locked < 0 ? locked : add(pins, dir, *id, value);
	if (locked >= 0)
		close(locked);
	close(dir);
	return error;
}

/**
 * struct leaver - a cgroup that leaves the programs' map
 * @pins: the programs
 * @dir: its directory, or negative if it was removed
 * @id: its ID
 */
struct leaver {
	const struct ctl_pins *pins;
	int dir;
	uint64_t id;
};

static int drop_cgroup(const char *directory, void *arg)
{
	const struct leaver *cgroup = arg;
	int map = ctl_pinned(directory, cgroup->pins->pinned_map), error = 0;

	/* an interrupted load left no map */
	if (map < 0)
		return map == -ENOENT ? 0 : map;
	if (cgroup->pins->attach && cgroup->dir >= 0)
		error = cgroup->pins->attach(cgroup->dir, directory, false);
	if (!error && bpf_map_delete_elem(map, &cgroup->id) && errno != ENOENT)
		error = -errno;
	close(map);
	return error;
}

/**
 * ctl_pins_remove() - undo ctl_pins_add(), of any version
 * @pins: the programs
 * @cgroup: its directory, NULL if it was removed
 * @id: its ID
 * Return: 0, also if there is nothing to undo, or a negative errno
 */
int ctl_pins_remove(const struct ctl_pins *pins, const char *cgroup, uint64_t id)
{
	struct leaver leaver = { .pins = pins, .dir = -1, .id = id };
	int locked, error;

	if (cgroup) {
		leaver.dir = open(cgroup, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (leaver.dir < 0)
			return -errno;
	}
	locked = lock();
	error = locked < 0 ? locked : each_version(pins, drop_cgroup, &leaver);
	if (locked >= 0)
		close(locked);
	if (leaver.dir >= 0)
		close(leaver.dir);
	return error == -ENOENT ? 0 : error;
}

/**
 * ctl_cgroup_id() - get a cgroup's ID, the inode number of its directory
 * @cgroup: its directory
 * @id: gets the ID
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
