// SPDX-License-Identifier: GPL-2.0-only
/* Comparison of cgroups and addresses with those of rules. */
#include <string.h>

#include "ctl/covers.h"

/**
 * ctl_covers_cgroup() - check whether a rule's cgroup covers a cgroup
 * @cgroup: its path, NULL if it is not known
 * @wanted: the rule's attribute, or NULL
 * Return: whether it is that cgroup or below it, or the rule has none
 */
bool ctl_covers_cgroup(const char *cgroup, struct nlattr *wanted)
{
	const char *path = wanted ? nla_get_string(wanted) : "/";
	size_t len = strlen(path);

	if (!wanted)
		return true;
	if (!cgroup)
		return false;
	return !path[1] || (!strncmp(path, cgroup, len) && (!cgroup[len] || cgroup[len] == '/'));
}

/**
 * ctl_has_prefix() - check whether an address has a prefix
 * @addr: the address
 * @prefix: the prefix, of the same size
 * @bits: length of the prefix in bits, at most that of @addr
 * Return: whether it does
 */
bool ctl_has_prefix(const uint8_t *addr, const uint8_t *prefix, unsigned int bits)
{
	unsigned int whole = bits / 8;
	uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));

	return !memcmp(addr, prefix, whole) &&
	       (!(bits % 8) || !((addr[whole] ^ prefix[whole]) & mask));
}
