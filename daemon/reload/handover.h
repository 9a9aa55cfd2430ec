/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * handover.h: what the daemon and the reader say to each other, on a socket that keeps
 * messages apart. The daemon says the number of a load, nothing else. The reader answers with
 * what the configuration names, a message for each thing, files as descriptors of copies that
 * nobody changes any more, and no server is asked for. And it says once when a file has changed
 * since, not which.
 */
#ifndef KSC_HANDOVER_H
#define KSC_HANDOVER_H

#include <stdint.h>
#include <sys/types.h>

#include "config/handed.h"

/* Bytes of a message */
#define KSC_HANDOVER_SIZE	65536U
/* Of a name: no line of the configuration is longer. */
#define KSC_HANDOVER_NAME	4096U
/* Members in a message; there may be several. */
#define KSC_HANDOVER_MEMBERS	8192U

/* Beside enum ksc_kind: there is nothing more, or no way to go on. */
#define KSC_HANDOVER_END	0x100U
/* A file that the load has read is no longer what it was. */
#define KSC_HANDOVER_CHANGED	0x101U

/**
 * struct ksc_handover - how a message of the reader begins
 * @load: which load it is for
 * @kind: an enum ksc_kind, KSC_HANDOVER_END or KSC_HANDOVER_CHANGED
 * @error: why there is no such thing, as a negative errno, or 0
 * @uid: an account's number
 * @gid: an account's own group, a group's number
 * @known: a file: the directories above it are
 * @file: a file: itself
 * @n: a file: doors on the way; a group: members
 * @name_len: bytes of the name, which follows these
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
