// SPDX-License-Identifier: GPL-2.0-only
/* Output of a step for the peer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <linux/kschannel.h>

#include "engine/token.h"

/**
 * ksc_token_put() - append bytes to a token
 * @token: the token
 * @data: the bytes
 * @len: number of bytes
 *
 * Return: 0; or -EMSGSIZE beyond KSC_MAX_TOKEN, or -ENOMEM, with @failed of @token set
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
