/* SPDX-License-Identifier: GPL-2.0-only */
/* groups.c: who has asked: a user, and the groups that it is in. */
#ifndef KSC_GROUPS_H
#define KSC_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * struct ksc_groups - groups
 * @refs: holders, all of one thread
 * @n: how many
 * @list: these, ascending
 */
struct ksc_groups {
	unsigned int refs;
	size_t n;
	gid_t list[];
};

/**
 * struct ksc_who - who has asked: a socket's owner, or an application
 * @uid: the user
 * @gid: its group
 * @groups: its other groups, which the kernel tells of an application alone; or NULL
 * @netns: cookie of the network namespace that an application has connected from; 0 of a
 *	socket, which is of the daemon's
 * @elsewhere: that is not the daemon's
 */
struct ksc_who {
	uid_t uid;
	gid_t gid;
	struct ksc_groups *groups;
	uint64_t netns;
	bool elsewhere;
};

struct ksc_groups *ksc_groups_new(const gid_t *list, size_t n);
struct ksc_groups *ksc_groups_get(struct ksc_groups *groups);
void ksc_groups_put(struct ksc_groups *groups);
bool ksc_groups_have(const struct ksc_groups *groups, gid_t gid);

#endif
