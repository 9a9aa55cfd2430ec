/* SPDX-License-Identifier: GPL-2.0-only */
/* A status's errno and text. */
#ifndef _KSC_HANDSHAKE_STATUS_H
#define _KSC_HANDSHAKE_STATUS_H

#include <linux/types.h>

int ksc_status_errno(u32 status);
const char *ksc_status_text(u32 status);

#endif /* _KSC_HANDSHAKE_STATUS_H */
