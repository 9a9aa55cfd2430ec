// SPDX-License-Identifier: GPL-2.0-only
/* Files that the configuration names, read directly or taken from what was handed over. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config/find.h"
#include "config/handed.h"
#include "config/read.h"
#include "config/way.h"

static int read_directly(struct ksc_file *file, const char *path)
{
	struct stat st;
	const int fd = ksc_file_open(path, &st);
	int rc;

	if (fd < 0)
		return fd;
	rc = ksc_file_take(file, fd);
	if (!rc)
		rc = ksc_way_find(&file->way, fd, path, &st);
	close(fd);
	return rc;
}

/**
 * ksc_file_fault() - say what is wrong with a file
 * @error: a positive errno, or 0
 *
 * Return: the text, or NULL
 */
const char *ksc_file_fault(int error)
{
	switch (error) {
	case 0:
		return NULL;
	case EISDIR:
		return "this is a directory";
	case EMEDIUMTYPE:
		return "this is no regular file";
	case EFBIG:
		return "this is larger than 16 MiB";
	}
	return ksc_handed_fault(error);
}

/**
 * ksc_file_find() - read a file, or find it among those that were handed over
 * @file: filled in; to be freed whatever comes of it
 * @path: its name, which has to outlive @file
 *
 * Return: 0 or a negative errno
 */
int ksc_file_find(struct ksc_file *file, const char *path)
{
	const struct ksc_handed *handed = ksc_handed_used();
	int rc;

	memset(file, 0, sizeof(*file));
	rc = handed ? ksc_handed_file(handed, path, file) : read_directly(file, path);
	file->path = path;
	return rc;
}

/**
 * ksc_file_read() - likewise, and say what is wrong with it
 * @file: filled in; to be freed whatever comes of it
 * @path: its name, which has to outlive @file
 * @why: set to what is wrong
 *
 * Return: 0 or -1
 */
int ksc_file_read(struct ksc_file *file, const char *path, const char **why)
{
	*why = ksc_file_fault(-ksc_file_find(file, path));
	return *why ? -1 : 0;
}
