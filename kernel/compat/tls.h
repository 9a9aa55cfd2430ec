/* SPDX-License-Identifier: GPL-2.0-only */
/* Definitions that linux/tls.h lacks on older kernels. */
#ifndef _KSC_COMPAT_TLS_H
#define _KSC_COMPAT_TLS_H

#include <linux/tls.h>

#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN	5
#endif

#endif /* _KSC_COMPAT_TLS_H */
