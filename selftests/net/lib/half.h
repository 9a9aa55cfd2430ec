/* SPDX-License-Identifier: GPL-2.0-only */
/* half.c: handshakes that have begun and do not continue; with a daemon of the test's. */
#ifndef KSC_TEST_HALF_H
#define KSC_TEST_HALF_H

#include "nl.h"

/**
 * struct half - a handshake that has begun
 * @fd: the protected socket
 * @peer: the other end
 */
struct half {
	int fd;
	int peer;
};

/**
 * struct half_limit - a limit to be set
 * @attr: enum ksc_a_limits; 0 is the end
 * @value: its value
 */
struct half_limit {
	int attr;
	uint32_t value;
};

/* Where the test is the daemon */
extern struct tnl_conn half_nl;

int half_setup(void **state);
int half_teardown(void **state);
void half_addresses(void);
void half_limits(const struct half_limit *limits, const void *trusted, int len);

void half_address(struct t_addr *addr, const char *text, in_port_t port);
int half_listen(const char *text, struct t_addr *addr);
int half_connect(const struct t_addr *addr, const char *from);
void half_hello(int fd);
struct half half_from(int listener, const struct t_addr *addr, const char *from);
struct half half_client(int listener, const struct t_addr *addr, unsigned int uid);
void half_end(const struct half *half);
bool half_evicted(const struct half *half);
void half_await(uint64_t count);
void half_await_begun(uint64_t count);
size_t half_count_evicted(const struct half *halves, size_t n);
void half_await_evicted(const struct half *halves, size_t n, size_t count);
void half_answer(uint32_t status, const char *token, bool consume);

#endif /* KSC_TEST_HALF_H */
