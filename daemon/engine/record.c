// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds complete TLS records at the start of a buffer. Only these are passed to sessions, so that
 * a step without one changes nothing. A malformed record is rejected at its first wrong byte,
 * without waiting for the rest.
 */
#include <stdbool.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "engine/record.h"

/* RFC 5246, 6.2.3; GnuTLS checks the lower limit of RFC 8446, 5.2. */
#define MAX_CIPHERTEXT	((1 << 14) + 2048)

#define CT_CHANGE_CIPHER_SPEC	20

/*
 * The content must be a single byte 1: RFC 8446, 5 ends the handshake otherwise, and RFC 5246, 7.1
 * defines no other. GnuTLS 3.8 drops it unread in TLS 1.3. It is never encrypted in a handshake.
 */
static bool is_bad_ccs(const uint8_t *in, size_t len)
{
	if (len < KSC_RECORD_HEADER || in[0] != CT_CHANGE_CIPHER_SPEC)
		return false;
	return in[3] || in[4] != 1 || (len > KSC_RECORD_HEADER && in[KSC_RECORD_HEADER] != 1);
}

static int header_fault(const uint8_t *in, size_t len, struct ksc_records *records)
{
	records->alert = GNUTLS_A_UNEXPECTED_MESSAGE;
	if (len >= 1 && (in[0] < 20 || in[0] > 23)) {
		records->error = "The peer's data is not TLS.";
		return -1;
	}
	if (len >= 2 && in[1] != 3) {
		records->alert = GNUTLS_A_PROTOCOL_VERSION;
		records->error = "A record has a version that is not a TLS version.";
		return -1;
	}
	if (len >= KSC_RECORD_HEADER && ((size_t)in[3] << 8 | in[4]) > MAX_CIPHERTEXT) {
		records->alert = GNUTLS_A_RECORD_OVERFLOW;
		records->error = "A record is larger than TLS allows.";
		return -1;
	}
	if (is_bad_ccs(in, len)) {
		records->error = "A change_cipher_spec is malformed.";
		return -1;
	}
	return 0;
}

/**
 * ksc_records_alert() - find a fatal plaintext alert at the end of records
 * @in: the records
 * @len: their size in bytes
 *
 * Return: the alert's number, -1 if the last record is something else
 */
int ksc_records_alert(const uint8_t *in, size_t len)
{
	const uint8_t *last;

	if (len < KSC_RECORD_HEADER + 2)
		return -1;
	last = in + len - KSC_RECORD_HEADER - 2;
	if (last[0] != 21 || last[1] != 3 || last[3] != 0 || last[4] != 2 ||
	    last[5] != GNUTLS_AL_FATAL)
		return -1;
	return last[6];
}

/**
 * ksc_records_scan() - find the complete records at the start of a buffer
 * @in: the buffer
 * @len: its size in bytes
 * @records: filled in
 */
void ksc_records_scan(const uint8_t *in, size_t len, struct ksc_records *records)
{
	memset(records, 0, sizeof(*records));
	for (;;) {
		size_t left = len - records->whole, size;
		const uint8_t *record = left ? in + records->whole : NULL;

		if (header_fault(record, left, records))
			return;
		if (left < KSC_RECORD_HEADER) {
			records->need = KSC_RECORD_HEADER - left;
			return;
		}
		size = KSC_RECORD_HEADER + ((size_t)record[3] << 8 | record[4]);
		if (left < size) {
			records->need = size - left;
			return;
		}
		records->whole += size;
	}
}
