// SPDX-License-Identifier: GPL-2.0-only
/* Contents of a file, which may be a key. */
#include <stdlib.h>
#include <string.h>

#include "engine/file.h"

/**
 * ksc_way_free() - free the directories of a file
 * @way: the directories
 */
void ksc_way_free(struct ksc_way *way)
{
	free(way->doors);
	memset(way, 0, sizeof(*way));
}

/**
 * ksc_file_free() - wipe and free the contents, which may be a key
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
