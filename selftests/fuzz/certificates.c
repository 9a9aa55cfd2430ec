// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's entry: the input is a certificate, of which we have to see what GnuTLS sees. It is
 * mostly changed as the tree that it is, so that what is around the change still fits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agree.h"
#include "der.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t room);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const gnutls_datum_t der = { (unsigned char *)data, (unsigned int)size };
	bool split;
	const char *what = agree_not(&der, &split);

	if (!what)
		return 0;
	fprintf(stderr, "GnuTLS sees it otherwise: %s\n", what);
	abort();
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t room, unsigned int seed)
{
	struct der *der = seed % 4 ? der_read(data, size) : NULL;
	uint32_t random = seed | 1;
	size_t len;

	if (!der)
		return LLVMFuzzerMutate(data, size, room);
	der_change(der, &random);
	len = der_size(der);
	if (len <= room)
		der_write(der, data);
	der_free(der);
	return len <= room ? len : size;
}
