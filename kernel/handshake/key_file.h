/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Taking the keys of a key file for a socket.
 */
#ifndef _KSC_HANDSHAKE_KEY_FILE_H
#define _KSC_HANDSHAKE_KEY_FILE_H

#include <linux/types.h>

#include "handshake/keys.h"

struct file;
struct ksc_blob;
struct net;

/**
 * struct ksc_grant - a key taken for a socket
 * @file: the key, referenced
 * @id: the daemon's number of the session
 * @daemon: registration of a daemon that wants its tickets, or 0
 * @role: enum ksc_role
 * @verify: enum ksc_verify
 * @foreign: the daemon is not the one of the socket's namespace
 * @credential: the one that the daemon chose, or NULL
 * @server_name: the socket's previous one, freed by ksc_key_give()
 * @alpn: likewise
 * @keys: copies, charged to the process that attaches them
 * @extra: bytes that precede those in TCP's queue
 * @extra_len: their number
 *
 * Filled in by ksc_key_take(), except @extra. The socket takes and clears what it keeps;
 * ksc_key_give() frees the rest.
 */
struct ksc_grant {
	struct file *file;
	u64 id;
	u32 daemon;
	u8 role;
	u8 verify;
	bool foreign;
	struct ksc_blob *credential;
	struct ksc_blob *server_name;
	struct ksc_blob *alpn;
	struct ksc_keys keys;
	u8 *extra;
	u32 extra_len;
};

int ksc_key_take(int fd, const struct net *net, struct ksc_grant *g);
void ksc_key_give(struct ksc_grant *g, int err);

#endif /* _KSC_HANDSHAKE_KEY_FILE_H */
