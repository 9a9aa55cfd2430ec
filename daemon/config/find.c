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
 * ksc_file_fault() - describe an error of a file
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
		return "is a directory";
	case EMEDIUMTYPE:
		return "not a regular file";
	case EFBIG:
		return "larger than 16 MiB";
	}
	return ksc_handed_fault(error);
}

/**
 * ksc_file_find() - find a file among those that were handed over, or read it
 * @file: filled in; the caller frees it, also after an error
 * @path: its path, not copied
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
 * ksc_file_read() - find or read a file, and describe the error
 * @file: filled in; the caller frees it, also after an error
 * @path: its path, not copied
 * @why: set to the error, or NULL
 *
 * Return: 0 or -1
 */
int ksc_file_read(struct ksc_file *file, const char *path, const char **why)
{
	*why = ksc_file_fault(-ksc_file_find(file, path));
	return *why ? -1 : 0;
}
