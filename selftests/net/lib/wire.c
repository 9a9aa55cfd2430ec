// SPDX-License-Identifier: GPL-2.0-only
/*
 * A protected socket whose keys the test chose, playing the daemon, and a plain TCP
 * socket as its peer: every byte of a record can be seen, and made.
 *
 * Records are sealed and opened by OpenSSL here, and nothing is shared with the
 * kernel's own code.
 */
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include "nl.h"
#include "wire.h"

#define SUITE_13(name, number, cipher, digest, hash_len, key_len)                                  \
	{                                                                                          \
		name, WIRE_13, number, cipher, digest, hash_len, key_len, 12, 0, false             \
	}
/* RFC 5288 3: four bytes of salt, eight that are sent; RFC 6655 3 the same */
#define SUITE_12(name, number, cipher, key_len, ccm)                                               \
	{                                                                                          \
		name, WIRE_12, number, cipher, NULL, 0, key_len, 4, 8, ccm                         \
	}
/* RFC 7905 2 */
#define CHACHA_12(name, number)                                                                    \
	{                                                                                          \
		name, WIRE_12, number, "ChaCha20-Poly1305", NULL, 0, 32, 12, 0, false              \
	}

const struct wire_suite wire_suites[] = {
	SUITE_13("TLS_AES_128_GCM_SHA256", 0x1301, "AES-128-GCM", "SHA256", 32, 16),
	SUITE_13("TLS_AES_256_GCM_SHA384", 0x1302, "AES-256-GCM", "SHA384", 48, 32),
	SUITE_13("TLS_CHACHA20_POLY1305_SHA256", 0x1303, "ChaCha20-Poly1305", "SHA256", 32, 32),
	{ "TLS_AES_128_CCM_SHA256", WIRE_13, 0x1304, "AES-128-CCM", "SHA256", 32, 16, 12, 0, true },
	SUITE_12("ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", 0xc02b, "AES-128-GCM", 16, false),
	SUITE_12("ECDHE_RSA_WITH_AES_128_GCM_SHA256", 0xc02f, "AES-128-GCM", 16, false),
	SUITE_12("DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009e, "AES-128-GCM", 16, false),
	SUITE_12("ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", 0xc02c, "AES-256-GCM", 32, false),
	SUITE_12("ECDHE_RSA_WITH_AES_256_GCM_SHA384", 0xc030, "AES-256-GCM", 32, false),
	SUITE_12("DHE_RSA_WITH_AES_256_GCM_SHA384", 0x009f, "AES-256-GCM", 32, false),
	CHACHA_12("ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca8),
	CHACHA_12("ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", 0xcca9),
	CHACHA_12("DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", 0xccaa),
	SUITE_12("ECDHE_ECDSA_WITH_AES_128_CCM", 0xc0ac, "AES-128-CCM", 16, true),
	SUITE_12("DHE_RSA_WITH_AES_128_CCM", 0xc09e, "AES-128-CCM", 16, true),
};

const size_t wire_suite_count = ARRAY_SIZE(wire_suites);

/* The daemon that the test plays. */
static struct tnl_conn nl;

/**
 * wire_suite() - look a suite up
 * @version: TLS version
 * @suite: IANA number
 * Return: the suite, which has to be there
 */
const struct wire_suite *wire_suite(uint16_t version, uint16_t suite)
{
	for (size_t i = 0; i < wire_suite_count; i++) {
		if (wire_suites[i].version == version && wire_suites[i].suite == suite)
			return &wire_suites[i];
	}
	fail_msg("no suite %04x of version %04x", suite, version);
	return NULL;
}

/**
 * wire_hex() - read hexadecimal digits
 * @out: gets the bytes
 * @size: how many fit
 * @hex: the digits, with optional blanks between bytes
 * Return: how many there are
 */
size_t wire_hex(uint8_t *out, size_t size, const char *hex)
{
	size_t n = 0;

	while (*hex) {
		char digits[3] = { hex[0], hex[1] }, *end;

		if (*hex == ' ') {
			hex++;
			continue;
		}
		assert_true(n < size);
		out[n++] = (uint8_t)strtoul(digits, &end, 16);
		assert_ptr_equal(end, digits + 2);
		hex += 2;
	}
	return n;
}

/* ---- keys ---- */

/* RFC 8446 7.1: HKDF-Expand-Label without a context. */
static void expand_label(const struct wire_dir *dir, const char *label, uint8_t *out, size_t len)
{
	const struct wire_suite *suite = dir->suite;
	uint8_t info[64] = { 0, (uint8_t)len, (uint8_t)(6 + strlen(label)) };
	int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)suite->digest, 0),
		OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)dir->secret,
						  suite->secret_len),
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info,
						  3 + 6 + strlen(label) + 1),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);

	/* what ends the string is the length of the context, none */
	snprintf((char *)info + 3, sizeof(info) - 3, "tls13 %s", label);
	assert_int_equal(EVP_KDF_derive(ctx, out, len, params), 1);
	EVP_KDF_CTX_free(ctx);
	EVP_KDF_free(kdf);
}

