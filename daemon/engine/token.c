// SPDX-License-Identifier: GPL-2.0-only
/* The bytes that a step leaves for the peer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kschannel.h>

#include "engine/token.h"

/**
 * ksc_token_put() - add bytes
 * @token: the token
 * @data: the bytes
 * @len: how many
 *
 * Return: 0; or -EMSGSIZE when it gets longer than a token may be, or -ENOMEM, and it has
 * failed
 */
int ksc_token_put(struct ksc_token *token, const void *data, size_t len)
{
	size_t size = token->size ? token->size : 4096;
	uint8_t *bigger;

	if (len > KSC_MAX_TOKEN - token->len) {
		token->failed = true;
		return -EMSGSIZE;
	}
	while (size < token->len + len)
		size *= 2;
	if (size != token->size) {
		bigger = realloc(token->data, size);
		if (!bigger) {
			token->failed = true;
			return -ENOMEM;
		}
		token->data = bigger;
		token->size = size;
	}
	memcpy(token->data + token->len, data, len);
	token->len += len;
	return 0;
}
