/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handover.h: the protocol between daemon and reader, on a socket that preserves message
 * boundaries. The daemon sends the number of a load, nothing else. The reader replies with what the
 * configuration names, one message for each item; files are descriptors of sealed copies in memory.
 * And it reports once when a file has changed since, but not which.
 */
#ifndef KSC_HANDOVER_H
#define KSC_HANDOVER_H

#include <stdint.h>
#include <sys/types.h>

#include "config/handed.h"

/* Size of a message in bytes */
#define KSC_HANDOVER_SIZE	65536U
/* Size of a name: no line of the configuration is longer. */
#define KSC_HANDOVER_NAME	4096U
/* Maximum number of members in a message; a group can take several messages. */
#define KSC_HANDOVER_MEMBERS	8192U

/* Values besides those of enum ksc_kind: the load is complete or has failed. */
#define KSC_HANDOVER_END	0x100U
/* A file that the load has read has changed. */
#define KSC_HANDOVER_CHANGED	0x101U

/**
 * struct ksc_handover - header of the reader's messages
 * @load: number of the load
 * @kind: an enum ksc_kind, KSC_HANDOVER_END or KSC_HANDOVER_CHANGED
 * @error: why the item is missing, as a negative errno, or 0
 * @uid: ID of an account
 * @gid: ID of an account's primary group, or of a group
 * @known: for a file: its directories are known
 * @file: for a file: its owner and mode
 * @n: for a file: number of directories on its path; for a group: number of members
 * @name_len: size in bytes of the name, which follows these
 */
struct ksc_handover {
	uint32_t load;
	uint32_t kind;
	int32_t error;
	uint32_t uid;
	uint32_t gid;
	uint32_t known;
	struct ksc_door file;
	uint32_t n;
	uint32_t name_len;
};

_Static_assert(sizeof(struct ksc_handover) + KSC_MAX_WAY * sizeof(struct ksc_door) +
	       KSC_HANDOVER_NAME <= KSC_HANDOVER_SIZE, "a way fits");
_Static_assert(sizeof(struct ksc_handover) + KSC_HANDOVER_MEMBERS * sizeof(uid_t) +
	       KSC_HANDOVER_NAME <= KSC_HANDOVER_SIZE, "members fit");

#endif
