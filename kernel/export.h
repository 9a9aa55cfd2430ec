/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What keying material for applications is derived from (export.c).
 */
#ifndef _KSC_EXPORT_H
#define _KSC_EXPORT_H

#include <linux/types.h>

#include "cipher.h"

struct sock;

/**
 * struct ksc_exporter - a connection's exporter
 * @suite: whose hash it is
 * @secret: TLS 1.3: exporter_master_secret, as long as the hash; TLS 1.2: the master
 *	secret, 48 bytes
 * @randoms: TLS 1.2: the client's and the server's
 *
 * Never changed once made; zeroised with its owner.
 */
struct ksc_exporter {
	const struct ksc_suite *suite;
	u8 secret[KSC_MAX_SECRET];
	u8 randoms[KSC_RANDOMS_LEN];
};

int ksc_get_export(struct sock *sk, char __user *optval, int __user *optlen);

#endif /* _KSC_EXPORT_H */
