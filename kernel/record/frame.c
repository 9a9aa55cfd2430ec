// SPDX-License-Identifier: GPL-2.0-only
/*
 * TLS record framing: pure functions on bytes, see frame.h.
 */
#include <linux/string.h>

#include "record/frame.h"

static u16 get_u16(const u8 *p)
{
	return (u16)(p[0] << 8 | p[1]);
}

static void put_u16(u8 *p, u16 v)
{
	p[0] = (u8)(v >> 8);
	p[1] = (u8)v;
}

static void put_u32(u8 *p, u32 v)
{
	p[0] = (u8)(v >> 24);
	p[1] = (u8)(v >> 16);
	p[2] = (u8)(v >> 8);
	p[3] = (u8)v;
}

/* no loop: compilers turn this into one or two instructions */
static void put_u64(u8 *p, u64 v)
{
	put_u32(p, (u32)(v >> 32));
	put_u32(p + 4, (u32)v);
}

/**
 * ksc_header_parse() - parse a record header
 * @p: its five bytes
 * @h: filled in; not validated
 */
void ksc_header_parse(const u8 p[KSC_HEADER_LEN], struct ksc_header *h)
{
	h->type = p[0];
	h->version = get_u16(p + 1);
	h->len = get_u16(p + 3);
}

/**
 * ksc_header_make() - write a record header
 * @p: destination
 * @type: outer content type
 * @len: length of what follows it
 *
 * legacy_record_version is 0x0303 in TLS 1.2 and 1.3 alike (RFC 8446 5.1).
 */
void ksc_header_make(u8 p[KSC_HEADER_LEN], u8 type, u16 len)
{
	p[0] = type;
	put_u16(p + 1, KSC_VERSION_1_2);
	put_u16(p + 3, len);
}

/**
 * ksc_header_check_handshake() - check whether a record may be part of a handshake
 * @h: its header
 *
 * Such records are plaintext or protected. Only the version field's major number is checked: a
 * server must accept any {3, XX} in a ClientHello's record (RFC 5246 E.1), and the field is
 * otherwise ignored (RFC 8446 5.1). So only records that no TLS peer sends are rejected.
 *
 * Return: 0, or the alert to refuse it with.
 */
int ksc_header_check_handshake(const struct ksc_header *h)
{
	if (h->type < KSC_CT_CHANGE_CIPHER_SPEC ||
	    h->type > KSC_CT_APPLICATION_DATA)
		return KSC_ALERT_UNEXPECTED_MESSAGE;
	if (h->version >> 8 != KSC_VERSION_1_2 >> 8)
		return KSC_ALERT_PROTOCOL_VERSION;
	if (h->len > KSC_MAX_PAYLOAD + KSC_MAX_EXPANSION_12)
		return KSC_ALERT_RECORD_OVERFLOW;
	/* RFC 8446 5.1: zero-length handshake fragments are not allowed */
	if (!h->len)
		return KSC_ALERT_UNEXPECTED_MESSAGE;
	return 0;
}

/**
 * ksc_header_check_protected() - check whether a record may follow the handshake
 * @h: its header
 * @version: the negotiated version
 * @overhead: explicit nonce and tag, in bytes
 *
 * Only one value of the version field is valid here, in both versions (RFC 5246 6.2.1, RFC 8446
 * 5.2), and it is authenticated.
 *
 * Return: 0, or the alert to refuse it with.
 */
