// SPDX-License-Identifier: GPL-2.0-only
/* The groups that a process is in beside its own, as its handshakes share them. */
#include <stdlib.h>
#include <string.h>

#include "engine/groups.h"

static int compare(const void *a, const void *b)
{
	const gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

static bool ascending(const gid_t *list, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (list[i - 1] > list[i])
			return false;
	return true;
}

/**
 * ksc_groups_new() - note groups
 * @list: these, in any order
 * @n: how many
 *
 * Return: them, with one reference; NULL without memory
 */
struct ksc_groups *ksc_groups_new(const gid_t *list, size_t n)
{
	struct ksc_groups *groups = malloc(sizeof(*groups) + n * sizeof(*list));

	if (!groups)
		return NULL;
	groups->refs = 1;
	groups->n = n;
	if (n)
		memcpy(groups->list, list, n * sizeof(*list));
	/* the kernel keeps them in order, of which there may be 65536 for each connection */
	if (!ascending(list, n))
		qsort(groups->list, n, sizeof(*list), compare);
	return groups;
}

/**
 * ksc_groups_get() - take a reference
 * @groups: the groups, or NULL
 *
 * Return: @groups
 */
struct ksc_groups *ksc_groups_get(struct ksc_groups *groups)
{
	if (groups)
		groups->refs++;
	return groups;
}

/**
 * ksc_groups_put() - drop a reference; the last frees
 * @groups: the groups, or NULL
 */
void ksc_groups_put(struct ksc_groups *groups)
{
	if (groups && !--groups->refs)
		free(groups);
}

/**
 * ksc_groups_have() - whether a group is one of them
 * @groups: the groups; NULL for none
 * @gid: the group
 *
 * Return: whether it is
 */
bool ksc_groups_have(const struct ksc_groups *groups, gid_t gid)
{
	return groups && groups->n &&
	       bsearch(&gid, groups->list, groups->n, sizeof(gid), compare);
}
