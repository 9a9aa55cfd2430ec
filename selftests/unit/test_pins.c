// SPDX-License-Identifier: GPL-2.0-only
/*
 * BPF programs that stay attached, and other versions of them, left by an older kschannelctl.
 * Files stand for pinned objects: one of a map says which it is.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "ctl/pins.h"

#define N_MAPS	8
#define N_IDS	8
/* Of a cgroup that was removed */
#define GONE	77

/* ---- the kernel, and libbpf ---- */

static struct map {
	uint64_t ids[N_IDS];
	uint32_t values[N_IDS];
	size_t n;
} maps[N_MAPS];

static unsigned int n_maps, loads, links_left;
static bool no_handles;
/* what has happened, by a letter each */
static char story[256];

static void tell(char what)
{
	const size_t len = strlen(story);

	assert_true(len + 1 < sizeof(story));
	story[len] = what;
	story[len + 1] = '\0';
}

static int pin_file(const char *path, unsigned int number)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;
	assert_int_equal(write(fd, &number, sizeof(number)), sizeof(number));
	close(fd);
	return 0;
}

static struct map *map_of(int fd)
{
	unsigned int number;

	assert_int_equal(pread(fd, &number, sizeof(number), 0), sizeof(number));
	assert_true(number < n_maps);
	return &maps[number];
}

static size_t find(const struct map *map, uint64_t id)
{
	size_t i = 0;

	while (i < map->n && map->ids[i] != id)
		i++;
	return i;
}

int bpf_obj_get(const char *path)
{
	return open(path, O_RDONLY | O_CLOEXEC);
}

int bpf_map_get_next_key(int fd, const void *key, void *next)
{
	const struct map *map = map_of(fd);
	size_t i = key ? find(map, *(const uint64_t *)key) + 1 : 0;

	if (i >= map->n)
		return -1;
	*(uint64_t *)next = map->ids[i];
	return 0;
}

int bpf_map_lookup_elem(int fd, const void *key, void *value)
{
	const struct map *map = map_of(fd);
	size_t i = find(map, *(const uint64_t *)key);

	if (i == map->n)
		return -1;
	*(uint32_t *)value = map->values[i];
	return 0;
}

int bpf_map_update_elem(int fd, const void *key, const void *value, __u64 flags)
{
	struct map *map = map_of(fd);
	size_t i = find(map, *(const uint64_t *)key);

	errno = i < map->n ? EEXIST : E2BIG;
	if (i < map->n ? flags == BPF_NOEXIST : i == N_IDS)
		return -1;
	map->ids[i] = *(const uint64_t *)key;
	map->values[i] = *(const uint32_t *)value;
	map->n += i == map->n;
	return 0;
}

int bpf_map_delete_elem(int fd, const void *key)
{
	struct map *map = map_of(fd);
	size_t i = find(map, *(const uint64_t *)key);

	errno = ENOENT;
	if (i == map->n)
		return -1;
	map->n--;
	map->ids[i] = map->ids[map->n];
	map->values[i] = map->values[map->n];
	return 0;
}

struct bpf_object *bpf_object__open_mem(const void *data, size_t size,
					const struct bpf_object_open_opts *opts)
{
	(void)size;
	(void)opts;
	return (struct bpf_object *)data;
}

int bpf_object__load(struct bpf_object *object)
{
	(void)object;
	assert_true(n_maps < N_MAPS);
	maps[n_maps++].n = 0;
	loads++;
	return 0;
}

void bpf_object__close(struct bpf_object *object)
{
	(void)object;
}

struct bpf_map *bpf_object__find_map_by_name(const struct bpf_object *object, const char *name)
{
	(void)object;
	assert_string_equal(name, "map");
	return (struct bpf_map *)&maps[n_maps - 1];
}

int bpf_map__pin(struct bpf_map *map, const char *path)
{
	return pin_file(path, (unsigned int)((struct map *)map - maps));
}

struct bpf_program *bpf_object__find_program_by_name(const struct bpf_object *object,
						     const char *name)
{
	(void)object;
	return (struct bpf_program *)name;
}

