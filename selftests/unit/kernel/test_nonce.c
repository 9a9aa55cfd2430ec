// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the module's record layer feeds to its ciphers, against published
 * vectors: HkdfLabels, nonces, additional data. Each vector is followed to its
 * end, the authenticated plaintext, by a library's HMAC and AEAD: one wrong
 * bit of ours, or of a vector, and it does not open.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "record/frame.h"

#define NONCE_LEN 12

/**
 * struct bytes - a constant of a known length
 * @p: the bytes
 * @len: number of bytes
 */
struct bytes {
	const char *p;
	size_t len;
};

#define BYTES(s) { (s), sizeof(s) - 1 }

/**
 * struct keys - a traffic secret and what follows from it, as published
 * @aead: what the key is for
 * @secret: SHA-256's length
 * @key_label: label of the key, without "tls13 "
 * @key_info: its HkdfLabel
 * @key: the key
 * @iv_label: label of the iv, without "tls13 "
 * @iv_info: its HkdfLabel
 * @iv: the iv
 */
struct keys {
	gnutls_cipher_algorithm_t aead;
	struct bytes secret;
	const char *key_label;
	struct bytes key_info;
	struct bytes key;
	const char *iv_label;
	struct bytes iv_info;
	struct bytes iv;
};

/* RFC 8448 section 3, client_application_traffic_secret_0 */
static const struct keys rfc8448_client = {
	.aead = GNUTLS_CIPHER_AES_128_GCM,
	.secret = BYTES("\x9e\x40\x64\x6c\xe7\x9a\x7f\x9d\xc0\x5a\xf8\x88\x9b\xce\x65\x52"
			"\x87\x5a\xfa\x0b\x06\xdf\x00\x87\xf7\x92\xeb\xb7\xc1\x75\x04\xa5"),
	.key_label = "key",
	.key_info = BYTES("\x00\x10\x09tls13 key\x00"),
	.key = BYTES("\x17\x42\x2d\xda\x59\x6e\xd5\xd9\xac\xd8\x90\xe3\xc6\x3f\x50\x51"),
	.iv_label = "iv",
	.iv_info = BYTES("\x00\x0c\x08tls13 iv\x00"),
	.iv = BYTES("\x5b\x78\x92\x3d\xee\x08\x57\x90\x33\xe5\x23\xd9"),
};

/* RFC 8448 section 3, server_application_traffic_secret_0 */
static const struct keys rfc8448_server = {
	.aead = GNUTLS_CIPHER_AES_128_GCM,
	.secret = BYTES("\xa1\x1a\xf9\xf0\x55\x31\xf8\x56\xad\x47\x11\x6b\x45\xa9\x50\x32"
			"\x82\x04\xb4\xf4\x4b\xfb\x6b\x3a\x4b\x4f\x1f\x3f\xcb\x63\x16\x43"),
	.key_label = "key",
	.key_info = BYTES("\x00\x10\x09tls13 key\x00"),
	.key = BYTES("\x9f\x02\x28\x3b\x6c\x9c\x07\xef\xc2\x6b\xb9\xf2\xac\x92\xe3\x56"),
	.iv_label = "iv",
	.iv_info = BYTES("\x00\x0c\x08tls13 iv\x00"),
	.iv = BYTES("\xcf\x78\x2b\x88\xdd\x83\x54\x9a\xad\xf1\xe9\x84"),
};

/*
 * RFC 9001 A.5: QUIC takes TLS 1.3's labels and, for ChaCha20-Poly1305, the
 * nonce of RFC 7905, and publishes what the TLS documents do not.
 */
static const struct keys rfc9001_chacha = {
	.aead = GNUTLS_CIPHER_CHACHA20_POLY1305,
	.secret = BYTES("\x9a\xc3\x12\xa7\xf8\x77\x46\x8e\xbe\x69\x42\x27\x48\xad\x00\xa1"
			"\x54\x43\xf1\x82\x03\xa0\x7d\x60\x60\xf6\x88\xf3\x0f\x21\x63\x2b"),
	.key_label = "quic key",
	.key_info = BYTES("\x00\x20\x0etls13 quic key\x00"),
	.key = BYTES("\xc6\xd9\x8f\xf3\x44\x1c\x3f\xe1\xb2\x18\x20\x94\xf6\x9c\xaa\x2e"
		     "\xd4\xb7\x16\xb6\x54\x88\x96\x0a\x7a\x98\x49\x79\xfb\x23\xe1\xc8"),
	.iv_label = "quic iv",
	.iv_info = BYTES("\x00\x0c\x0dtls13 quic iv\x00"),
	.iv = BYTES("\xe0\x45\x9b\x34\x74\xbd\xd0\xe4\x4a\x41\xc1\x44"),
};

