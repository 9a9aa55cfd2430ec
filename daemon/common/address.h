/* SPDX-License-Identifier: GPL-2.0-only */
/* address.c: addresses as text. */
#ifndef KSC_ADDRESS_H
#define KSC_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <arpa/inet.h>
#include <sys/socket.h>

void ksc_host_print(const void *addr, size_t len, char host[INET6_ADDRSTRLEN]);
bool ksc_socket_print(const struct sockaddr *addr, const char *scope, char *text, size_t size);
void ksc_address_print(const struct sockaddr_storage *addr, char host[INET6_ADDRSTRLEN], char *text,
		       size_t size);

#endif
