/* SPDX-License-Identifier: GPL-2.0 */
/* What others use of status.c. */
#ifndef _KSC_HANDSHAKE_STATUS_H
#define _KSC_HANDSHAKE_STATUS_H

#include <linux/types.h>

int ksc_status_errno(u32 status);
const char *ksc_status_text(u32 status);

#endif /* _KSC_HANDSHAKE_STATUS_H */
