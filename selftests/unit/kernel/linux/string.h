/* SPDX-License-Identifier: GPL-2.0-only */
/* What kernel sources find in linux/string.h, for those compiled as a program. */
#ifndef KSC_UNIT_LINUX_STRING_H
#define KSC_UNIT_LINUX_STRING_H

#include <string.h>

#endif /* KSC_UNIT_LINUX_STRING_H */
