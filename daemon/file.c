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
#include <unistd.h>

#include "file.h"
#include "handed.h"

#define FIRST_ROOM	4096

static int more_room(gnutls_datum_t *data, size_t *room)
{
	size_t bigger = *room ? 2 * *room : FIRST_ROOM;
	uint8_t *p = malloc(bigger);

	if (!p)
		return -ENOMEM;
	/* realloc() would leave a part of a key behind. */
	if (data->data) {
		memcpy(p, data->data, data->size);
		explicit_bzero(data->data, data->size);
		free(data->data);
	}
	data->data = p;
	*room = bigger;
	return 0;
}

/* From its beginning, wherever the descriptor is, which others may have too. */
static int read_all(int fd, gnutls_datum_t *data)
{
	size_t room = 0;
	ssize_t len;

	do {
		if (data->size + 1 >= room && more_room(data, &room))
			return -ENOMEM;
		len = pread(fd, data->data + data->size, room - 1 - data->size, data->size);
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
 * ksc_file_open() - open a file
 * @path: its name
 * @st: set to what it is
 *
 * Only regular files are opened: others may never end, or block.
 *
 * Return: a descriptor; or a negative errno, for other kinds -EISDIR or -EMEDIUMTYPE
 */
int ksc_file_open(const char *path, struct stat *st)
{
	/* O_NONBLOCK: a FIFO without a writer would have us wait for one. */
	const int fd = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, st))
		rc = -errno;
	else if (!S_ISREG(st->st_mode))
		rc = S_ISDIR(st->st_mode) ? -EISDIR : -EMEDIUMTYPE;
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/**
 * ksc_file_take() - read a file that is open
 * @file: zeroed; filled in but for its name and way, and to be freed whatever comes of it
 * @fd: the file, regular
 *
 * Return: 0 or a negative errno
 */
int ksc_file_take(struct ksc_file *file, int fd)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	return S_ISREG(st.st_mode) ? read_all(fd, &file->data) : -EMEDIUMTYPE;
}

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

/**
 * ksc_file_free() - forget what was read, which may be a key
 * @file: the file
 */
void ksc_file_free(struct ksc_file *file)
{
	if (file->data.data && !file->borrowed) {
		explicit_bzero(file->data.data, file->data.size);
		free(file->data.data);
	}
	file->data.data = NULL;
	file->data.size = 0;
	if (!file->borrowed)
		ksc_way_free(&file->way);
}
