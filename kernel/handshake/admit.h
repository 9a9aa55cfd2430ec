/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Admission control: limits on handshakes and unattached keys.
 */
#ifndef _KSC_HANDSHAKE_ADMIT_H
#define _KSC_HANDSHAKE_ADMIT_H

#include <linux/in6.h>
#include <linux/list.h>
#include <linux/rcupdate.h>
#include <linux/rhashtable-types.h>
#include <linux/types.h>
#include <linux/uidgid.h>

struct ksc_context;
struct ksc_handshakes;
struct ksc_net;
struct sock;
struct user_namespace;

#define KSC_TRUSTED_MAX		16

/* enum ksc_share - what a handshake counts toward, in the order in which limits are checked */
enum ksc_share {
	KSC_SHARE_ADDRESS,	/* the peer's: IPv4 /32, IPv6 /64 */
	KSC_SHARE_SITE,		/* IPv6 /48 */
	KSC_SHARE_LISTENER,	/* a service: sockets that listen on an address and port */
	KSC_SHARE_USER,
	KSC_SHARE_SERVERS,	/* all but the reserve for clients */
	KSC_SHARE_ALL,
	KSC_SHARES,
	KSC_SHARE_KEYS = KSC_SHARES,	/* a user's unattached keys, not handshakes */
};

/**
 * struct ksc_trusted - a prefix whose peers are not counted by their address
 * @addr: IPv4 is mapped into IPv6
 * @len: leading bits that count
 */
struct ksc_trusted {
	struct in6_addr addr;
	u8 len;
};

/**
 * struct ksc_limits - limits of handshakes and keys, see KSC_CMD_LIMITS_SET
 * @handshakes: concurrent ones, of sockets
 * @per_user: of one user, in all namespaces
 * @client_reserve: of @handshakes, reserved for outgoing connections
 * @per_address: of one IPv4 address or IPv6 /64, once half of a limit is used
 * @per_site: of one IPv6 /48, likewise
 * @per_listener: of all sockets that listen on one address and port, likewise
 * @first_flight: bytes from the peer before our first flight
 * @steps: of a handshake
 * @keys: unattached ones
 * @keys_per_user: of one user, in all namespaces
 * @ntrusted: entries of @trusted
 * @trusted: prefixes exempt from @per_address and @per_site
 *
 * Changed under ksc_admit_lock; single values are read without it.
 */
struct ksc_limits {
	u32 handshakes;
	u32 per_user;
	u32 client_reserve;
	u32 per_address;
	u32 per_site;
	u32 per_listener;
	u32 first_flight;
	u32 steps;
	u32 keys;
	u32 keys_per_user;
	u32 ntrusted;
	struct ksc_trusted trusted[KSC_TRUSTED_MAX];
};

/**
 * struct ksc_bucket_key - identifies the handshakes or keys that share a limit
 * @scope: namespace, 0 for all
 * @id: address, ksc_admit_listener(), or user
 * @share: enum ksc_share
 * @v6: @id is part of an IPv6 address
 */
struct ksc_bucket_key {
	u64 scope;
	u64 id;
	u32 share;
	u32 v6;
};

/**
 * struct ksc_bucket - handshakes, or keys, that share a limit
 * @node: in the table, unless embedded in a namespace's state
 * @rcu: the table's resize may still access it
 * @key: who shares it
 * @count: number of handshakes or keys
 * @unproven: handshakes whose peer has not answered our first flight, in order of arrival or of
 *	that flight
 */
struct ksc_bucket {
	struct rhash_head node;
	struct rcu_head rcu;
	struct ksc_bucket_key key;
	u32 count;
	struct list_head unproven;
};

/**
 * struct ksc_counted - a handshake in a bucket
 * @bucket: the bucket, NULL for none
 * @node: in its list of unproven ones
 */
struct ksc_counted {
	struct ksc_bucket *bucket;
	struct list_head node;
};

/**
 * struct ksc_admission - what a context counts toward
 * @in: by enum ksc_share
 * @admitted: it is counted
 * @proven: the peer has answered our first flight
 */
struct ksc_admission {
	struct ksc_counted in[KSC_SHARES];
	bool admitted;
	bool proven;
};

/**
 * struct ksc_applicant - the connection on whose behalf a handshake begins
 * @sk: the socket; of a server, its peer and port count
 * @listener: ksc_admit_listener() of the socket that accepted it, 0 for none
 * @ns: user namespace of @uid
 * @uid: owner of the socket
 */
struct ksc_applicant {
	const struct sock *sk;
	u64 listener;
	const struct user_namespace *ns;
	kuid_t uid;
};

int ksc_admit_init(void);
void ksc_admit_exit(void);
void ksc_admit_net_init(struct ksc_handshakes *hs);
u64 ksc_admit_listener(const struct sock *listener);
int ksc_admit(struct ksc_context *ctx, const struct ksc_applicant *who);
void ksc_admit_spoke(struct ksc_context *ctx);
void ksc_admit_prove(struct ksc_context *ctx);
void ksc_admit_end(struct ksc_context *ctx);
int ksc_admit_key(struct ksc_net *kn, kuid_t uid, struct ksc_bucket **user);
void ksc_admit_key_end(struct ksc_net *kn, struct ksc_bucket *user);
void ksc_admit_limits(struct ksc_net *kn, const struct ksc_limits *limits);
u32 ksc_admit_trusted_get(struct ksc_net *kn, struct ksc_trusted trusted[KSC_TRUSTED_MAX]);
void ksc_limits_default(struct ksc_limits *limits);
u32 ksc_limits_per_listener(const struct ksc_limits *limits);

#endif /* _KSC_HANDSHAKE_ADMIT_H */
