/* SPDX-License-Identifier: GPL-2.0-only */
/* group.c: a cgroup of a test's own, and the memory that sockets are charged for in it. */
#ifndef KSC_TEST_GROUP_H
#define KSC_TEST_GROUP_H

#include <stdbool.h>
#include <stdint.h>

#define CGROUP "/sys/fs/cgroup"
#define GROUP_OWN CGROUP "/group"

int64_t group_slabs(void);
int64_t group_read(const char *path, const char *what, int64_t unit);
bool group_move_to(const char *group);
int group_setup(void **state);
int group_leave(void **state);
bool group_is_own(void);
void group_need(void);
int64_t group_charged(void);
int64_t group_charged_all(void);
uint32_t group_known(int fd);
int64_t group_beside(const int *fds, unsigned int n);

#endif
