/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * TLS record framing, RFC 8446 section 5 and RFC 5246 section 6: pure
 * functions on bytes. No socket, no allocation, no lock; the unit tests
 * compile this file in userspace.
 */
#ifndef _KSC_RECORD_FRAME_H
#define _KSC_RECORD_FRAME_H

#include <linux/types.h>

#define KSC_VERSION_1_2		0x0303
#define KSC_VERSION_1_3		0x0304

#define KSC_HEADER_LEN		5
#define KSC_MAX_PAYLOAD		16384		/* RFC 8446 5.1 */
#define KSC_MIN_PAYLOAD		64		/* RFC 8449 4 */
#define KSC_MAX_EXPANSION_13	256		/* RFC 8446 5.2 */
#define KSC_MAX_EXPANSION_12	2048		/* RFC 5246 6.2.3 */
#define KSC_TAG_LEN		16
#define KSC_AAD_12_LEN		13		/* RFC 5246 6.2.3.3 */

/* RFC 8446 5.1: ContentType */
enum ksc_content_type {
	KSC_CT_CHANGE_CIPHER_SPEC	= 20,
	KSC_CT_ALERT			= 21,
	KSC_CT_HANDSHAKE		= 22,
	KSC_CT_APPLICATION_DATA		= 23,
};

/* RFC 8446 6: AlertLevel */
enum ksc_alert_level {
	KSC_ALERT_WARNING		= 1,
	KSC_ALERT_FATAL			= 2,
};

/* RFC 8446 6: AlertDescription, those that the kernel itself sends or interprets */
enum ksc_alert {
	KSC_ALERT_CLOSE_NOTIFY		= 0,
	KSC_ALERT_UNEXPECTED_MESSAGE	= 10,
	KSC_ALERT_BAD_RECORD_MAC	= 20,
	KSC_ALERT_RECORD_OVERFLOW	= 22,
	KSC_ALERT_ILLEGAL_PARAMETER	= 47,
	KSC_ALERT_DECODE_ERROR		= 50,
	KSC_ALERT_PROTOCOL_VERSION	= 70,
	KSC_ALERT_INTERNAL_ERROR	= 80,
	KSC_ALERT_USER_CANCELED		= 90,
	KSC_ALERT_NO_RENEGOTIATION	= 100,
};

/* RFC 8446 4: HandshakeType, those that may follow the handshake */
enum ksc_handshake_type {
	KSC_HT_HELLO_REQUEST		= 0,
	KSC_HT_CLIENT_HELLO		= 1,
	KSC_HT_NEW_SESSION_TICKET	= 4,
	KSC_HT_KEY_UPDATE		= 24,
};

/**
 * struct ksc_header - a parsed record header
 * @type: outer content type
 * @version: legacy_record_version
 * @len: length of what follows the header, in bytes
 */
struct ksc_header {
	u8 type;
	u16 version;
	u16 len;
};

/**
 * struct ksc_hs_parser - tracks handshake messages across records
 * @hdr: the message's header, as far as received
 * @have: bytes in @hdr
 * @left: bytes of the message's body still to come
 *
 * Only the types and lengths of post-handshake messages matter here; bodies are skipped.
 */
struct ksc_hs_parser {
	u8 hdr[4];
	u8 have;
	u32 left;
};

void ksc_header_parse(const u8 p[KSC_HEADER_LEN], struct ksc_header *h);
void ksc_header_make(u8 p[KSC_HEADER_LEN], u8 type, u16 len);
int ksc_header_check_handshake(const struct ksc_header *h);
int ksc_header_check_protected(const struct ksc_header *h, u16 version,
			       unsigned int overhead);
void ksc_nonce_xor(u8 nonce[12], const u8 iv[12], u64 seq);
size_t ksc_aad_12(u8 aad[KSC_AAD_12_LEN], u64 seq, u8 type, u16 len);
size_t ksc_hkdf_label(u8 *out, size_t size, const void *label, size_t label_len,
		      const u8 *context, u8 context_len, u16 len);
size_t ksc_hs_parse(struct ksc_hs_parser *p, const u8 *in, size_t len,
		    u8 *type, u32 *body);

#endif /* _KSC_RECORD_FRAME_H */
