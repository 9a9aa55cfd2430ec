// SPDX-License-Identifier: GPL-2.0
/* 6.16 has HMAC as functions */
#include <crypto/sha2.h>

static __maybe_unused void probe(const u8 *key, const u8 *data, u8 *out)
{
	hmac_sha256_usingrawkey(key, 32, data, 1, out);
	hmac_sha384_usingrawkey(key, 48, data, 1, out);
}