static void derive(struct wire_dir *dir)
{
	expand_label(dir, "key", dir->key, dir->suite->key_len);
	expand_label(dir, "iv", dir->iv, sizeof(dir->iv));
}

/**
 * wire_keys() - make the keys of a direction
 * @dir: gets them, to begin with record 0
 * @suite: for which suite
 * @material: WIRE_MATERIAL bytes, of which TLS 1.3 takes its secret, TLS 1.2 its
 *	key and then its iv
 */
void wire_keys(struct wire_dir *dir, const struct wire_suite *suite, const uint8_t *material)
{
	memset(dir, 0, sizeof(*dir));
	dir->suite = suite;
	if (suite->version == WIRE_13) {
		memcpy(dir->secret, material, suite->secret_len);
		derive(dir);
	} else {
		memcpy(dir->key, material, suite->key_len);
		memcpy(dir->iv, material + suite->key_len, suite->iv_len);
	}
}

/**
 * wire_update() - go on to the next generation of keys, RFC 8446 7.2
 * @dir: the keys, of TLS 1.3
 */
void wire_update(struct wire_dir *dir)
{
	uint8_t next[48];

	expand_label(dir, "traffic upd", next, dir->suite->secret_len);
	memcpy(dir->secret, next, dir->suite->secret_len);
	dir->seq = 0;
	derive(dir);
}

/* ---- records ---- */

static void put_u64(uint8_t *to, uint64_t value)
{
	for (int i = 7; i >= 0; i--, value >>= 8)
		to[i] = (uint8_t)value;
}

/* A record's bytes besides its content. */
struct frame {
	uint8_t nonce[12];
	uint8_t aad[13];
	int aad_len;
};

/* RFC 8446 5.3, RFC 5246 6.2.3.3, RFC 5288 3, RFC 7905 2. */
static void make_frame(const struct wire_dir *dir, const uint8_t *record, size_t content,
		       struct frame *f)
{
	uint8_t seq[8];

	put_u64(seq, dir->seq);
	memcpy(f->nonce, dir->iv, sizeof(f->nonce));
	if (dir->suite->explicit_len) {
		memcpy(f->nonce + 4, record + WIRE_HEADER, 8);
	} else {
		for (size_t i = 0; i < 8; i++)
			f->nonce[4 + i] ^= seq[i];
	}
	if (dir->suite->version == WIRE_13) {
		memcpy(f->aad, record, WIRE_HEADER);
		f->aad_len = WIRE_HEADER;
	} else {
		memcpy(f->aad, seq, 8);
		memcpy(f->aad + 8, record, 3);
		f->aad[11] = (uint8_t)(content >> 8);
		f->aad[12] = (uint8_t)content;
		f->aad_len = 13;
	}
}

