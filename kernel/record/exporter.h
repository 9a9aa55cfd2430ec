/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Exporters: derive keying material for applications.
 */
#ifndef _KSC_RECORD_EXPORTER_H
#define _KSC_RECORD_EXPORTER_H

#include <linux/kschannel_netlink.h>
#include <linux/types.h>

struct ksc_suite;

/**
 * struct ksc_exporter - a connection's exporter
 * @suite: its hash is used
 * @secret: TLS 1.3: exporter_master_secret, as long as the hash; TLS 1.2: the master
 *	secret, 48 bytes
 * @randoms: TLS 1.2: the client's and the server's
 *
 * Immutable; zeroised when its owner is freed.
 */
struct ksc_exporter {
	const struct ksc_suite *suite;
	u8 secret[KSC_MAX_SECRET];
	u8 randoms[KSC_RANDOMS_LEN];
};

/**
 * struct ksc_export_job - one request
 * @label: not NUL-terminated
 * @label_len: length of @label in bytes
 * @context: of @context_len bytes
 * @context_len: up to 65535
 * @has_context: tells an empty context from none (RFC 5705 4)
 * @out: result
 * @out_len: bytes to derive
 */
struct ksc_export_job {
	const u8 *label;
	u32 label_len;
	const u8 *context;
	u32 context_len;
	bool has_context;
	u8 *out;
	u32 out_len;
};

int ksc_export(const struct ksc_exporter *x, const struct ksc_export_job *job);
int ksc_export_user(void __user *buf, size_t room,
		    int (*derive)(void *owner, const struct ksc_export_job *job), void *owner);

#endif /* _KSC_RECORD_EXPORTER_H */
