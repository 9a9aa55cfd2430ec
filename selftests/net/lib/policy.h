/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets that are subject to the policy, with a daemon in a namespace of the test's own. */
#ifndef KSC_TEST_POLICY_H
#define KSC_TEST_POLICY_H

#include "net.h"
#include "own.h"

/* What has become of a socket, see what_is() */
enum is { PROTECTED, NONE, LEFT };

/* The test's daemon */
extern struct own own;
/* Rules: the ports from 1000 on are to be protected, from 2000 plain, from 3000 rather not */
extern const char policy_basic[];
/* A program that sets nothing */
extern const struct t_opts policy_nothing;

int policy_setup(void **state);
int policy_teardown(void **state);
void by_policy(int fd);
int policy_socket(int family, const struct t_opts *opts);
void bind_to(int fd, const char *host, uint16_t port);
int listen_on(int fd, uint16_t port);
int try_connect_to(int fd, const char *host, uint16_t port);
int connect_to(int fd, uint16_t port);
enum is what_is(int fd);
void assert_plain_pair(int a, int b);
void assert_protected_pair(int a, int b);
void pair_on(uint16_t port, int fds[2]);
void close_pair(const int fds[2]);

#define POLICY_TEST(test) cmocka_unit_test_setup_teardown(test, policy_setup, policy_teardown)

#endif /* KSC_TEST_POLICY_H */
