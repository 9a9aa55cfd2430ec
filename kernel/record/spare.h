/* SPDX-License-Identifier: GPL-2.0-only */
/* When to free what is not used. */
#ifndef _KSC_RECORD_SPARE_H
#define _KSC_RECORD_SPARE_H

#include <linux/types.h>

unsigned long ksc_idle_delay(void);
bool ksc_idle_frees(void);

#endif /* _KSC_RECORD_SPARE_H */
