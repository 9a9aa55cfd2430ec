/* SPDX-License-Identifier: GPL-2.0-only */
/* caller.c: the application at the other end of a connection. */
#ifndef KSC_CALLER_H
#define KSC_CALLER_H

#include <sys/types.h>

#include "engine/groups.h"

/**
 * struct ksc_caller - identity of an application, from the kernel
 * @who: its user and groups when it connected; holds a reference to the groups once these are known
 * @pid: its process ID then, for the log
 */
struct ksc_caller {
	struct ksc_who who;
	pid_t pid;
};

int ksc_caller_find(struct ksc_caller *caller, int fd);
int ksc_caller_find_groups(struct ksc_caller *caller, int fd);
void ksc_caller_forget(struct ksc_caller *caller);

#endif
