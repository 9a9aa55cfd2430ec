// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads files that the configuration names. They are opened once, and everything that is known of
 * them is of the opened file, not of a file that has the name later.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/read.h"

#define FIRST_ROOM	4096

static int more_room(gnutls_datum_t *data, size_t *room)
{
	size_t bigger = *room ? 2 * *room : FIRST_ROOM;
	uint8_t *p = malloc(bigger);

	if (!p)
		return -ENOMEM;
	/* realloc() could leave a part of a key in freed memory. */
	if (data->data) {
		memcpy(p, data->data, data->size);
		explicit_bzero(data->data, data->size);
		free(data->data);
	}
	data->data = p;
	*room = bigger;
	return 0;
}

/* From the beginning, whatever the offset of the descriptor, which may be shared. */
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
 * @path: its path
 * @st: filled in
 *
 * Only regular files are opened: others may be endless, or block.
 *
 * Return: a descriptor; or a negative errno, for other kinds -EISDIR or -EMEDIUMTYPE
 */
int ksc_file_open(const char *path, struct stat *st)
{
	/* O_NONBLOCK: open() of a FIFO would wait for a writer. */
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
 * ksc_file_take() - read an open file
 * @file: zeroed; filled in except for its path and directories; the caller frees it, also after an
 *	error
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
