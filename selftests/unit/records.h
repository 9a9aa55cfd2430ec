/* SPDX-License-Identifier: GPL-2.0-only */
/* records.c: a record layer for the tests, made of a step's keys. */
#ifndef KSC_TEST_RECORDS_H
#define KSC_TEST_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/engine.h"
#include "peer.h"

/* Protects one record of application data and puts it on the wire. */
void record_seal(const struct ksc_keys *keys, struct ksc_key *key, uint8_t type,
		 const void *data, size_t len, struct wire *wire);
/* Takes one record off the wire: the plaintext's length, or -1 if it is bad. */
int record_open(const struct ksc_keys *keys, struct ksc_key *key, struct wire *wire,
		uint8_t *type, uint8_t *data, size_t size);

#endif
