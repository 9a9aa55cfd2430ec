/* SPDX-License-Identifier: GPL-2.0-only */
/* BPF programs that replace the address of connect(), as Cilium's do. */
#ifndef KSC_TEST_REWRITE_H
#define KSC_TEST_REWRITE_H

#include <stdint.h>

/**
 * struct rewrite - how connect() is rewritten
 * @family: of the sockets: AF_INET or AF_INET6
 * @from: the address that programs ask for, IPv4 in IPv6 as ::ffff:1.2.3.4
 * @to: the one that they get, with the same port
 */
struct rewrite {
	int family;
	const char *from;
	const char *to;
};

void rewrite_begin(const struct rewrite *rewrite);
void rewrite_end(void);

#endif /* KSC_TEST_REWRITE_H */