/* Whether the tag is right; with @seal it is written. */
static bool run_aead(const struct wire_dir *dir, bool seal, const struct frame *f, uint8_t *data,
		     size_t len, uint8_t *tag)
{
	const struct wire_suite *suite = dir->suite;
	EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, suite->cipher, NULL);
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int n = (int)len, enc = seal;
	bool ok;

	ok = EVP_CipherInit_ex(ctx, cipher, NULL, NULL, NULL, enc) &&
	     EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, 12, NULL) &&
	     (seal && !suite->ccm ? 1 :
		      EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, WIRE_TAG,
					  seal ? NULL : tag)) &&
	     EVP_CipherInit_ex(ctx, NULL, NULL, dir->key, f->nonce, enc) &&
	     (!suite->ccm || EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len)) &&
	     EVP_CipherUpdate(ctx, NULL, &n, f->aad, f->aad_len) &&
	     EVP_CipherUpdate(ctx, data, &n, data, (int)len) > 0 &&
	     /* CCM was judged already, and has no end of its own when it opens */
	     ((suite->ccm && !seal) || EVP_CipherFinal_ex(ctx, data + len, &n) > 0) &&
	     (!seal || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, WIRE_TAG, tag));
	EVP_CIPHER_CTX_free(ctx);
	EVP_CIPHER_free(cipher);
	return ok;
}

/**
 * wire_seal() - make a record
 * @dir: the keys; the sequence number goes on
 * @record: gets it, up to WIRE_MAX_RECORD bytes
 * @type: its content type
 * @data: its content
 * @len: length of it
 * @padding: TLS 1.3: zeros after the content
 * Return: its length
 */
size_t wire_seal(struct wire_dir *dir, uint8_t *record, uint8_t type, const void *data, size_t len,
		 size_t padding)
{
	bool is_13 = dir->suite->version == WIRE_13;
	size_t explicit_len = dir->suite->explicit_len, inner = is_13 ? len + 1 + padding : len;
	size_t total = explicit_len + inner + WIRE_TAG;
	uint8_t *body = record + WIRE_HEADER + explicit_len;
	struct frame f;

	assert_true(total <= 65535);
	record[0] = is_13 ? WIRE_DATA : type;
	record[1] = 3;
	record[2] = 3;
	record[3] = (uint8_t)(total >> 8);
	record[4] = (uint8_t)total;
	if (explicit_len)
		put_u64(record + WIRE_HEADER, dir->seq ^ dir->explicit_xor);
	if (len)
		memcpy(body, data, len);
	if (is_13) {
		body[len] = type;
		memset(body + len + 1, 0, padding);
	}
	make_frame(dir, record, len, &f);
	assert_true(run_aead(dir, true, &f, body, inner, body + inner));
	dir->seq++;
	return WIRE_HEADER + total;
}

/**
 * wire_open() - open a record
 * @dir: the keys; the sequence number goes on
 * @record: the record
 * @len: its length
 * @plain: gets its content, up to WIRE_MAX_RECORD bytes
 * @type: gets its type, or 0 if there was none
 * Return: length of the content, or -1 if it is not authentic
 */
ssize_t wire_open(struct wire_dir *dir, const uint8_t *record, size_t len, uint8_t *plain,
		  uint8_t *type)
{
	size_t skip = WIRE_HEADER + dir->suite->explicit_len;
	uint8_t tag[WIRE_TAG];
	struct frame f;

	if (len < skip + WIRE_TAG)
		return -1;
	len -= skip + WIRE_TAG;
	make_frame(dir, record, len, &f);
	memcpy(plain, record + skip, len);
	memcpy(tag, record + skip + len, WIRE_TAG);
	if (!run_aead(dir, false, &f, plain, len, tag))
		return -1;
	dir->seq++;
	*type = record[0];
	if (dir->suite->version == WIRE_13) {
		do {
			if (!len) {
				*type = 0;
				return 0;
			}
			*type = plain[--len];
		} while (!*type);
	}
	return (ssize_t)len;
}

/* ---- connections ---- */

/**
 * wire_begin() - take the daemon's place
 * Return: 0, or -1; no cmocka check is made here
 */
int wire_begin(void)
{
	return t_shell("ksc-daemon stop") || !tnl_open(&nl) || tnl_register(&nl) ? -1 : 0;
}

/**
 * wire_end() - give the daemon its place back
 * Return: 0, or -1; no cmocka check is made here
 */
int wire_end(void)
{
	tnl_close(&nl);
	return t_shell("ksc-daemon start") ? -1 : 0;
}

