/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's names for types, for kernel sources that are compiled as a program. */
#ifndef KSC_UNIT_LINUX_TYPES_H
#define KSC_UNIT_LINUX_TYPES_H

/* uapi headers, of which some system headers are made, want the real one */
#include_next <linux/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#endif /* KSC_UNIT_LINUX_TYPES_H */
