/* SPDX-License-Identifier: GPL-2.0-only */
/* Allocations that fail when a test says so. */
#ifndef KSC_TEST_FAULT_H
#define KSC_TEST_FAULT_H

#include "net.h"
#include "nl.h"

/**
 * struct fault_walk - an operation whose allocations fail one after the other
 * @name: what it is
 * @before: makes what it needs, or NULL
 * @act: the operation: 0, or -1 with errno
 * @after: checks the result, after it failed with the errno or did not; does it
 *	again if need be, and cleans up
 * @error: an errno that it may fail with besides ENOMEM and the like, or 0
 * @none: it may be that it allocates nothing
 * @workers: the kernel's workers do it, and @act waits until they have
 */
struct fault_walk {
	const char *name;
	void (*before)(void);
	int (*act)(void);
	void (*after)(int error);
	int error;
	bool none;
	bool workers;
};

bool fault_possible(void);
int fault_setup(void **state);
int fault_teardown(void **state);
void fault_refused(int fd);
unsigned int fault_references(void);
void fault_await_references(const char *what, unsigned int n);
void fault_walk(const struct fault_walk *walk);
void fault_always(bool on);
void fault_random(unsigned int percent);

/* the daemon's socket, while the test plays it */
extern struct tnl_conn fault_nl;

int fault_own_setup(void **state);
int fault_own_teardown(void **state);
int fault_request(struct nl_msg *msg);

/* A test of cmocka's that walks; what follows @then are more of the walk's fields */
#define FAULT_CASE(setup, teardown, what, first, does, then, ...)                                  \
	{                                                                                          \
		what, fault_test, setup, teardown, &(struct fault_walk)                            \
		{                                                                                  \
			.name = (what), .before = (first), .act = (does), .after = (then),         \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

void fault_test(void **state);

#endif /* KSC_TEST_FAULT_H */
