// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's entry for the daemon's context socket: the input is what an application sends,
 * messages, each preceded by a byte for the descriptors that come along and two of its length.
 */
#include <stdlib.h>
#include <unistd.h>

#include "talk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next one: none was left open if it is the same afterwards. */
static int free_descriptor(void)
{
	const int fd = dup(STDIN_FILENO);

	close(fd);
	return fd;
}

static void talk(const uint8_t *data, size_t size)
{
	static struct talk_reply reply;
	bool there = true;

	talk_begin();
	while (there && size >= 3) {
		const unsigned int rights = data[0] > 250 ? data[0] % 2 + 1 : 0;
		size_t len = (size_t)data[1] << 8 | data[2];

		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		there = talk_say(data, len, rights);
		while (talk_hear(&reply))
			;
		data += len;
		size -= len;
	}
	talk_end();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool begun;
	int before;

	/* what stays open is opened with the first */
	if (!begun)
		talk(NULL, 0);
	begun = true;
	before = free_descriptor();
	talk(data, size);
	if (free_descriptor() != before)
		abort();
	return 0;
}
