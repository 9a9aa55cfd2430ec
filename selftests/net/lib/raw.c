// SPDX-License-Identifier: GPL-2.0-only
/* Sockets in raw mode, with keys of the test's. */
#include <endian.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "raw.h"

const struct raw_suite raw_suites[RAW_SUITES] = {
	{ "1.2 AES-128-GCM", TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_128, true },
	{ "1.3 AES-128-GCM", TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_128, false },
	{ "1.2 AES-256-GCM", TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_256, true },
	{ "1.3 AES-256-GCM", TLS_1_3_VERSION, TLS_CIPHER_AES_GCM_256, false },
	{ "1.2 AES-128-CCM", TLS_1_2_VERSION, TLS_CIPHER_AES_CCM_128, true },
	{ "1.3 AES-128-CCM", TLS_1_3_VERSION, TLS_CIPHER_AES_CCM_128, false },
	{ "1.2 ChaCha20-Poly1305", TLS_1_2_VERSION, TLS_CIPHER_CHACHA20_POLY1305, false },
	{ "1.3 ChaCha20-Poly1305", TLS_1_3_VERSION, TLS_CIPHER_CHACHA20_POLY1305, false },
};

const struct raw_suite *const raw_12 = &raw_suites[0], *const raw_13 = &raw_suites[1];

static uint8_t *seq_of(struct raw_keys *keys)
{
	switch (keys->info.cipher_type) {
	case TLS_CIPHER_AES_GCM_128:
		return keys->gcm_128.rec_seq;
	case TLS_CIPHER_AES_GCM_256:
		return keys->gcm_256.rec_seq;
	case TLS_CIPHER_AES_CCM_128:
		return keys->ccm_128.rec_seq;
	default:
		return keys->chacha.rec_seq;
	}
}

/**
 * raw_keys() - make keys from a fixed pattern
 * @suite: for it
 * @generation: others for each
 * @seq: sequence number of the first record
 * Return: the keys
 */
struct raw_keys raw_keys(const struct raw_suite *suite, unsigned int generation, uint64_t seq)
{
	struct raw_keys keys;
	uint64_t be = htobe64(seq);

	t_fill(&keys, sizeof(keys), generation + 1);
	keys.info.version = suite->version;
	keys.info.cipher_type = suite->cipher;
	keys.len = suite->cipher == TLS_CIPHER_AES_GCM_128 ? sizeof(keys.gcm_128) :
		   suite->cipher == TLS_CIPHER_AES_GCM_256 ? sizeof(keys.gcm_256) :
		   suite->cipher == TLS_CIPHER_AES_CCM_128 ? sizeof(keys.ccm_128) :
							     sizeof(keys.chacha);
	memcpy(seq_of(&keys), &be, sizeof(be));
	return keys;
}

/**
 * raw_seq() - the sequence number in keys
 * @keys: the keys
 * Return: the number
 */
uint64_t raw_seq(const struct raw_keys *keys)
{
	struct raw_keys copy = *keys;
	uint64_t be;

	memcpy(&be, seq_of(&copy), sizeof(be));
	return be64toh(be);
}

/**
 * raw_set() - set keys, which must succeed
 * @fd: the socket
 * @direction: TLS_TX or TLS_RX
 * @keys: the keys
 */
void raw_set(int fd, int direction, const struct raw_keys *keys)
{
	SYS(setsockopt(fd, SOL_TLS, direction, keys, keys->len));
}

/**
 * raw_get() - read keys back
 * @fd: the socket
 * @direction: TLS_TX or TLS_RX
 * @len: of the structure
 * Return: the keys
 */
struct raw_keys raw_get(int fd, int direction, socklen_t len)
{
	struct raw_keys keys;

	memset(&keys, 0, sizeof(keys));
	keys.len = len;
	SYS(getsockopt(fd, SOL_TLS, direction, &keys, &len));
	assert_int_equal(len, keys.len);
	return keys;
}

/**
 * raw_plain_pair() - two ends of a TCP connection
 * @family: AF_INET or AF_INET6
 * @fds: set to them
 */
void raw_plain_pair(int family, int fds[2])
{
	struct t_addr addr;
	int listener = t_listen(family, NULL, &addr);

	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
}

/**
 * raw_have_in_tree() - does the kernel have in-tree kTLS?
 * Return: whether tls.ko is there
 */