struct bpf_link *bpf_program__attach(const struct bpf_program *program)
{
	errno = ENOMEM;
	return links_left && links_left-- ? (struct bpf_link *)program : NULL;
}

int bpf_link__pin(struct bpf_link *link, const char *path)
{
	(void)link;
	return pin_file(path, 0);
}

int bpf_link__destroy(struct bpf_link *link)
{
	(void)link;
	return 0;
}

libbpf_print_fn_t libbpf_set_print(libbpf_print_fn_t fn)
{
	return fn;
}

struct btf *btf__load_vmlinux_btf(void)
{
	return NULL;
}

int btf__find_by_name_kind(const struct btf *btf, const char *name, unsigned int kind)
{
	(void)btf;
	(void)name;
	(void)kind;
	return -ENOENT;
}

void btf__free(struct btf *btf)
{
	(void)btf;
}

int __wrap_open_by_handle_at(int fd, struct file_handle *handle, int flags);

int __wrap_open_by_handle_at(int fd, struct file_handle *handle, int flags)
{
	uint64_t id;

	(void)fd;
	memcpy(&id, handle->f_handle, sizeof(id));
	errno = no_handles ? EPERM : ESTALE;
	return no_handles || id == GONE ? -1 : open("/", flags);
}

/* ---- what is pinned ---- */

static const char *const names[] = { "early", "late", NULL };

static int pin(struct bpf_object *object, const char *directory)
{
	static const struct ctl_pinned_link links[] = { { "a", "early" }, { "b", "late" } };

	return ctl_pin_links(object, directory, links, 2);
}

static bool exists(const char *name)
{
	char path[CTL_PIN_SIZE];

	assert_int_equal(ctl_pin_path(CTL_PINS, name, path), 0);
	return !access(path, F_OK);
}

/* Whichever is taken over is whole still. */
static int attach(int cgroup, const char *directory, bool attaches)
{
	const bool first = !strcmp(directory, CTL_PINS);

	assert_true(cgroup >= 0);
	if (strstr(directory, "_0")) {
		tell(attaches ? 'O' : 'o');
		assert_true(exists("some_0/map") && exists("some_0/other"));
	} else {
		tell(first ? attaches ? 'F' : 'f' : attaches ? 'A' : 'd');
		assert_true(!first || exists("late"));
	}
	return 0;
}

static const char object[] = "an object", changed[] = "another one";

static struct ctl_pins programs(const char *of, size_t size)
{
	return (struct ctl_pins) {
		.name = "some", .object = of, .end = of + size, .map = "map", .pinned_map = "map",
		.first = names, .load = pin, .attach = attach,
	};
}

/* What another version has left: its map has one id, and that of a cgroup that is gone */
static void leave(const char *directory, const char *other, uint64_t id)
{
	static const char *const all[] = { "map", "early" };
	struct map *map = &maps[n_maps];
	char path[CTL_PIN_SIZE];

	*map = (struct map) { { GONE, id }, { 7, 7 }, 2 };
	assert_true(!mkdir(directory, 0700) || errno == EEXIST);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(ctl_pin_path(directory, i < 2 ? all[i] : other, path), 0);
		assert_int_equal(pin_file(path, n_maps), 0);
	}
	n_maps++;
}

static int setup(void **state)
{
	(void)state;
	n_maps = 0;
	loads = 0;
	links_left = 100;
	no_handles = false;
	story[0] = '\0';
	/* NOLINTNEXTLINE(cert-env33-c): no untrusted text */
	return system("rm -rf " CTL_PINS);
}

static const struct map *last_map(void)
{
	return &maps[n_maps - 1];
}

static void assert_value(uint64_t id, uint32_t value)
{
	const struct map *map = last_map();
	size_t i = find(map, id);

	assert_true(i < map->n);
	assert_int_equal(map->values[i], value);
}

/* How many there are; a BPF file system takes no names with dots. */
static unsigned int versions(void)
{
	DIR *all = opendir(CTL_PINS);
	const struct dirent *entry;
	unsigned int n = 0;

	assert_non_null(all);
	while ((entry = readdir(all))) {
		assert_true(entry->d_name[0] == '.' || !strchr(entry->d_name, '.'));
		n += !strncmp(entry->d_name, "some_", 5);
	}
	closedir(all);
	return n;
}

