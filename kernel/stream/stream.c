// SPDX-License-Identifier: GPL-2.0
/*
 * What both halves of a stream have in common: the transform is made with the first record, or
 * the first for a while.
 */
#include "record/cipher.h"
#include "stream/stream.h"

/**
 * ksc_wake() - make what a direction's first record needs, or the first for a while
 * @s: stream
 * @c: its keys for the direction
 *
 * Context: process, may sleep; the socket's lock owned.
 * Return: 0; -ENOMEM, and it may be tried again; or -EIO.
 */
int ksc_wake(struct ksc_stream *s, struct ksc_cipher *c)
{
	int err = ksc_cipher_make(c);

	if (!err)
		s->ops->made(s);
	return err;
}