/**
 * struct record - a protected record or packet, as published
 * @keys: what it is protected with
 * @seq: its number
 * @nonce: that follows
 * @header: its additional data
 * @body: ciphertext and tag
 * @plain: what is in it, with TLS 1.3's type
 */
struct record {
	const struct keys *keys;
	u64 seq;
	struct bytes nonce;
	struct bytes header;
	struct bytes body;
	struct bytes plain;
};

#define COUNT_TO_31_AND_TYPE							\
	BYTES("\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f" \
	      "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f" \
	      "\x20\x21\x22\x23\x24\x25\x26\x27\x28\x29\x2a\x2b\x2c\x2d\x2e\x2f" \
	      "\x30\x31\x17")
#define CLOSE_NOTIFY_AND_TYPE BYTES("\x01\x00\x15")

static const struct record records[] = {
	{
		.keys = &rfc8448_client,
		.seq = 0,
		.nonce = BYTES("\x5b\x78\x92\x3d\xee\x08\x57\x90\x33\xe5\x23\xd9"),
		.header = BYTES("\x17\x03\x03\x00\x43"),
		.body = BYTES("\xa2\x3f\x70\x54\xb6\x2c\x94\xd0\xaf\xfa\xfe\x82\x28\xba\x55\xcb"
			      "\xef\xac\xea\x42\xf9\x14\xaa\x66\xbc\xab\x3f\x2b\x98\x19\xa8\xa5"
			      "\xb4\x6b\x39\x5b\xd5\x4a\x9a\x20\x44\x1e\x2b\x62\x97\x4e\x1f\x5a"
			      "\x62\x92\xa2\x97\x70\x14\xbd\x1e\x3d\xea\xe6\x3a\xee\xbb\x21\x69"
			      "\x49\x15\xe4"),
		.plain = COUNT_TO_31_AND_TYPE,
	},
	{
		.keys = &rfc8448_client,
		.seq = 1,
		.nonce = BYTES("\x5b\x78\x92\x3d\xee\x08\x57\x90\x33\xe5\x23\xd8"),
		.header = BYTES("\x17\x03\x03\x00\x13"),
		.body = BYTES("\xc9\x87\x27\x60\x65\x56\x66\xb7\x4d\x7f\xf1\x15\x3e\xfd\x6d\xb6"
			      "\xd0\xb0\xe3"),
		.plain = CLOSE_NOTIFY_AND_TYPE,
	},
	/* the server's number 0 was its NewSessionTicket */
	{
		.keys = &rfc8448_server,
		.seq = 1,
		.nonce = BYTES("\xcf\x78\x2b\x88\xdd\x83\x54\x9a\xad\xf1\xe9\x85"),
		.header = BYTES("\x17\x03\x03\x00\x43"),
		.body = BYTES("\x2e\x93\x7e\x11\xef\x4a\xc7\x40\xe5\x38\xad\x36\x00\x5f\xc4\xa4"
			      "\x69\x32\xfc\x32\x25\xd0\x5f\x82\xaa\x1b\x36\xe3\x0e\xfa\xf9\x7d"
			      "\x90\xe6\xdf\xfc\x60\x2d\xcb\x50\x1a\x59\xa8\xfc\xc4\x9c\x4b\xf2"
			      "\xe5\xf0\xa2\x1c\x00\x47\xc2\xab\xf3\x32\x54\x0d\xd0\x32\xe1\x67"
			      "\xc2\x95\x5d"),
		.plain = COUNT_TO_31_AND_TYPE,
	},
	{
		.keys = &rfc8448_server,
		.seq = 2,
		.nonce = BYTES("\xcf\x78\x2b\x88\xdd\x83\x54\x9a\xad\xf1\xe9\x86"),
		.header = BYTES("\x17\x03\x03\x00\x13"),
		.body = BYTES("\xb5\x8f\xd6\x71\x66\xeb\xf5\x99\xd2\x47\x20\xcf\xbe\x7e\xfa\x7a"
			      "\x88\x64\xa9"),
		.plain = CLOSE_NOTIFY_AND_TYPE,
	},
	{
		.keys = &rfc9001_chacha,
		.seq = 654360564,
		.nonce = BYTES("\xe0\x45\x9b\x34\x74\xbd\xd0\xe4\x6d\x41\x7e\xb0"),
		.header = BYTES("\x42\x00\xbf\xf4"),
		.body = BYTES("\x65\x5e\x5c\xd5\x5c\x41\xf6\x90\x80\x57\x5d\x79\x99\xc2\x5a\x5b"
			      "\xfb"),
		.plain = BYTES("\x01"),
	},
};

