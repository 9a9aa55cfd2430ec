// SPDX-License-Identifier: GPL-2.0-only
/* Keeps the memory of a process with keys out of core dumps and swap. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "process/memory.h"

/**
 * ksc_memory_keep() - keep the process's memory out of core dumps and swap from now on
 *
 * This includes memory that is allocated later, but not forked processes, which have to call it
 * themselves. Pages are locked once they are touched, but are counted before, each stack at its
 * full size: a limit would soon be reached. So nothing is locked if the limit cannot be lifted,
 * which requires a privilege that is dropped later.
 *
 * Return: 0, or a negative errno if memory can be swapped: -EPERM if there is a limit
 */
int ksc_memory_keep(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_MEMLOCK, &none) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return -errno;
	return 0;
}
