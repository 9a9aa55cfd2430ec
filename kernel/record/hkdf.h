/* SPDX-License-Identifier: GPL-2.0-only */
/* HKDF-Expand-Label of TLS 1.3. */
#ifndef _KSC_RECORD_HKDF_H
#define _KSC_RECORD_HKDF_H

#include <linux/types.h>

int ksc_hkdf_expand(const u8 *secret, u8 hash_len, const char *label, u8 *out, u16 len);

#endif /* _KSC_RECORD_HKDF_H */
