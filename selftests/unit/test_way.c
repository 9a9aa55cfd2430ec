// SPDX-License-Identifier: GPL-2.0-only
/* way.c: the directories above a file, also while another process renames them. */
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "config/read.h"
#include "config/way.h"

char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);
int __real_stat(const char *path, struct stat *st);
int __wrap_stat(const char *path, struct stat *st);

static char dir[32];
static char key[64];
static char name[64];
static char other[64];
static bool moving;

/* "name" is a link to the secret directory, and "other" an open one; or the other way round. */
static void flip(void)
{
	if (moving)
		assert_int_equal(renameat2(AT_FDCWD, name, AT_FDCWD, other, RENAME_EXCHANGE), 0);
}

/* By the name, the open directory is found; by what is found, the secret one. */
char *__wrap_realpath(const char *path, char *resolved)
{
	char *found;

	flip();
	found = __real_realpath(path, resolved);
	flip();
	return found;
}

/* And when that is known, the open one again. */
int __wrap_stat(const char *path, struct stat *st)
{
	const int rc = __real_stat(path, st);

	if (!strcmp(path, key))
		flip();
	return rc;
}

static void make_file(const char *directory, mode_t mode)
{
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "%s/key", directory);
	assert_int_equal(mkdir(directory, 0755), 0);
	fd = open(path, O_CREAT | O_WRONLY, 0644);
	assert_true(fd >= 0);
	assert_int_equal(fchmod(fd, 0644) | close(fd) | chmod(directory, mode), 0);
}

static int set_up(void **state)
{
	char secret[64];

	(void)state;
	strcpy(dir, "/tmp/ksc-way-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	snprintf(name, sizeof(name), "%s/name", dir);
	snprintf(other, sizeof(other), "%s/other", dir);
	snprintf(key, sizeof(key), "%s/name/key", dir);
	make_file(secret, 0700);
	make_file(other, 0755);
	return symlink(secret, name);
}

static int tear_down(void **state)
{
	char command[64];

	(void)state;
	moving = false;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void find(struct ksc_way *way, const char *path)
{
	struct stat st;
	const int fd = ksc_file_open(path, &st);

	assert_true(fd >= 0);
	memset(way, 0, sizeof(*way));
	assert_int_equal(ksc_way_find(way, fd, path, &st), 0);
	assert_int_equal(way->file.mode & 07777, 0644);
	close(fd);
}

/* Each directory up to the root is there, by its real name. */
static void all(void **state)
{
	const char *const above[] = { "secret", "", "..", "../.." };
	char path[80];
	struct ksc_way way;
	struct stat st;
	size_t i;

	(void)state;
	find(&way, key);
	assert_true(way.known);
	assert_int_equal(way.n, 4);
	for (i = 0; i < way.n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, above[i]);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(way.doors[i].mode, st.st_mode);
		assert_int_equal(way.doors[i].uid, st.st_uid);
		assert_int_equal(way.doors[i].gid, st.st_gid);
		assert_false(way.doors[i].has_acl);
	}
	ksc_way_free(&way);
}

/* A key in a directory that only root may enter does not count as accessible to everyone. */
static void change_places(void **state)
{
	struct ksc_way way;

	(void)state;
	moving = true;
	find(&way, key);
	if (way.known)
		assert_int_equal(way.doors[0].mode & 07777, 0700);
	ksc_way_free(&way);
}

/* What has got the name meanwhile is another file. */
static void replaced(void **state)
{
	struct ksc_way way = { 0 };
	struct stat st;
	const int fd = ksc_file_open(key, &st);

	(void)state;
	assert_true(fd >= 0);
	moving = true;
	flip();
	moving = false;
	assert_int_equal(ksc_way_find(&way, fd, key, &st), 0);
	assert_false(way.known);
	ksc_way_free(&way);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(all, set_up, tear_down),
		cmocka_unit_test_setup_teardown(change_places, set_up, tear_down),
		cmocka_unit_test_setup_teardown(replaced, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("way", tests, NULL, NULL);
}
