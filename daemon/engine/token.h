/* SPDX-License-Identifier: GPL-2.0-only */
/* token.c: output of a step for the peer. */
#ifndef KSC_TOKEN_H
#define KSC_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct ksc_token - bytes for the peer
 * @data: the bytes
 * @len: number of bytes
 * @size: allocated size in bytes
 * @failed: bytes were dropped, so the token is incomplete
 */
struct ksc_token {
	uint8_t *data;
	size_t len;
	size_t size;
	bool failed;
};

int ksc_token_put(struct ksc_token *token, const void *data, size_t len);

#endif