/* Without a context */
static size_t hkdf_label(u8 *out, size_t size, const char *label, u16 len)
{
	return ksc_hkdf_label(out, size, label, strlen(label), NULL, 0, len);
}

/* Our HkdfLabel is the published one; one round of HKDF-Expand gives the key. */
static void expand(const struct keys *keys, const char *label, const struct bytes *info,
		   const struct bytes *key)
{
	u8 buf[64], out[32];
	size_t n = hkdf_label(buf, sizeof(buf) - 1, label, (u16)key->len);

	assert_int_equal(n, info->len);
	assert_memory_equal(buf, info->p, n);
	buf[n++] = 1;
	assert_true(key->len <= sizeof(out) && keys->secret.len == sizeof(out));
	assert_int_equal(gnutls_hmac_fast(GNUTLS_MAC_SHA256, keys->secret.p, keys->secret.len,
					  buf, n, out), 0);
	assert_memory_equal(out, key->p, key->len);
}

static void labels_and_keys(void **state)
{
	static const struct keys *const all[] = {
		&rfc8448_client, &rfc8448_server, &rfc9001_chacha,
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		expand(all[i], all[i]->key_label, &all[i]->key_info, &all[i]->key);
		expand(all[i], all[i]->iv_label, &all[i]->iv_info, &all[i]->iv);
	}
}

static void open_record(const struct record *r)
{
	const gnutls_datum_t key = { (unsigned char *)r->keys->key.p,
				     (unsigned int)r->keys->key.len };
	gnutls_aead_cipher_hd_t aead;
	u8 nonce[NONCE_LEN], plain[64];
	size_t len = sizeof(plain);

	ksc_nonce_xor(nonce, (const u8 *)r->keys->iv.p, r->seq);
	assert_memory_equal(nonce, r->nonce.p, NONCE_LEN);
	assert_int_equal(gnutls_aead_cipher_init(&aead, r->keys->aead, &key), 0);
	assert_int_equal(gnutls_aead_cipher_decrypt(aead, nonce, NONCE_LEN, r->header.p,
						    r->header.len, KSC_TAG_LEN, r->body.p,
						    r->body.len, plain, &len), 0);
	assert_int_equal(len, r->plain.len);
	assert_memory_equal(plain, r->plain.p, len);
	gnutls_aead_cipher_deinit(aead);
}

static void records_open(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(records) / sizeof(records[0]); i++)
		open_record(&records[i]);
}

/* The header we would have sent them under is the one that they have. */
static void records_have_our_header(void **state)
{
	u8 header[KSC_HEADER_LEN];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		struct ksc_header h;

		if (records[i].header.len != KSC_HEADER_LEN)
			continue;
		ksc_header_make(header, KSC_CT_APPLICATION_DATA, (u16)records[i].body.len);
		assert_memory_equal(header, records[i].header.p, sizeof(header));
		ksc_header_parse(header, &h);
		assert_int_equal(ksc_header_check_protected(&h, KSC_VERSION_1_3, KSC_TAG_LEN), 0);
	}
}

/*
 * RFC 8446 5.3, RFC 7905 2: the number in network order, padded to the left
 * with zeros, xor the iv. Each bit of the number has its place.
 */
static void nonce_of_every_bit(void **state)
{
	u8 iv[NONCE_LEN], nonce[NONCE_LEN], want[NONCE_LEN];
	int bit, i;

	(void)state;
	for (i = 0; i < NONCE_LEN; i++)
		iv[i] = (u8)(0x5b + 17 * i);
	for (bit = 0; bit < 64; bit++) {
		memcpy(want, iv, sizeof(want));
		want[NONCE_LEN - 1 - bit / 8] ^= (u8)(1 << bit % 8);
		ksc_nonce_xor(nonce, iv, 1ULL << bit);
		assert_memory_equal(nonce, want, sizeof(want));
	}
}

