// SPDX-License-Identifier: GPL-2.0-only
/* The AEAD alone, measured in the kernel by ksc-raw-aead.ko. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

#define PARAM "/sys/module/ksc_raw_aead/parameters/run"

/* Per byte, both ways together; negative if it is not known */
static double measure(const char *algorithm, unsigned int key, size_t record, bool must)
{
	unsigned long long seal, open_ns;
	unsigned int count = record < 1024 ? 4096 : 512;
	const char *from;
	char buf[128];
	char *end;
	ssize_t n;
	int fd = open(PARAM, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -1;
	n = snprintf(buf, sizeof(buf), "%s %u %zu %u", algorithm, key, record, count);
	if (write(fd, buf, (size_t)n) != n) {
		if (must || errno != EOPNOTSUPP)
			perror(PARAM);
		close(fd);
		return -1;
	}
	n = pread(fd, buf, sizeof(buf) - 1, 0);
	close(fd);
	if (n <= 0)
		return -1;
	buf[n] = '\0';
	seal = strtoull(buf, &end, 10);
	if (end == buf)
		return -1;
	from = end;
	open_ns = strtoull(from, &end, 10);
	if (end == from)
		return -1;
	return (double)(seal + open_ns) / (double)count / (double)record;
}

/**
 * ksb_raw_aead() - measure the minimum cost of sealing and opening a record
 * @suite: the AEAD
 * @record: bytes of plaintext in it
 *
 * Return: per byte, both ways together; negative without the module.
 */
double ksb_raw_aead(enum ksb_suite suite, size_t record)
{
	static const struct {
		const char *name;
		unsigned int key;
	} aead[KSB_SUITES] = {
		[KSB_AES128] = { "gcm(aes)", 16 },
		[KSB_AES256] = { "gcm(aes)", 32 },
		[KSB_CHACHA] = { "rfc7539(chacha20,poly1305)", 32 },
	};

	return measure(aead[suite].name, aead[suite].key, record, true);
}

/**
 * ksb_raw_library() - the same by the kernel's library, without a transform
 * @suite: the AEAD
 * @record: bytes of plaintext in it
 *
 * Its ChaCha20-Poly1305 has a nonce of 64 bits, TLS one of 96.
 *
 * Return: per byte, both ways together; negative where the kernel has none.
 */
double ksb_raw_library(enum ksb_suite suite, size_t record)
{
	if (suite == KSB_CHACHA)
		return -1;
	return measure("library", suite == KSB_AES128 ? 16 : 32, record, false);
}
