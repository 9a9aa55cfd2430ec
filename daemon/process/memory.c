// SPDX-License-Identifier: GPL-2.0-only
/* What is in a process that has keys gets nowhere else by itself. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "process/memory.h"

/**
 * ksc_memory_keep() - have the process's memory neither dumped nor swapped from now on
 *
 * That is for what it asks for later, too, but not for processes that it forks, which have to
 * do so themselves. Pages are locked once they are touched, but count before, each stack at
 * its full size: with a limit, there would soon be no more memory. So nothing is locked where
 * the limit can't be lifted, which takes privilege that is to be given up later.
 *
 * Return: 0, or a negative errno and it may be swapped: -EPERM if there is a limit
 */
int ksc_memory_keep(void)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_MEMLOCK, &none) ||
	    mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT))
		return -errno;
	return 0;
}
