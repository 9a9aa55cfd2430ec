// SPDX-License-Identifier: GPL-2.0
/*
 * How much memory TCP may have. It is the whole machine's, and only the first network
 * namespace has a say in it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net.h"
#include "tcpmem.h"

#define TCP_MEM "/proc/sys/net/ipv4/tcp_mem"

static char before[128];

/**
 * tcpmem_setup() - before a test that sets limits
 * @state: cmocka's
 * Return: 0
 */
int tcpmem_setup(void **state)
{
	FILE *file = fopen(TCP_MEM, "re");

	t_setup(state);
	before[0] = '\0';
	if (!file)
		return 0;
	t_keep(TCP_MEM);
	if (!fgets(before, sizeof(before), file))
		before[0] = '\0';
	return fclose(file);
}

/**
 * tcpmem_restore() - set the limits that there were; after such a test, or in it
 * @state: cmocka's
 * Return: 0, or -1 if the kernel refuses
 */
int tcpmem_restore(void **state)
{
	(void)state;
	return !*before || t_write_file(TCP_MEM, before) ? 0 : -1;
}

/**
 * tcpmem_need() - leave the test out where the limits are none of ours
 */
void tcpmem_need(void)
{
	if (*before)
		return;
	/* the rig's tests are in the first namespace, which has them always */
	assert_non_null(getenv("KTAP"));
	print_message("# this network namespace has no say in tcp_mem\n");
	skip();
}

/**
 * tcpmem_set() - set the limits
 * @limits: three numbers of pages
 */
void tcpmem_set(const char *limits)
{
	assert_true(t_write_file(TCP_MEM, limits));
}

/**
 * tcpmem_most() - the last of the limits that there were
 * Return: pages
 */
long tcpmem_most(void)
{
	long most = 0;

	if (sscanf(before, "%*d %*d %ld", &most) != 1)
		fail_msg("tcp_mem: %s", before);
	return most;
}
