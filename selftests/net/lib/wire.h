/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A protected socket whose keys the test chose, playing the daemon, and a plain TCP
 * socket as its peer: every byte of a record can be seen, and made.
 */
#ifndef KSC_TEST_WIRE_H
#define KSC_TEST_WIRE_H

#include "net.h"

struct nl_msg;

#define WIRE_CCS 20
#define WIRE_ALERT 21
#define WIRE_HANDSHAKE 22
#define WIRE_DATA 23

#define WIRE_13 0x0304
#define WIRE_12 0x0303

#define WIRE_HEADER 5
#define WIRE_TAG 16
#define WIRE_MAX_PAYLOAD 16384
/* Room for records that are larger than any may be. */
#define WIRE_MAX_RECORD (WIRE_HEADER + 65535)

/* Of both kinds, what the keys of one direction are made from. */
#define WIRE_MATERIAL 48
/* TLS 1.2: the master secret */
#define WIRE_MASTER 48

/**
 * struct wire_suite - a cipher suite
 * @name: for messages
 * @version: TLS version, as on the wire
 * @suite: IANA number
 * @cipher: OpenSSL's name of the AEAD
 * @digest: TLS 1.3: OpenSSL's name of the hash
 * @secret_len: TLS 1.3: length of a traffic secret
 * @key_len: length of the key
 * @iv_len: of the part of the nonce that is not sent
 * @explicit_len: of the part that is
 * @ccm: it is CCM, of which OpenSSL wants to know the length beforehand
 */
struct wire_suite {
	const char *name;
	uint16_t version;
	uint16_t suite;
	const char *cipher;
	const char *digest;
	uint8_t secret_len;
	uint8_t key_len;
	uint8_t iv_len;
	uint8_t explicit_len;
	bool ccm;
};

/**
 * struct wire_dir - the keys of one direction
 * @suite: for which suite
 * @secret: TLS 1.3: traffic secret
 * @key: the key
 * @iv: the part of the nonce that is not sent
 * @seq: number of the next record
 * @explicit_xor: what wire_seal() changes in the nonce that is sent, which would
 *	be the number of the record
 */
struct wire_dir {
	const struct wire_suite *suite;
	uint8_t secret[48];
	uint8_t key[32];
	uint8_t iv[12];
	uint64_t seq;
	uint64_t explicit_xor;
};

/**
 * struct wire - a connection
 * @role: enum ksc_role of the protected socket
 * @fd: the protected socket
 * @peer: its other end
 * @tx: keys of what @fd sends
 * @rx: keys of what @fd receives
 */
struct wire {
	int role;
	int fd;
	int peer;
	struct wire_dir tx;
	struct wire_dir rx;
};

extern const struct wire_suite wire_suites[];
extern const size_t wire_suite_count;

const struct wire_suite *wire_suite(uint16_t version, uint16_t suite);
size_t wire_hex(uint8_t *out, size_t size, const char *hex);

void wire_keys(struct wire_dir *dir, const struct wire_suite *suite, const uint8_t *material);
void wire_update(struct wire_dir *dir);
size_t wire_seal(struct wire_dir *dir, uint8_t *record, uint8_t type, const void *data, size_t len,
		 size_t padding);
ssize_t wire_open(struct wire_dir *dir, const uint8_t *record, size_t len, uint8_t *plain,
		  uint8_t *type);

int wire_begin(void);
int wire_end(void);
void wire_put_keys(struct nl_msg *msg, const struct wire *w, const uint8_t *exporter);
void wire_answer(const struct wire *w);
void wire_connect(struct wire *w);
void wire_start(struct wire *w, const struct wire_suite *suite, uint64_t seed);
void wire_start_as(struct wire *w, int role, uint16_t version);
void wire_close(struct wire *w);

void wire_send(struct wire *w, uint8_t type, const void *data, size_t len, size_t padding);
size_t wire_read_record(struct wire *w, uint8_t *record);
size_t wire_recv(struct wire *w, uint8_t *type, uint8_t *plain);
void wire_expect(struct wire *w, uint8_t type, const void *data, size_t len);
void wire_expect_alert(struct wire *w, uint8_t level, uint8_t alert);
void wire_expect_refused(struct wire *w, enum ksc_status status, int error, int alert);

#endif /* KSC_TEST_WIRE_H */