static void loaded_once(void **state)
{
	const struct ctl_pins pins = programs(object, sizeof(object));
	uint64_t root, tmp;

	(void)state;
	assert_int_equal(ctl_pins_add(&pins, "/", 1, &root), 0);
	assert_int_equal(ctl_pins_add(&pins, "/tmp", 2, &tmp), 0);
	assert_int_equal(ctl_pins_add(&pins, "/tmp", 3, &tmp), 0);
	assert_int_equal(loads, 1);
	assert_value(root, 1);
	assert_value(tmp, 3);
	assert_string_equal(story, "AAA");
	assert_int_equal(ctl_pins_remove(&pins, "/tmp", tmp), 0);
	assert_int_equal(ctl_pins_remove(&pins, NULL, root), 0);
	assert_int_equal(ctl_pins_remove(&pins, NULL, root), 0);
	assert_int_equal(last_map()->n, 0);
	assert_string_equal(story, "AAAd");
	assert_int_equal(versions(), 1);
}

/*
 * The directories of two others, and the layout without directories; programs of another
 * name are ignored.
 */
static void others_taken_over(void **state)
{
	const struct ctl_pins pins = programs(object, sizeof(object));
	const struct ctl_pins next = programs(changed, sizeof(changed));
	uint64_t id;

	(void)state;
	assert_int_equal(ctl_pins_add(&pins, "/", 1, &id), 0);
	leave(CTL_PINS, "late", 55);
	leave(CTL_PINS "/some_0", "other", 66);
	leave(CTL_PINS "/something", "map2", 88);
	story[0] = '\0';
	assert_int_equal(ctl_pins_add(&next, "/", 2, &id), 0);
	assert_int_equal(loads, 2);
	assert_value(55, 7);
	assert_value(66, 7);
	assert_value(id, 2);
	assert_int_equal(last_map()->n, 3);
	assert_false(exists("map") || exists("early") || exists("late") || exists("some_0"));
	assert_true(exists("something/map2"));
	assert_int_equal(versions(), 1);
	/* nothing is detached before ours is attached */
	assert_non_null(strstr(story, "Af"));
	assert_non_null(strstr(story, "Ao"));
	assert_non_null(strstr(story, "Ad"));
	assert_int_equal(strlen(story), 7);
	/* and back */
	assert_int_equal(ctl_pins_add(&pins, "/", 3, &id), 0);
	assert_value(55, 7);
	assert_value(id, 3);
}

/* One that is interrupted leaves the other attached, and does not block later ones. */
static void broken_off(void **state)
{
	const struct ctl_pins pins = programs(object, sizeof(object));
	uint64_t id;

	(void)state;
	leave(CTL_PINS, "late", 55);
	links_left = 1;
	assert_int_equal(ctl_pins_add(&pins, "/", 1, &id), -ENOMEM);
	assert_true(exists("map") && exists("early") && exists("late"));
	assert_int_equal(ctl_pins_remove(&pins, NULL, 55), 0);
	assert_int_equal(maps[0].n, 1);
	leave(CTL_PINS "/some_0", "other", 66);
	links_left = 100;
	assert_int_equal(ctl_pins_add(&pins, "/", 1, &id), 0);
	assert_value(66, 7);
	assert_value(id, 1);
	assert_int_equal(last_map()->n, 2);
	assert_false(exists("map") || exists("some_0"));
}

/* A container has no cgroup's handle: what is attached stays, all else is ours. */
static void without_handles(void **state)
{
	const struct ctl_pins pins = programs(object, sizeof(object));
	uint64_t id;

	(void)state;
	leave(CTL_PINS, "late", 55);
	no_handles = true;
	assert_int_equal(ctl_pins_add(&pins, "/", 1, &id), 0);
	assert_value(55, 7);
	assert_false(exists("map"));
	assert_string_equal(story, "A");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(loaded_once, setup),
		cmocka_unit_test_setup(others_taken_over, setup),
		cmocka_unit_test_setup(broken_off, setup),
		cmocka_unit_test_setup(without_handles, setup),
	};

	return cmocka_run_group_tests_name("pins", tests, NULL, NULL);
}