static void put_dir(struct nl_msg *msg, int attr, const struct wire_dir *dir)
{
	struct nlattr *nest = nla_nest_start(msg, attr);

	if (dir->suite->version == WIRE_13) {
		nla_put(msg, KSC_A_KEY_SECRET, dir->suite->secret_len, dir->secret);
	} else {
		nla_put(msg, KSC_A_KEY_KEY, dir->suite->key_len, dir->key);
		nla_put(msg, KSC_A_KEY_IV, dir->suite->iv_len, dir->iv);
	}
	nla_put_u64(msg, KSC_A_KEY_RECORD_SEQ, dir->seq);
	nla_nest_end(msg, nest);
}

/**
 * wire_put_keys() - tell the kernel the keys of a connection
 * @msg: a request of the daemon's
 * @w: the keys
 * @exporter: the exporter's secret and, with TLS 1.2, behind it the randoms; or NULL
 */
void wire_put_keys(struct nl_msg *msg, const struct wire *w, const uint8_t *exporter)
{
	const struct wire_suite *suite = w->tx.suite;
	struct nlattr *keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);

	nla_put_u16(msg, KSC_A_KEYS_VERSION, suite->version);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, suite->suite);
	put_dir(msg, KSC_A_KEYS_TX, &w->tx);
	put_dir(msg, KSC_A_KEYS_RX, &w->rx);
	if (exporter && suite->version == WIRE_13) {
		nla_put(msg, KSC_A_KEYS_EXPORTER, suite->secret_len, exporter);
	} else if (exporter) {
		nla_put(msg, KSC_A_KEYS_EXPORTER, WIRE_MASTER, exporter);
		nla_put(msg, KSC_A_KEYS_RANDOMS, KSC_RANDOMS_LEN, exporter + WIRE_MASTER);
	}
	nla_nest_end(msg, keys);
}

/**
 * wire_answer() - answer what the protected socket asks the daemon, by keys
 * @w: keys; its handshake is that for which there is an offer
 *
 * The handshake has only one message, a client's, which is empty.
 */
void wire_answer(const struct wire *w)
{
	struct tnl_event event;
	struct nl_msg *msg;

	/* sockets of earlier tests may have left notifications */
	for (;;) {
		assert_true(tnl_next_event(&nl, &event));
		if (event.cmd == KSC_CMD_CONTEXT_NEW)
			break;
		tnl_free_event(&event);
	}
	msg = tnl_step(&nl, &event, KSC_STATUS_OK);
	if (event.attrs[KSC_A_CONTEXT_TOKEN])
		nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED,
			    (uint32_t)nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]));
	wire_put_keys(msg, w, NULL);
	if (tnl_do(&nl, msg))
		fail_msg("%s: %s (%s)", w->tx.suite->name, strerror(-nl.error), nl.text);
	tnl_free_event(&event);
}

/**
 * wire_connect() - connect, with the keys that are set
 * @w: role and keys
 */
