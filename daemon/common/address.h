/* SPDX-License-Identifier: GPL-2.0-only */
/* address.c: socket addresses as text. */
#ifndef KSC_ADDRESS_H
#define KSC_ADDRESS_H

#include <stddef.h>
#include <arpa/inet.h>
#include <sys/socket.h>

void ksc_address_print(const struct sockaddr_storage *addr, char host[INET6_ADDRSTRLEN], char *text,
		       size_t size);

#endif