int ksc_header_check_protected(const struct ksc_header *h, u16 version,
			       unsigned int overhead)
{
	if (version == KSC_VERSION_1_3) {
		/* RFC 8446 5.2: a record of any other type is plaintext */
		if (h->type != KSC_CT_APPLICATION_DATA)
			return KSC_ALERT_UNEXPECTED_MESSAGE;
		/*
		 * The inner type's byte is part of the ciphertext. RFC 8446 5.4: data, type and
		 * padding have at most 2^14 + 1 bytes; 5.2's higher limit is for AEADs that expand
		 * by more than a tag.
		 */
		overhead++;
	} else {
		if (h->type < KSC_CT_ALERT || h->type > KSC_CT_APPLICATION_DATA)
			return KSC_ALERT_UNEXPECTED_MESSAGE;
	}
	if (h->version != KSC_VERSION_1_2)
		return KSC_ALERT_PROTOCOL_VERSION;
	if (h->len > KSC_MAX_PAYLOAD + overhead)
		return KSC_ALERT_RECORD_OVERFLOW;
	/* too short for a tag: authentication fails (RFC 8446 5.2) */
	if (h->len < overhead)
		return KSC_ALERT_BAD_RECORD_MAC;
	return 0;
}

/**
 * ksc_nonce_xor() - per-record nonce of RFC 8446 5.3 and RFC 7905 2
 * @nonce: written
 * @iv: the static iv
 * @seq: the record's sequence number
 */
void ksc_nonce_xor(u8 nonce[12], const u8 iv[12], u64 seq)
{
	u64 low, number;

	/* not byte by byte: this runs for each record */
	put_u64((u8 *)&number, seq);
	memcpy(&low, iv + 4, sizeof(low));
	low ^= number;
	memcpy(nonce, iv, 4);
	memcpy(nonce + 4, &low, sizeof(low));
}

/**
 * ksc_aad_12() - additional data of TLS 1.2, RFC 5246 6.2.3.3
 * @aad: written
 * @seq: the record's sequence number
 * @type: content type
 * @len: length of the plaintext
 *
 * Return: bytes written.
 */
size_t ksc_aad_12(u8 aad[KSC_AAD_12_LEN], u64 seq, u8 type, u16 len)
{
	put_u64(aad, seq);
	ksc_header_make(aad + 8, type, len);
	return KSC_AAD_12_LEN;
}

/**
 * ksc_hkdf_label() - the HkdfLabel of RFC 8446 7.1
 * @out: written
 * @size: of @out
 * @label: without "tls13 "
 * @label_len: length of @label in bytes
 * @context: may be NULL if there is none
 * @context_len: length of @context in bytes
 * @len: bytes to derive
 *
 * Return: bytes written, 0 if they don't fit.
 */
size_t ksc_hkdf_label(u8 *out, size_t size, const void *label, size_t label_len,
		      const u8 *context, u8 context_len, u16 len)
{
	size_t n = 6 + label_len;

	if (n > 255 || size < 2 + 1 + n + 1 + context_len)
		return 0;
	put_u16(out, len);
	out[2] = (u8)n;
	memcpy(out + 3, "tls13 ", 6);
	memcpy(out + 9, label, label_len);
	out[3 + n] = context_len;
	if (context_len)
		memcpy(out + 4 + n, context, context_len);
	return 4 + n + context_len;
}

/**
 * ksc_hs_parse() - find the next handshake message's header
 * @p: state, all zero before the first byte
 * @in: bytes of handshake content
 * @len: length of @in in bytes
 * @type: the message's type, valid when @body is set
 * @body: set to the body's length when this call completes a header, else to U32_MAX
 *
 * Skips the rest of the current message, else parses as much of the next header as @in has.
 *
 * Return: bytes of @in consumed; call again with the rest until none is left.
 */
size_t ksc_hs_parse(struct ksc_hs_parser *p, const u8 *in, size_t len,
		    u8 *type, u32 *body)
{
	size_t used = 0;

	*body = (u32)~0U;
	if (p->left) {
		used = len < p->left ? len : p->left;
		p->left -= (u32)used;
		return used;
	}
	while (used < len && p->have < sizeof(p->hdr))
		p->hdr[p->have++] = in[used++];
	if (p->have == sizeof(p->hdr)) {
		*type = p->hdr[0];
		*body = (u32)p->hdr[1] << 16 | (u32)p->hdr[2] << 8 | p->hdr[3];
		p->left = *body;
		p->have = 0;
	}
	return used;
}
