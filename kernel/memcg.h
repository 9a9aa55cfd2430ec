/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose memory it is, where not the one who happens to allocate it: the pump's and the
 * daemon's work is for sockets and contexts of others.
 */
#ifndef _KSC_MEMCG_H
#define _KSC_MEMCG_H

#include <linux/memcontrol.h>
#include <linux/sched/mm.h>

/*
 * How to allocate what may be another's to pay. That a group is at its limit is an error of
 * one connection: no reason to reclaim from it time and again, to look for whom to kill, or
 * to tell the kernel's log that there is nobody.
 */
#define KSC_GFP_FOR_OTHERS	(GFP_KERNEL_ACCOUNT | __GFP_NORETRY | __GFP_NOWARN)

/**
 * ksc_memcg_get() - the memory cgroup that pays for what is allocated now
 *
 * Context: process. Return: the cgroup, referenced, for mem_cgroup_put(); or NULL.
 */
static inline struct mem_cgroup *ksc_memcg_get(void)
{
	/* that of set_active_memcg(), else of the calling process */
	return get_mem_cgroup_from_mm(NULL);
}

#endif /* _KSC_MEMCG_H */