static void nonce_of_extremes(void **state)
{
	static const u8 iv[NONCE_LEN] = { 0xa5, 0xa5, 0xa5, 0xa5, 0, 0, 0, 0, 0, 0, 0, 0 };
	u8 *nonce = malloc(NONCE_LEN);

	(void)state;
	assert_non_null(nonce);
	ksc_nonce_xor(nonce, iv, 0);
	assert_memory_equal(nonce, iv, NONCE_LEN);
	/* the first four bytes are the iv's whatever the number */
	ksc_nonce_xor(nonce, iv, UINT64_MAX);
	assert_memory_equal(nonce, "\xa5\xa5\xa5\xa5\xff\xff\xff\xff\xff\xff\xff\xff", NONCE_LEN);
	ksc_nonce_xor(nonce, iv, 0x0102030405060708ULL);
	assert_memory_equal(nonce, "\xa5\xa5\xa5\xa5\x01\x02\x03\x04\x05\x06\x07\x08", NONCE_LEN);
	free(nonce);
}

/* RFC 5246 6.2.3.3: seq_num + type + version + length, of the plaintext */
static void aad_of_tls_12(void **state)
{
	u8 *aad = malloc(13);

	(void)state;
	assert_non_null(aad);
	assert_int_equal(ksc_aad_12(aad, 0, KSC_CT_HANDSHAKE, 16), 13);
	assert_memory_equal(aad, "\0\0\0\0\0\0\0\0\x16\x03\x03\x00\x10", 13);
	assert_int_equal(ksc_aad_12(aad, 0x0102030405060708ULL, KSC_CT_APPLICATION_DATA, 0x4000),
			 13);
	assert_memory_equal(aad, "\1\2\3\4\5\6\7\x08\x17\x03\x03\x40\x00", 13);
	assert_int_equal(ksc_aad_12(aad, UINT64_MAX, KSC_CT_ALERT, 0), 13);
	assert_memory_equal(aad, "\xff\xff\xff\xff\xff\xff\xff\xff\x15\x03\x03\x00\x00", 13);
	free(aad);
}

/* Label and length as the module asks for them, where no vector shows it. */
static void label_forms(void **state)
{
	static const struct {
		const char *label;
		u16 len;
		struct bytes want;
	} forms[] = {
		/* RFC 8448 3: "finished" */
		{ "finished", 32, BYTES("\x00\x20\x0etls13 finished\x00") },
		/* RFC 9001 A.1: "quic hp" */
		{ "quic hp", 16, BYTES("\x00\x10\x0dtls13 quic hp\x00") },
		/* RFC 8446 7.2, with SHA-256 and SHA-384 */
		{ "traffic upd", 32, BYTES("\x00\x20\x11tls13 traffic upd\x00") },
		{ "traffic upd", 48, BYTES("\x00\x30\x11tls13 traffic upd\x00") },
		{ "", 0xfedc, BYTES("\xfe\xdc\x06tls13 \x00") },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		/* room for just that, and for a byte less */
		size_t len = forms[i].want.len;
		u8 *out = malloc(len);

		assert_non_null(out);
		assert_int_equal(hkdf_label(out, len, forms[i].label, forms[i].len), len);
		assert_memory_equal(out, forms[i].want.p, len);
		free(out);
		out = malloc(len - 1);
		assert_non_null(out);
		assert_int_equal(hkdf_label(out, len - 1, forms[i].label, forms[i].len), 0);
		free(out);
	}
}

/* RFC 8446 7.1: opaque label<7..255>, "tls13 " included */
static void label_sizes(void **state)
{
	char label[251];
	u8 *out = malloc(300);
	size_t len;

	(void)state;
	assert_non_null(out);
	for (len = 0; len < sizeof(label); len++) {
		size_t want = len <= 249 ? 2 + 1 + 6 + len + 1 : 0;

		memset(label, 'x', len);
		label[len] = 0;
		assert_int_equal(hkdf_label(out, 300, label, 1), want);
		if (want) {
			assert_int_equal(out[2], 6 + len);
			assert_int_equal(out[want - 1], 0);
		}
	}
	for (len = 0; len < 10; len++)
		assert_int_equal(hkdf_label(out, len, "", 1), 0);
	assert_int_equal(hkdf_label(out, 10, "", 1), 10);
	free(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(labels_and_keys),
		cmocka_unit_test(records_open),
		cmocka_unit_test(records_have_our_header),
		cmocka_unit_test(nonce_of_every_bit),
		cmocka_unit_test(nonce_of_extremes),
		cmocka_unit_test(aad_of_tls_12),
		cmocka_unit_test(label_forms),
		cmocka_unit_test(label_sizes),
	};

	return cmocka_run_group_tests_name("kernel/record: nonces and labels", tests, NULL, NULL);
}
