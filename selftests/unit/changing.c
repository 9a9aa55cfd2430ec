// SPDX-License-Identifier: GPL-2.0-only
/* A directory of a test's, and changes of files in it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "changing.h"
#include "process/log.h"

char dir[CHANGING_PATH];

/* A name in the test's directory; four are kept. */
const char *in(const char *name)
{
	static char paths[4][128];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
	return path;
}

int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-watch-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

int remove_dir(void **state)
{
	char command[64];

	(void)state;
	ksc_log_open(STDERR_FILENO);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): our own names */
}

void put(const char *name)
{
	FILE *f = fopen(in(name), "w");

	assert_non_null(f);
	assert_true(fputs("x", f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As little as is an event */
void touch(const char *name)
{
	const int fd = open(in(name), O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	close(fd);
}

void make(const char *name)
{
	assert_int_equal(mkdir(in(name), 0755), 0);
}

void move(const char *from, const char *to)
{
	assert_int_equal(rename(in(from), in(to)), 0);
}

void drop(const char *name)
{
	assert_int_equal(unlink(in(name)), 0);
}

void a_file(void)
{
	make("a");
	put("a/file");
}

void read_line(const char *path, char line[512])
{
	FILE *f = fopen(path, "r");

	assert_non_null(f);
	assert_non_null(fgets(line, 512, f));
	fclose(f);
}
