// SPDX-License-Identifier: GPL-2.0-only
/* Socket addresses as text. */
#include <stdio.h>

#include "common/address.h"

/**
 * ksc_address_print() - put a socket's address into words
 * @addr: the address
 * @host: gets it without the port; "" if it is none that we know
 * @text: gets it with the port, for the log
 * @size: bytes of @text
 */
void ksc_address_print(const struct sockaddr_storage *addr, char host[INET6_ADDRSTRLEN], char *text,
		       size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;

	host[0] = '\0';
	switch (addr->ss_family) {
	case AF_INET:
		inet_ntop(AF_INET, &in->sin_addr, host, INET6_ADDRSTRLEN);
		snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
		break;
	case AF_INET6:
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
			inet_ntop(AF_INET, &in6->sin6_addr.s6_addr[12], host, INET6_ADDRSTRLEN);
			snprintf(text, size, "%s:%u", host, ntohs(in6->sin6_port));
			break;
		}
		inet_ntop(AF_INET6, &in6->sin6_addr, host, INET6_ADDRSTRLEN);
		snprintf(text, size, "[%s]:%u", host, ntohs(in6->sin6_port));
		break;
	default:
		snprintf(text, size, "?");
	}
}
