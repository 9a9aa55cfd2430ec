/* SPDX-License-Identifier: GPL-2.0-only */
/* Trace events of the policy. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM kschannel

#if !defined(_KSC_POLICY_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _KSC_POLICY_TRACE_H

#include <linux/in6.h>
#include <linux/tracepoint.h>

#include "policy/rules.h"

#ifndef _KSC_POLICY_TRACE_ONCE
#define _KSC_POLICY_TRACE_ONCE
/* A connection's remote address, for %pIS */
static inline void ksc_trace_remote(u8 *to, const struct ksc_flow *flow)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct sockaddr_in in = { .sin_family = AF_INET };

	memset(to, 0, sizeof(in6));
	if (flow->family == KSC_RULE_V4) {
		in.sin_port = htons(flow->remote_port);
		memcpy(&in.sin_addr, flow->remote, sizeof(in.sin_addr));
		memcpy(to, &in, sizeof(in));
	} else {
		in6.sin6_port = htons(flow->remote_port);
		memcpy(&in6.sin6_addr, flow->remote, sizeof(in6.sin6_addr));
		memcpy(to, &in6, sizeof(in6));
	}
}
#endif

/* Rules are numbered from 0, in the order of "kschannelctl policy show"; -1 is none */
TRACE_EVENT(ksc_policy_differs,
	TP_PROTO(u32 netns, u64 generation, const struct ksc_flow *asked, u32 asked_rule,
		 const struct ksc_flow *flow, u32 rule, u32 chosen),
	TP_ARGS(netns, generation, asked, asked_rule, flow, rule, chosen),
	TP_STRUCT__entry(
		__field(u64, generation)
		__field(u32, netns)
		__field(int, asked_rule)
		__field(int, rule)
		__field(int, chosen)
		__array(u8, asked, sizeof(struct sockaddr_in6))
		__array(u8, remote, sizeof(struct sockaddr_in6))
	),
	TP_fast_assign(
		__entry->generation = generation;
		__entry->netns = netns;
		__entry->asked_rule = asked_rule;
		__entry->rule = rule;
		__entry->chosen = chosen;
		ksc_trace_remote(__entry->asked, asked);
		ksc_trace_remote(__entry->remote, flow);
	),
	TP_printk("netns=%u policy=%016llx asked=%pISpc rule=%d remote=%pISpc rule=%d chosen=%d",
		  __entry->netns, __entry->generation, __entry->asked, __entry->asked_rule,
		  __entry->remote, __entry->rule, __entry->chosen)
);

#endif /* _KSC_POLICY_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH policy
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