void wire_connect(struct wire *w)
{
	static const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	const int on = 1;
	struct t_addr addr;
	int listener;

	if (w->role == KSC_ROLE_SERVER) {
		listener = t_listen(AF_INET, &t_server, &addr);
		w->peer = t_connect(&addr, NULL);
		t_send(w->peer, "\x16\x03\x01\x00\x01\x01", 6);
		w->fd = t_accept(listener);
		wire_answer(w);
		t_wait(w->fd, POLLOUT);
	} else {
		listener = t_listen(AF_INET, NULL, &addr);
		w->fd = t_try_connect(&addr, &client);
		assert_int_equal(errno, EINPROGRESS);
		wire_answer(w);
		w->peer = t_accept(listener);
		t_wait(w->fd, POLLOUT);
		assert_int_equal(t_so_error(w->fd), 0);
		t_nonblock(w->fd, false);
	}
	/* each write makes a record of its own */
	SYS(setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	close(listener);
}

static void start(struct wire *w, int role, const struct wire_suite *suite, uint64_t seed)
{
	uint8_t material[2][WIRE_MATERIAL];

	t_fill(material, sizeof(material), seed + 1);
	memset(w, 0, sizeof(*w));
	w->role = role;
	wire_keys(&w->tx, suite, material[0]);
	wire_keys(&w->rx, suite, material[1]);
	wire_connect(w);
}

/**
 * wire_start() - connect as a client, with fresh keys
 * @w: gets the connection
 * @suite: the suite
 * @seed: of the keys
 */
void wire_start(struct wire *w, const struct wire_suite *suite, uint64_t seed)
{
	start(w, KSC_ROLE_CLIENT, suite, seed);
}

/**
 * wire_start_as() - likewise in either role, with AES-128-GCM
 * @w: gets the connection
 * @role: of the protected socket
 * @version: TLS version
 */
void wire_start_as(struct wire *w, int role, uint16_t version)
{
	start(w, role, wire_suite(version, version == WIRE_13 ? 0x1301 : 0xc02b), version);
}

/**
 * wire_close() - close both ends of a connection
 * @w: the connection
 */
void wire_close(struct wire *w)
{
	close(w->fd);
	close(w->peer);
}

/**
 * wire_send() - send a record to the protected socket
 * @w: the connection
 * @type: its content type
 * @data: its content
 * @len: length of it
 * @padding: TLS 1.3: zeros after the content
 */
void wire_send(struct wire *w, uint8_t type, const void *data, size_t len, size_t padding)
{
	uint8_t *record = malloc(WIRE_MAX_RECORD);

	assert_non_null(record);
	t_send(w->peer, record, wire_seal(&w->rx, record, type, data, len, padding));
	free(record);
}

/**
 * wire_read_record() - take a record that the protected socket sent
 * @w: the connection
 * @record: gets it, as it is
 * Return: its length
 */
size_t wire_read_record(struct wire *w, uint8_t *record)
{
	size_t len;

	t_recv(w->peer, record, WIRE_HEADER);
	assert_int_equal(record[1], 3);
	assert_int_equal(record[2], 3);
	len = (size_t)record[3] << 8 | record[4];
	t_recv(w->peer, record + WIRE_HEADER, len);
	return WIRE_HEADER + len;
}

/**
 * wire_recv() - take a record that the protected socket sent, and open it
 * @w: the connection
 * @type: gets its type
 * @plain: gets its content, up to WIRE_MAX_RECORD bytes
 * Return: length of the content
 */
size_t wire_recv(struct wire *w, uint8_t *type, uint8_t *plain)
{
	uint8_t *record = malloc(WIRE_MAX_RECORD);
	ssize_t n;

	assert_non_null(record);
	n = wire_open(&w->tx, record, wire_read_record(w, record), plain, type);
	free(record);
	if (n < 0)
		fail_msg("a record was sent that is not authentic");
	return (size_t)n;
}

/**
 * wire_expect() - insist on what the protected socket sends next
 * @w: the connection
 * @type: the record's content type
 * @data: its content
 * @len: length of it
 */
void wire_expect(struct wire *w, uint8_t type, const void *data, size_t len)
{
	uint8_t *plain = malloc(WIRE_MAX_RECORD), got = 0;
	size_t n;

	assert_non_null(plain);
	n = wire_recv(w, &got, plain);
	if (got != type || n != len || memcmp(plain, data, len) != 0)
		fail_msg("record of type %u with %zu bytes (%02x %02x), not of type %u with %zu",
			 got, n, plain[0], plain[1], type, len);
	free(plain);
}

/**
 * wire_expect_alert() - insist on an alert, sent by the protected socket
 * @w: the connection
 * @level: its level
 * @alert: its number
 */
void wire_expect_alert(struct wire *w, uint8_t level, uint8_t alert)
{
	wire_expect(w, WIRE_ALERT, (uint8_t[]){ level, alert }, 2);
}

/**
 * wire_expect_refused() - insist that the protected socket refused what it got
 * @w: the connection
 * @status: why
 * @error: the errno of its calls
 * @alert: the alert that it sent
 */
void wire_expect_refused(struct wire *w, enum ksc_status status, int error, int alert)
{
	char c;

	FAILS(recv(w->fd, &c, 1, 0), error);
	t_expect_error(w->fd, status, error);
	assert_int_equal(t_error(w->fd).direction, KSC_DIRECTION_SENT);
	assert_int_equal(t_error(w->fd).alert, alert);
	FAILS(send(w->fd, "x", 1, MSG_NOSIGNAL), error);
	wire_expect_alert(w, 2, (uint8_t)alert);
	t_expect_eof(w->peer);
}
