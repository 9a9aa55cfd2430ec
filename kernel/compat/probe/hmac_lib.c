// SPDX-License-Identifier: GPL-2.0-only
/* 6.16 added HMAC library functions */
#include "probe.h"
#include <crypto/sha2.h>

typedef void (*hmac)(const u8 *, size_t, const u8 *, size_t, u8 *);

PROBE_FUNCTION(hmac_sha256_usingrawkey, hmac);
PROBE_FUNCTION(hmac_sha384_usingrawkey, hmac);
