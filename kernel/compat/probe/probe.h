/* SPDX-License-Identifier: GPL-2.0-only */
/* A type mismatch is an error regardless of warning flags: KCFLAGS may contain -w */
#ifndef _KSC_PROBE_H
#define _KSC_PROBE_H

#include <linux/build_bug.h>
#include <linux/container_of.h>

#define PROBE_TYPE(structure, member, type)					\
	static_assert(__builtin_types_compatible_p(typeof_member(structure, member), type))

#define PROBE_FUNCTION(function, type)						\
	static_assert(__builtin_types_compatible_p(typeof(function) *, type))

#endif /* _KSC_PROBE_H */
