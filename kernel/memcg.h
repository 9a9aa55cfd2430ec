/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Memory accounting for other tasks: workers and the daemon allocate for sockets and contexts of
 * applications, whose memory cgroup pays. Unattached keys are charged to the daemon.
 */
#ifndef _KSC_MEMCG_H
#define _KSC_MEMCG_H

#include <linux/memcontrol.h>
#include <linux/sched/mm.h>

/*
 * Allocations that another task's memory cgroup may pay for. A cgroup at its limit fails one
 * connection: that warrants neither repeated reclaim, nor the OOM killer, nor a warning.
 */
#define KSC_GFP_FOR_OTHERS	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/**
 * ksc_memcg_get() - get the memory cgroup that current allocations are charged to
 *
 * Context: process. Return: the cgroup, referenced, for mem_cgroup_put(); or NULL.
 */
static inline struct mem_cgroup *ksc_memcg_get(void)
{
	/* set_active_memcg()'s, else the calling process's */
	return get_mem_cgroup_from_mm(NULL);
}

#endif /* _KSC_MEMCG_H */
