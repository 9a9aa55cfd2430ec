// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that the configuration names. They are opened once, and everything that is known
 * of them is of what was opened then: not of what the name stands for a moment later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "file.h"

#define FIRST_ROOM	4096

static bool confined;

/**
 * ksc_file_confine() - say what keeps files from being read
 * @by_directory: from now on, only those in certain directories can be
 */
void ksc_file_confine(bool by_directory)
{
	confined = by_directory;
}

static const char *kind_fault(mode_t mode)
{
	if (S_ISREG(mode))
		return NULL;
	return S_ISDIR(mode) ? "this is a directory" : "this is no regular file";
}

static int more_room(gnutls_datum_t *data, size_t *room)
{
	size_t bigger = *room ? 2 * *room : FIRST_ROOM;
	uint8_t *p = malloc(bigger);

	if (!p)
		return -ENOMEM;
	/* realloc() would leave a part of a key behind. */
	if (data->data) {
		memcpy(p, data->data, data->size);
		gnutls_memset(data->data, 0, data->size);
		free(data->data);
	}
	data->data = p;
	*room = bigger;
	return 0;
}

static int read_all(int fd, gnutls_datum_t *data)
{
	size_t room = 0;
	ssize_t len;

	do {
		if (data->size + 1 >= room && more_room(data, &room))
			return -ENOMEM;
		len = read(fd, data->data + data->size, room - 1 - data->size);
		if (len < 0)
			return -errno;
		data->size += (unsigned int)len;
		if (data->size > KSC_MAX_FILE)
			return -EFBIG;
	} while (len);
	data->data[data->size] = '\0';
	return 0;
}

/**
 * ksc_file_acl_counts() - whether there is an ACL that a mode does not tell
 * @len: what getxattr() has returned for it
 * @error: its errno
 *
 * Return: true also where that is not known
 */
bool ksc_file_acl_counts(ssize_t len, int error)
{
	return len >= 0 || (error != ENODATA && error != EOPNOTSUPP);
}

/**
 * ksc_file_read() - read a file
 * @file: filled in; to be freed whatever comes of it
 * @path: its name, which has to outlive @file
 * @why: set to what is wrong
 *
 * Only regular files are read: others may never end, or block.
 *
 * Return: 0 or -1
 */
int ksc_file_read(struct ksc_file *file, const char *path, const char **why)
{
	int fd, rc = 0;

	memset(file, 0, sizeof(*file));
	file->path = path;
	*why = NULL;
	/* O_NONBLOCK: a FIFO without a writer would have us wait for one. */
	fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &file->st)) {
		rc = -errno;
	} else {
		*why = kind_fault(file->st.st_mode);
		if (!*why) {
			file->has_acl = ksc_file_acl_counts(fgetxattr(fd, KSC_FILE_ACL, NULL, 0),
							    errno);
			rc = read_all(fd, &file->data);
		}
	}
	if (fd >= 0)
		close(fd);
	if (rc == -EFBIG)
		*why = "this is larger than 16 MiB";
	else if (rc == -EACCES && confined)
		*why = "Permission denied; only directories named at the start are read from";
	else if (rc)
		*why = strerror(-rc);
	return *why ? -1 : 0;
}

/**
 * ksc_file_free() - forget what was read, which may be a key
 * @file: the file
 */
void ksc_file_free(struct ksc_file *file)
{
	if (file->data.data) {
		gnutls_memset(file->data.data, 0, file->data.size);
		free(file->data.data);
	}
	file->data.data = NULL;
	file->data.size = 0;
}
