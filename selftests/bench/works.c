// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is measured: the rows of the result.
 */
#include "works.h"

#define KIB 1024UL
#define MIB (1024UL * 1024)

#define GROWTH(size, write, n)							\
	{ "growth/connections/" size "/" #n, KSB_GROWTH, write,			\
	  .connections = (n), .unit = "record" }
#define SCALE(size, write, bytes, n)						\
	{ "scale/" size "/" #n, KSB_SCALE, write, 64 * KIB, bytes,		\
	  .connections = (n), .unit = "byte" }

const struct ksb_work ksb_works[] = {
	{ "stream/64B", KSB_STREAM, 64, 64 * KIB, 512 * KIB,
	  .unit = "byte" },
	{ "stream/1KiB", KSB_STREAM, KIB, 64 * KIB, 4 * MIB,
	  .unit = "byte" },
	{ "stream/16KiB", KSB_STREAM, 16 * KIB, 64 * KIB, 16 * MIB,
	  .unit = "byte" },
	{ "stream/64KiB", KSB_STREAM, 64 * KIB, 64 * KIB, 16 * MIB,
	  .unit = "byte" },
	{ "stream-nagle/64B", KSB_STREAM, 64, 64 * KIB, 512 * KIB,
	  .nagle = true, .unit = "byte" },
	{ "read/1KiB", KSB_STREAM, 16 * KIB, KIB, 8 * MIB,
	  .unit = "byte" },
	{ "read/64KiB", KSB_STREAM, 16 * KIB, 64 * KIB, 8 * MIB,
	  .unit = "byte" },
	{ "sendfile/1MiB", KSB_SENDFILE, MIB, 64 * KIB, 32 * MIB,
	  .unit = "byte" },
	{ "splice/1MiB", KSB_SPLICE, MIB, 64 * KIB, 32 * MIB,
	  .unit = "byte" },
	{ "rr/64B", KSB_RR, 64, 64 * KIB, 4000,
	  .unit = "round trip" },
	{ "rr/1KiB", KSB_RR, KIB, 64 * KIB, 4000,
	  .unit = "round trip" },
	{ "memory/idle-connection", KSB_MEMORY, .unit = "bytes/endpoint" },
	{ "handshake/full", KSB_HANDSHAKE, .unit = "connection" },
	{ "handshake/resumed", KSB_HANDSHAKE, .resume = true,
	  .unit = "connection" },
	GROWTH("64B", 64, 1),
	GROWTH("16KiB", 16 * KIB, 1),
	GROWTH("64B", 64, 100),
	GROWTH("16KiB", 16 * KIB, 100),
	GROWTH("64B", 64, 1000),
	GROWTH("16KiB", 16 * KIB, 1000),
	GROWTH("64B", 64, 10000),
	GROWTH("16KiB", 16 * KIB, 10000),
	SCALE("64B", 64, 64 * KIB, 1),
	SCALE("64B", 64, 64 * KIB, 2),
	SCALE("16KiB", 16 * KIB, 8 * MIB, 1),
	SCALE("16KiB", 16 * KIB, 8 * MIB, 2),
	{ "context/handshake", KSB_CONTEXT, .unit = "handshake" },
	{ "context/memory", KSB_CONTEXT_MEMORY, .unit = "bytes/context" },
	{ "policy/attach-bypass", KSB_POLICY, .unit = "connection" },
	{ "policy/lookup/1", KSB_POLICY, .rules = 1, .unit = "connection" },
	{ "policy/lookup/10000", KSB_POLICY, .rules = 10000,
	  .unit = "connection" },
	{ "policy/stream/64B", KSB_POLICY, 64, 64 * KIB, 512 * KIB,
	  .rules = 1, .unit = "byte" },
	{ "policy/stream/16KiB", KSB_POLICY, 16 * KIB, 64 * KIB, 16 * MIB,
	  .rules = 1, .unit = "byte" },
};

const unsigned int ksb_n_works = sizeof(ksb_works) / sizeof(ksb_works[0]);
