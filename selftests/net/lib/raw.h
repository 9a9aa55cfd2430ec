/* SPDX-License-Identifier: GPL-2.0-only */
/* Sockets in raw mode, with keys of the test's. */
#ifndef KSC_TEST_RAW_H
#define KSC_TEST_RAW_H

#include <linux/tls.h>

#include "net.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

#define RAW_DATA 23
#define RAW_HANDSHAKE 22
#define RAW_ALERT 21
#define RAW_MAX 16384
#define RAW_IN_TREE "tls"

/**
 * struct raw_suite - a cipher in a version
 * @name: for messages
 * @version: TLS_1_2_VERSION or TLS_1_3_VERSION
 * @cipher: TLS_CIPHER_*
 * @explicit_nonce: its records carry a nonce of 8 bytes
 */
struct raw_suite {
	const char *name;
	uint16_t version;
	uint16_t cipher;
	bool explicit_nonce;
};

#define RAW_SUITES 8
extern const struct raw_suite raw_suites[RAW_SUITES];
/* AES-128-GCM of either version */
extern const struct raw_suite *const raw_12, *const raw_13;

/**
 * struct raw_keys - keys of a direction
 * @len: of the structure that the cipher has
 */
struct raw_keys {
	union {
		struct tls_crypto_info info;
		struct tls12_crypto_info_aes_gcm_128 gcm_128;
		struct tls12_crypto_info_aes_gcm_256 gcm_256;
		struct tls12_crypto_info_aes_ccm_128 ccm_128;
		struct tls12_crypto_info_chacha20_poly1305 chacha;
	};
	socklen_t len;
};

struct raw_keys raw_keys(const struct raw_suite *suite, unsigned int generation, uint64_t seq);
uint64_t raw_seq(const struct raw_keys *keys);
void raw_set(int fd, int direction, const struct raw_keys *keys);
struct raw_keys raw_get(int fd, int direction, socklen_t len);

void raw_plain_pair(int family, int fds[2]);
bool raw_have_in_tree(void);
void raw_attach(int fd, const char *ulp);
void raw_pair(const struct raw_suite *suite, const char *ulp, const char *other, int fds[2]);
void raw_close(int fds[2]);

ssize_t raw_send(int fd, uint8_t type, const void *data, size_t len, int flags);
ssize_t raw_recv(int fd, uint8_t *type, void *data, size_t len, int flags);
void raw_craft(int fd, const struct raw_keys *keys, uint64_t seq, uint8_t type, const void *data,
	       size_t len, size_t padding);

#endif /* KSC_TEST_RAW_H */
