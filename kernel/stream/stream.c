// SPDX-License-Identifier: GPL-2.0-only
/*
 * Common to both halves of a stream: the transform is allocated for the first record, and for the
 * first one after idle time.
 */
#include "record/cipher.h"
#include "stream/stream.h"

/**
 * ksc_wake() - allocate a direction's transform
 * @s: stream
 * @c: its keys for the direction
 *
 * Context: process, may sleep; the socket's lock owned.
 * Return: 0, -ENOMEM (may be retried), or -EIO.
 */
int ksc_wake(struct ksc_stream *s, struct ksc_cipher *c)
{
	int err = ksc_cipher_make(c);

	if (!err)
		s->ops->made(s);
	return err;
}