bool raw_have_in_tree(void)
{
	int fds[2], ret;

	raw_plain_pair(AF_INET, fds);
	ret = setsockopt(fds[0], IPPROTO_TCP, TCP_ULP, RAW_IN_TREE, sizeof(RAW_IN_TREE));
	raw_close(fds);
	return !ret;
}

/**
 * raw_attach() - give a connected socket the ULP
 * @fd: the socket
 * @ulp: its name
 */
void raw_attach(int fd, const char *ulp)
{
	SYS(setsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, (socklen_t)strlen(ulp)));
}

/**
 * raw_pair() - a connection with keys in both directions
 * @suite: for it
 * @ulp: name of the first end's ULP
 * @other: name of the second's
 * @fds: set to the ends
 */
void raw_pair(const struct raw_suite *suite, const char *ulp, const char *other, int fds[2])
{
	struct raw_keys there = raw_keys(suite, 0, 0), back = raw_keys(suite, 1, 0);

	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], ulp);
	raw_attach(fds[1], other);
	raw_set(fds[0], TLS_TX, &there);
	raw_set(fds[1], TLS_RX, &there);
	raw_set(fds[0], TLS_RX, &back);
	raw_set(fds[1], TLS_TX, &back);
}

/**
 * raw_close() - close both ends
 * @fds: the ends
 */
void raw_close(int fds[2])
{
	SYS(close(fds[0]));
	SYS(close(fds[1]));
}

/**
 * raw_send() - send with a record type
 * @fd: the socket
 * @type: the type
 * @data: content
 * @len: length of @data in bytes
 * @flags: MSG_*
 * Return: as sendmsg()
 */
ssize_t raw_send(int fd, uint8_t type, const void *data, size_t len, int flags)
{
	char control[CMSG_SPACE(sizeof(type))] __attribute__((aligned(8))) = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(type));
	*CMSG_DATA(cmsg) = type;
	return sendmsg(fd, &msg, flags);
}

/**
 * raw_recv() - receive with a record type
 * @fd: the socket
 * @type: set to the type, 0 if there was none
 * @data: where to
 * @len: room there
 * @flags: MSG_*
 * Return: as recvmsg()
 */
ssize_t raw_recv(int fd, uint8_t *type, void *data, size_t len, int flags)
{
	char control[CMSG_SPACE(sizeof(*type))] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &msg, flags);
	struct cmsghdr *cmsg = n < 0 ? NULL : CMSG_FIRSTHDR(&msg);

	*type = 0;
	if (cmsg) {
		assert_int_equal(cmsg->cmsg_level, SOL_TLS);
		assert_int_equal(cmsg->cmsg_type, TLS_GET_RECORD_TYPE);
		*type = *CMSG_DATA(cmsg);
	}
	return n;
}

/**
 * raw_craft() - send a record that no sendmsg() makes
 * @fd: socket without keys
 * @keys: TLS 1.3, AES-128-GCM
 * @seq: sequence number
 * @type: inner content type, 0 for none
 * @data: content
 * @len: length of @data in bytes
 * @padding: zeros behind the type
 */
void raw_craft(int fd, const struct raw_keys *keys, uint64_t seq, uint8_t type, const void *data,
	       size_t len, size_t padding)
{
	uint8_t record[5 + RAW_MAX + 1 + 512 + 16], inner[RAW_MAX + 1 + 512] = { 0 }, nonce[12];
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	size_t n = len + 1 + padding, i;
	int done;

	if (len)
		memcpy(inner, data, len);
	inner[len] = type;
	memcpy(nonce, keys->gcm_128.salt, 4);
	memcpy(nonce + 4, keys->gcm_128.iv, 8);
	for (i = 0; i < 8; i++)
		nonce[4 + i] ^= (uint8_t)(seq >> (56 - 8 * i));
	record[0] = RAW_DATA;
	record[1] = 3;
	record[2] = 3;
	record[3] = (uint8_t)((n + 16) >> 8);
	record[4] = (uint8_t)(n + 16);
	assert_true(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->gcm_128.key, nonce) &&
		    EVP_EncryptUpdate(ctx, NULL, &done, record, 5) &&
		    EVP_EncryptUpdate(ctx, record + 5, &done, inner, (int)n) &&
		    EVP_EncryptFinal_ex(ctx, record + 5 + n, &done) &&
		    EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, 16, record + 5 + n));
	EVP_CIPHER_CTX_free(ctx);
	t_send(fd, record, 5 + n + 16);
}
