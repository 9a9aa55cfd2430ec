/* SPDX-License-Identifier: GPL-2.0-only */
/* Bulk data both ways at once, compared by hash. */
#ifndef KSC_TEST_STREAM_H
#define KSC_TEST_STREAM_H

#include "net.h"

#define STREAM_BLOCK (1L << 20)

uint64_t stream_bytes(const char *variable, uint64_t otherwise);
int64_t stream_both_ways(const int fds[2], uint64_t bytes);

#endif /* KSC_TEST_STREAM_H */
