// SPDX-License-Identifier: GPL-2.0-only
/* Converts values in the environment to those of socket options. */
#include <string.h>

#include <linux/kschannel.h>

#include "preload/env.h"

/**
 * ksc_alpn_to_wire() - write a ProtocolNameList
 * @list: protocols separated by commas
 * @wire: gets the list, without its outer length
 * @size: size of @wire in bytes
 * Return: its length, or -1 if a protocol is empty or too long, or the list is
 */
int ksc_alpn_to_wire(const char *list, uint8_t *wire, size_t size)
{
	size_t used = 0;

	for (;;) {
		size_t len = strcspn(list, ",");

		if (!len || len > UINT8_MAX || len >= size - used)
			return -1;
		wire[used] = (uint8_t)len;
		memcpy(wire + used + 1, list, len);
		used += len + 1;
		if (!list[len])
			return (int)used;
		list += len + 1;
	}
}

/**
 * ksc_verify_value() - parse a verification mode
 * @name: none, request or require
 * Return: enum ksc_verify, or -1 for another name
 */
int ksc_verify_value(const char *name)
{
	if (!strcmp(name, "none"))
		return KSC_VERIFY_NONE;
	if (!strcmp(name, "request"))
		return KSC_VERIFY_REQUEST;
	if (!strcmp(name, "require"))
		return KSC_VERIFY_REQUIRE;
	return -1;
}
