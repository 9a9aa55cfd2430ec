/* SPDX-License-Identifier: GPL-2.0-only */
/* record.c: how many whole TLS records a buffer starts with. */
#ifndef KSC_RECORD_H
#define KSC_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define KSC_RECORD_HEADER	5

/**
 * struct ksc_records - what a buffer starts with
 * @whole: bytes of whole, plausible records
 * @need: bytes that the next record lacks at least, 0 after an @error
 * @error: what is wrong with the record after the whole ones, or NULL
 * @alert: the alert for it
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
