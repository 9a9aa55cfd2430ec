// SPDX-License-Identifier: GPL-2.0-only
/* Addresses as text. */
#include <stdio.h>
#include <string.h>

#include "common/address.h"

/**
 * ksc_host_print() - format an address
 * @addr: the address, in network order
 * @len: its size in bytes, 4 or 16
 * @host: gets the text
 */
void ksc_host_print(const void *addr, size_t len, char host[INET6_ADDRSTRLEN])
{
	if (!inet_ntop(len == 4 ? AF_INET : AF_INET6, addr, host, INET6_ADDRSTRLEN))
		host[0] = '\0';
}

/**
 * ksc_socket_print() - format a socket's address
 * @addr: the address
 * @scope: "%" and the interface of a link-local address, or ""
 * @text: gets the address and port
 * @size: size of @text in bytes
 *
 * Return: whether its family is known
 */
bool ksc_socket_print(const struct sockaddr *addr, const char *scope, char *text, size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	const struct sockaddr_in *in = (const struct sockaddr_in *)addr;
	char host[INET6_ADDRSTRLEN];

	switch (addr->sa_family) {
	case AF_INET:
		ksc_host_print(&in->sin_addr, sizeof(in->sin_addr), host);
		snprintf(text, size, "%s:%u", host, ntohs(in->sin_port));
		return true;
	case AF_INET6:
		ksc_host_print(&in6->sin6_addr, sizeof(in6->sin6_addr), host);
		snprintf(text, size, "[%s%s]:%u", host, scope, ntohs(in6->sin6_port));
		return true;
	}
	return false;
}

/* Converts an IPv4-mapped IPv6 address. */
static struct sockaddr_in unmapped(const struct sockaddr_in6 *in6)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = in6->sin6_port };

	memcpy(&in.sin_addr, &in6->sin6_addr.s6_addr[12], sizeof(in.sin_addr));
	return in;
}

/**
 * ksc_address_print() - format the address of one end of a connection
 * @addr: the address
 * @host: gets it without the port; "" if its family is unknown
 * @text: gets it with the port, for the log
 * @size: size of @text in bytes
 */
void ksc_address_print(const struct sockaddr_storage *addr, char host[INET6_ADDRSTRLEN], char *text,
		       size_t size)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)addr;
	struct sockaddr_in in = *(const struct sockaddr_in *)addr;
	const struct sockaddr *sa = (const struct sockaddr *)addr;

	if (addr->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		in = unmapped(in6);
	if (in.sin_family == AF_INET)
		sa = (const struct sockaddr *)&in;
	host[0] = '\0';
	if (!ksc_socket_print(sa, "", text, size))
		snprintf(text, size, "?");
	else if (in.sin_family == AF_INET)
		ksc_host_print(&in.sin_addr, sizeof(in.sin_addr), host);
	else
		ksc_host_print(&in6->sin6_addr, sizeof(in6->sin6_addr), host);
}
