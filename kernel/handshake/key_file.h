/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keys that the daemon has given for a socket, what key_file.c and attach.c share.
 */
#ifndef _KSC_HANDSHAKE_KEY_FILE_H
#define _KSC_HANDSHAKE_KEY_FILE_H

#include <linux/types.h>

#include "handshake/keys.h"

struct file;
struct ksc_blob;
struct net;

/**
 * struct ksc_grant - what a socket gets of a key
 * @file: the key, referenced
 * @id: the daemon's number of the session
 * @daemon: registration of a daemon that wants its tickets, or 0
 * @role: enum ksc_role
 * @verify: enum ksc_verify
 * @foreign: the daemon is not that of the socket's namespace
 * @credential: the one that the daemon took, or NULL
 * @server_name: what the socket was told before, to be freed
 * @alpn: likewise
 * @keys: copies, in the account of whoever attaches them
 * @extra: bytes that come before those in TCP's queue
 * @extra_len: how many
 *
 * Made by ksc_key_take(), but for @extra. The socket takes and clears what it keeps;
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
