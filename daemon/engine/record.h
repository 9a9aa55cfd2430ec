/* SPDX-License-Identifier: GPL-2.0-only */
/* record.c: find complete TLS records at the start of a buffer. */
#ifndef KSC_RECORD_H
#define KSC_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define KSC_RECORD_HEADER	5

/**
 * struct ksc_records - records at the start of a buffer
 * @whole: bytes of complete, plausible records
 * @need: least number of bytes that the next record lacks, 0 with @error
 * @error: error in the record after the complete ones, or NULL
 * @alert: alert for @error
 */
struct ksc_records {
	size_t whole;
	size_t need;
	const char *error;
	uint8_t alert;
};

void ksc_records_scan(const uint8_t *in, size_t len, struct ksc_records *records);
int ksc_records_alert(const uint8_t *in, size_t len);

#endif
