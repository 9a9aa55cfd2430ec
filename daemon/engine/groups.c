// SPDX-License-Identifier: GPL-2.0-only
/* The supplementary groups of a process, shared by its handshakes. */
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
 * ksc_groups_new() - allocate a list of groups
 * @list: the groups, in any order
 * @n: number of groups
 *
 * Return: the list, with one reference; NULL if out of memory
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
	/* the kernel sorts them; there can be 65536 for each connection */
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
 * ksc_groups_put() - drop a reference; the last one frees the list
 * @groups: the groups, or NULL
 */
void ksc_groups_put(struct ksc_groups *groups)
{
	if (groups && !--groups->refs)
		free(groups);
}

/**
 * ksc_groups_have() - check whether a group is in a list
 * @groups: the groups; NULL for none
 * @gid: the group
 *
 * Return: true if it is
 */
bool ksc_groups_have(const struct ksc_groups *groups, gid_t gid)
{
	return groups && groups->n &&
	       bsearch(&gid, groups->list, groups->n, sizeof(gid), compare);
}
