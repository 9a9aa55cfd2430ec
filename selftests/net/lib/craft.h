/* SPDX-License-Identifier: GPL-2.0-only */
/* Records that no library would send, under the keys of a session that OpenSSL made. */
#ifndef KSC_TEST_CRAFT_H
#define KSC_TEST_CRAFT_H

#include "peer.h"

#define CRAFT_CCS 20
#define CRAFT_ALERT 21
#define CRAFT_HANDSHAKE 22
#define CRAFT_DATA 23

/**
 * struct craft - what protects the records that an OpenSSL peer sends
 * @peer: the peer; AES-128-GCM, its handshake done; it sends nothing itself
 *	from then on
 * @version: as on the wire
 * @key: the key
 * @iv: TLS 1.3: 12 bytes; TLS 1.2: 4
 * @seq: number of the next record
 */
struct craft {
	struct peer *peer;
	int version;
	uint8_t key[16];
	uint8_t iv[12];
	uint64_t seq;
};

int craft_init(struct craft *craft, struct peer *peer);
int craft_send(struct craft *craft, uint8_t type, const void *data, size_t len, size_t padding);
int craft_update(struct craft *craft);

#endif /* KSC_TEST_CRAFT_H */
