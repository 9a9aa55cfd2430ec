// SPDX-License-Identifier: GPL-2.0-only
/*
 * Admission control for the sockets' handshakes. Each counts toward its namespace, its user, its
 * service (listener) and its peer's prefix. Over a limit, a handshake under the same limit is
 * evicted, not the newest: of the first in order of arrival, or of our first flight once it is
 * sent, one whose peer has not answered. A flood displaces itself, and peers that answer stay.
 * Only if all have answered, the new one is refused. Prefixes and services are limited once half
 * of the namespace's or the user's limit is used. Defaults: KSC_DEFAULT_* in kschannel_netlink.h.
 *
 * Also limits unattached keys, per namespace and per user whose handshakes they come from. There
 * the newest is refused.
 *
 * Only admitted handshakes are counted, so the limits bound the tables. A table entry is charged
 * to the memory cgroup of the socket, of keys to the daemon's.
 */
#include <linux/kschannel_netlink.h>
#include <linux/random.h>
#include <linux/rhashtable.h>
#include <linux/siphash.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include <net/ipv6.h>
#include <net/net_namespace.h>

#include "handshake/admit.h"
#include "handshake/context.h"
#include "handshake/owner.h"
#include "memcg.h"
#include "net.h"

/* Evictions for each new handshake at most, after limits were lowered */
#define KSC_EVICT_MOST	4
/* Candidates that are checked for each eviction */
#define KSC_EVICT_LOOK	8

static const struct rhashtable_params ksc_bucket_params = {
	.key_len	= sizeof(struct ksc_bucket_key),
	.key_offset	= offsetof(struct ksc_bucket, key),
	.head_offset	= offsetof(struct ksc_bucket, node),
	.automatic_shrinking = true,
};

/* Users are counted over all namespaces: one lock, held for a few list operations */
static DEFINE_SPINLOCK(ksc_admit_lock);
static struct rhashtable ksc_buckets;
static siphash_key_t ksc_service_key __read_mostly;

/**
 * ksc_limits_default() - set default limits
 * @limits: filled in
 */
void ksc_limits_default(struct ksc_limits *limits)
{
	*limits = (struct ksc_limits){
		.handshakes	= KSC_DEFAULT_HANDSHAKES,
		.per_user	= KSC_DEFAULT_HANDSHAKES_PER_USER,
		.client_reserve	= KSC_DEFAULT_CLIENT_RESERVE,
		.per_address	= KSC_DEFAULT_HANDSHAKES_PER_ADDRESS,
		.per_site	= KSC_DEFAULT_HANDSHAKES_PER_SITE,
		.first_flight	= KSC_DEFAULT_FIRST_FLIGHT,
		.steps		= KSC_DEFAULT_STEPS,
		.keys		= KSC_DEFAULT_KEYS,
		.keys_per_user	= KSC_DEFAULT_KEYS_PER_USER,
	};
	limits->per_listener = ksc_limits_per_listener(limits);
}

/**
 * ksc_limits_per_listener() - default limit of a listener
 * @limits: the other limits
 *
 * Of several services of a user, one that is flooded leaves half of the limit to the others.
 *
 * Return: the limit.
 */
u32 ksc_limits_per_listener(const struct ksc_limits *limits)
{
	return max(min(limits->handshakes, limits->per_user) / 2, 1U);
}

/* ---- identification ---- */

/*
 * All users of a user namespace count as its owner, however many are mapped. Namespaces that root
 * created are containers, and count each for itself.
 */
static u64 ksc_admit_user(const struct user_namespace *ns, kuid_t uid)
{
	if (ns == &init_user_ns)
		return __kuid_val(uid);
	while (ns->parent != &init_user_ns)
		ns = ns->parent;
	if (uid_eq(ns->owner, GLOBAL_ROOT_UID))
		return (u64)ns->ns.inum << 32;
	return __kuid_val(ns->owner);
}

static u64 ksc_admit_service(const struct in6_addr *addr, u16 port, int dev)
{
	const struct {
		struct in6_addr addr;
		u32 port;
		u32 dev;
	} where = { *addr, port, dev };

	return siphash(&where, sizeof(where), &ksc_service_key) ?: 1;
}

/**
 * ksc_admit_listener() - identify the service of a connection
 * @listener: socket that accepts it
 *
 * All sockets that listen on an address and port are one service: its processes, and its
 * successors. The local address that the peer connected to, or the port where connections are
 * redirected, does not count, or a peer could spread over many services.
 *
 * Context: any. Return: its keyed hash, never 0.
 */
u64 ksc_admit_listener(const struct sock *listener)
{
	const struct inet_sock *inet = inet_sk(listener);
	struct in6_addr addr;

#if IS_ENABLED(CONFIG_IPV6)
	if (listener->sk_family == AF_INET6)
		addr = listener->sk_v6_rcv_saddr;
	else
#endif
		ipv6_addr_set_v4mapped(inet->inet_rcv_saddr, &addr);
	return ksc_admit_service(&addr, inet->inet_num, READ_ONCE(listener->sk_bound_dev_if));
}

static bool ksc_admit_peer(const struct sock *sk, struct in6_addr *peer)
{
	const struct inet_sock *inet = inet_sk(sk);

#if IS_ENABLED(CONFIG_IPV6)
	if (sk->sk_family == AF_INET6 && !ipv6_addr_v4mapped(&sk->sk_v6_daddr)) {
		*peer = sk->sk_v6_daddr;
		return !ipv6_addr_loopback(peer) &&
		       !ipv6_addr_equal(peer, &sk->sk_v6_rcv_saddr);
	}
#endif
	ipv6_addr_set_v4mapped(inet->inet_daddr, peer);
	return !ipv4_is_loopback(inet->inet_daddr) && inet->inet_daddr != inet->inet_rcv_saddr;
}

static bool ksc_admit_trusted(const struct ksc_limits *l, const struct in6_addr *peer)
{
	u32 i;

	for (i = 0; i < l->ntrusted; i++)
		if (ipv6_prefix_equal(peer, &l->trusted[i].addr, l->trusted[i].len))
			return true;
	return false;
}

/* What it counts toward besides its namespace; not the peer of a client, which chose it itself */
static void ksc_admit_keys(const struct ksc_context *ctx, const struct ksc_applicant *who,
			   struct ksc_bucket_key *key, bool *wanted)
{
	struct in6_addr peer;
	bool trusted, v6;

	key[KSC_SHARE_USER].id = ksc_admit_user(who->ns, who->uid);
	wanted[KSC_SHARE_USER] = true;
	if (ctx->role == KSC_ROLE_CLIENT)
		return;
	key[KSC_SHARE_LISTENER].scope = (unsigned long)ctx->kn;
	/* it was accepted as a plain TCP socket */
	key[KSC_SHARE_LISTENER].id = who->listener ?:
		ksc_admit_service(&in6addr_any, inet_sk(who->sk)->inet_num, 0);
	wanted[KSC_SHARE_LISTENER] = true;
	if (!ksc_admit_peer(who->sk, &peer))
		return;
	spin_lock(&ksc_admit_lock);
	trusted = ksc_admit_trusted(&ctx->kn->handshakes->limits, &peer);
	spin_unlock(&ksc_admit_lock);
	if (trusted)
		return;
	v6 = !ipv6_addr_v4mapped(&peer);
	key[KSC_SHARE_ADDRESS].scope = (unsigned long)ctx->kn;
	key[KSC_SHARE_ADDRESS].v6 = v6;
	memcpy(&key[KSC_SHARE_ADDRESS].id, v6 ? &peer.s6_addr[0] : &peer.s6_addr[12], v6 ? 8 : 4);
	wanted[KSC_SHARE_ADDRESS] = true;
	key[KSC_SHARE_SITE].scope = (unsigned long)ctx->kn;
	key[KSC_SHARE_SITE].v6 = v6;
	memcpy(&key[KSC_SHARE_SITE].id, &peer.s6_addr[0], 6);
	wanted[KSC_SHARE_SITE] = v6;
}

/* ---- counting, under ksc_admit_lock ---- */

static u32 ksc_admit_limit(const struct ksc_net *kn, int share)
{
	const struct ksc_limits *l = &kn->handshakes->limits;

	switch (share) {
	case KSC_SHARE_ADDRESS:
		return l->per_address;
	case KSC_SHARE_SITE:
		return l->per_site;
	case KSC_SHARE_LISTENER:
		return l->per_listener;
	case KSC_SHARE_USER:
		/* a namespace's admin can't raise what a user may take of the machine */
		return min(l->per_user, ksc_net(&init_net)->handshakes->limits.per_user);
	case KSC_SHARE_SERVERS:
		return l->handshakes - l->client_reserve;
	default:
		return l->handshakes;
	}
}

static void ksc_admit_remove(struct ksc_bucket *b)
{
	rhashtable_remove_fast(&ksc_buckets, &b->node, ksc_bucket_params);
	kfree_rcu(b, rcu);
}

static void ksc_admit_leave(struct ksc_context *ctx)
{
	struct ksc_admission *a = &ctx->admission;
	int i;

	for (i = 0; i < KSC_SHARES; i++) {
		struct ksc_bucket *b = a->in[i].bucket;

		if (!b)
			continue;
		if (!a->proven)
			list_del_init(&a->in[i].node);
		a->in[i].bucket = NULL;
		if (!--b->count && i <= KSC_SHARE_USER)
			ksc_admit_remove(b);
	}
	a->admitted = false;
}

/*
 * The first unproven handshake without unread bytes from the peer, or else the first: on a busy
 * machine, the answer may have arrived long ago.
 */
static struct ksc_context *ksc_admit_first(const struct ksc_bucket *b, int share)
{
	struct ksc_context *first = NULL;
	struct ksc_counted *c;
	int n = 0;

	list_for_each_entry(c, &b->unproven, node) {
		struct ksc_context *ctx = container_of(c - share, struct ksc_context,
						       admission.in[0]);

		if (!READ_ONCE(ctx->spoke) || !ksc_owner_heard(ctx->owner, READ_ONCE(ctx->seen)))
			return ctx;
		first = first ?: ctx;
		if (++n == KSC_EVICT_LOOK)
			break;
	}
	return first;
}

/* Evict an unproven handshake; false if only @newest itself is left */
static bool ksc_admit_evict(struct ksc_bucket *b, int share, const struct ksc_context *newest)
{
	struct ksc_context *ctx = ksc_admit_first(b, share);

	if (ctx == newest)
		return false;
	ksc_admit_leave(ctx);
	WRITE_ONCE(ctx->evicted, true);
	ksc_owner_kick(ctx->owner);
	return true;
}

static const u16 ksc_admit_counters[KSC_SHARES][2] = {
	[KSC_SHARE_ADDRESS]	= { KSC_CNT_REFUSED_PREFIX, KSC_CNT_EVICTED_PREFIX },
	[KSC_SHARE_SITE]	= { KSC_CNT_REFUSED_PREFIX, KSC_CNT_EVICTED_PREFIX },
	[KSC_SHARE_LISTENER]	= { KSC_CNT_REFUSED_LISTENER, KSC_CNT_EVICTED_LISTENER },
	[KSC_SHARE_USER]	= { KSC_CNT_REFUSED_USER, KSC_CNT_EVICTED_USER },
	[KSC_SHARE_SERVERS]	= { KSC_CNT_REFUSED_ALL, KSC_CNT_EVICTED_ALL },
	[KSC_SHARE_ALL]		= { KSC_CNT_REFUSED_ALL, KSC_CNT_EVICTED_ALL },
};

/*
 * Make room under the limits, prefixes first, then the service, which are only looked at when the
 * other limits are half used; -EBUSY if that fails
 */
static int ksc_admit_room(struct ksc_context *ctx)
{
	const struct ksc_counted *in = ctx->admission.in;
	struct ksc_net *kn = ctx->kn;
	bool tight;
	int i, n;

	tight = kn->handshakes->shares[1].count > kn->handshakes->limits.handshakes / 2 ||
		in[KSC_SHARE_USER].bucket->count > ksc_admit_limit(kn, KSC_SHARE_USER) / 2;
	for (i = tight ? 0 : KSC_SHARE_USER; i < KSC_SHARES; i++) {
		struct ksc_bucket *b = in[i].bucket;

		for (n = 0; b && b->count > ksc_admit_limit(kn, i) && n < KSC_EVICT_MOST; n++) {
			if (!ksc_admit_evict(b, i, ctx)) {
				ksc_count(kn, ksc_admit_counters[i][0]);
				return -EBUSY;
			}
			ksc_count(kn, ksc_admit_counters[i][1]);
		}
	}
	return 0;
}

/* Find a key's bucket, or insert @fresh, which is consumed then */
static struct ksc_bucket *ksc_admit_bucket(struct ksc_bucket **fresh)
{
	struct ksc_bucket *b;

	b = rhashtable_lookup_fast(&ksc_buckets, &(*fresh)->key, ksc_bucket_params);
	if (b)
		return b;
	b = *fresh;
	if (rhashtable_insert_fast(&ksc_buckets, &b->node, ksc_bucket_params))
		return NULL;
	*fresh = NULL;
	return b;
}

/* Context: ksc_admit_lock. Consumes those of @fresh that are inserted */
static int ksc_admit_enter(struct ksc_context *ctx, struct ksc_bucket **fresh)
{
	struct ksc_counted *in = ctx->admission.in;
	struct ksc_net *kn = ctx->kn;
	int i;

	ctx->admission.admitted = true;
	for (i = 0; i < KSC_SHARES; i++) {
		struct ksc_bucket *b = NULL;

		if (i == KSC_SHARE_ALL || (i == KSC_SHARE_SERVERS && ctx->role == KSC_ROLE_SERVER))
			b = &kn->handshakes->shares[i == KSC_SHARE_ALL];
		else if (i <= KSC_SHARE_USER && fresh[i])
			b = ksc_admit_bucket(&fresh[i]);
		else
			continue;
		if (!b)
			return -ENOMEM;
		in[i].bucket = b;
		b->count++;
		list_add_tail(&in[i].node, &b->unproven);
	}
	return ksc_admit_room(ctx);
}

/**
 * ksc_admit() - admit a handshake, within the limits
 * @ctx: its context
 * @who: on whose behalf
 *
 * May evict others: marks them and kicks their owners.
 *
 * Context: process, the socket's lock. Return: 0; -EBUSY if there are too many that can't be
 * evicted; or -ENOMEM.
 */
int ksc_admit(struct ksc_context *ctx, const struct ksc_applicant *who)
{
	struct ksc_bucket *fresh[KSC_SHARE_USER + 1] = {};
	struct ksc_bucket_key key[KSC_SHARE_USER + 1] = {};
	bool wanted[KSC_SHARE_USER + 1] = {};
	int i, err = 0;

	ksc_admit_keys(ctx, who, key, wanted);
	for (i = 0; i <= KSC_SHARE_USER && !err; i++) {
		if (!wanted[i])
			continue;
		fresh[i] = kzalloc(sizeof(*fresh[i]), KSC_GFP_FOR_OTHERS);
		if (!fresh[i]) {
			err = -ENOMEM;
			break;
		}
		key[i].share = i;
		fresh[i]->key = key[i];
		INIT_LIST_HEAD(&fresh[i]->unproven);
	}
	if (!err) {
		spin_lock(&ksc_admit_lock);
		err = ksc_admit_enter(ctx, fresh);
		if (err)
			ksc_admit_leave(ctx);
		spin_unlock(&ksc_admit_lock);
	}
	for (i = 0; i <= KSC_SHARE_USER; i++)
		kfree(fresh[i]);
	return err;
}

/**
 * ksc_admit_spoke() - our first flight is about to be sent
 * @ctx: the context
 *
 * Moves it to the end of the eviction order, after those that still wait for the daemon: its peer
 * needs time to answer, or the daemon's work would be lost.
 *
 * Context: process, the owner's lock.
 */
void ksc_admit_spoke(struct ksc_context *ctx)
{
	struct ksc_admission *a = &ctx->admission;
	int i;

	spin_lock(&ksc_admit_lock);
	/* who evicts looks at it without the owner's lock */
	WRITE_ONCE(ctx->spoke, true);
	for (i = 0; a->admitted && !a->proven && i < KSC_SHARES; i++)
		if (a->in[i].bucket)
			list_move_tail(&a->in[i].node, &a->in[i].bucket->unproven);
	spin_unlock(&ksc_admit_lock);
}

/**
 * ksc_admit_prove() - the peer has answered our first flight
 * @ctx: the context
 *
 * Context: process, the owner's lock.
 */
void ksc_admit_prove(struct ksc_context *ctx)
{
	struct ksc_admission *a = &ctx->admission;
	int i;

	if (READ_ONCE(a->proven))
		return;
	spin_lock(&ksc_admit_lock);
	/* it may have been evicted meanwhile */
	if (a->admitted && !a->proven) {
		for (i = 0; i < KSC_SHARES; i++)
			if (a->in[i].bucket)
				list_del_init(&a->in[i].node);
		WRITE_ONCE(a->proven, true);
	}
	spin_unlock(&ksc_admit_lock);
}

/**
 * ksc_admit_end() - a context ends
 * @ctx: the context, admitted or not
 *
 * Context: process.
 */
void ksc_admit_end(struct ksc_context *ctx)
{
	spin_lock(&ksc_admit_lock);
	if (ctx->admission.admitted)
		ksc_admit_leave(ctx);
	spin_unlock(&ksc_admit_lock);
}

/* A user may have as many keys as are left; the last 16th is for users without any */
static u32 ksc_admit_keys_left(const struct ksc_net *kn)
{
	u32 most = kn->handshakes->limits.keys - kn->handshakes->limits.keys / 16;

	return max(most - min(most, kn->handshakes->nr_keys), 1U);
}

/**
 * ksc_admit_key() - admit another unattached key, within the limits
 * @kn: its daemon's namespace
 * @uid: the user that it is for
 * @user: set, for ksc_admit_key_end()
 *
 * Context: process. Return: 0; -EDQUOT if there are too many; or -ENOMEM.
 */
int ksc_admit_key(struct ksc_net *kn, kuid_t uid, struct ksc_bucket **user)
{
	struct ksc_bucket *fresh = kzalloc(sizeof(*fresh), KSC_GFP_FOR_OTHERS), *b;
	const struct ksc_handshakes *first = ksc_net(&init_net)->handshakes;
	struct ksc_handshakes *hs = kn->handshakes;
	const struct ksc_limits *l = &hs->limits;
	int err = 0;

	if (!fresh)
		return -ENOMEM;
	fresh->key.share = KSC_SHARE_KEYS;
	/* the owner of a user namespace has one share for all network namespaces in it */
	fresh->key.scope = kn->net->user_ns == &init_user_ns ? (unsigned long)kn : 0;
	fresh->key.id = ksc_admit_user(kn->net->user_ns, uid);
	spin_lock(&ksc_admit_lock);
	b = ksc_admit_bucket(&fresh);
	if (!b) {
		err = -ENOMEM;
	} else if (hs->nr_keys >= l->keys || b->count >= ksc_admit_keys_left(kn) ||
		   b->count >= min(l->keys_per_user, first->limits.keys_per_user)) {
		ksc_count(kn, KSC_CNT_KEYS_REFUSED);
		err = -EDQUOT;
		if (!b->count)
			ksc_admit_remove(b);
	} else {
		b->count++;
		hs->nr_keys++;
		*user = b;
	}
	spin_unlock(&ksc_admit_lock);
	kfree(fresh);
	return err;
}

/**
 * ksc_admit_key_end() - a key was attached or freed
 * @kn: its daemon's namespace
 * @user: as set by ksc_admit_key()
 *
 * Context: process.
 */
void ksc_admit_key_end(struct ksc_net *kn, struct ksc_bucket *user)
{
	spin_lock(&ksc_admit_lock);
	kn->handshakes->nr_keys--;
	if (!--user->count)
		ksc_admit_remove(user);
	spin_unlock(&ksc_admit_lock);
}

/**
 * ksc_admit_limits() - set a namespace's limits
 * @kn: namespace
 * @limits: the limits
 *
 * Context: process.
 */
void ksc_admit_limits(struct ksc_net *kn, const struct ksc_limits *limits)
{
	spin_lock(&ksc_admit_lock);
	kn->handshakes->limits = *limits;
	spin_unlock(&ksc_admit_lock);
}

/**
 * ksc_admit_trusted_get() - get a namespace's trusted prefixes
 * @kn: namespace
 * @trusted: receives the prefixes
 *
 * Context: process. Return: number of prefixes.
 */
u32 ksc_admit_trusted_get(struct ksc_net *kn, struct ksc_trusted trusted[KSC_TRUSTED_MAX])
{
	u32 n;

	spin_lock(&ksc_admit_lock);
	n = kn->handshakes->limits.ntrusted;
	memcpy(trusted, kn->handshakes->limits.trusted, n * sizeof(*trusted));
	spin_unlock(&ksc_admit_lock);
	return n;
}

/**
 * ksc_admit_net_init() - set up a namespace's accounting
 * @hs: its handshakes
 */
void ksc_admit_net_init(struct ksc_handshakes *hs)
{
	int i;

	ksc_limits_default(&hs->limits);
	for (i = 0; i < ARRAY_SIZE(hs->shares); i++)
		INIT_LIST_HEAD(&hs->shares[i].unproven);
}

/**
 * ksc_admit_init() - set up the accounting
 *
 * Return: 0 or an errno.
 */
int ksc_admit_init(void)
{
	get_random_bytes(&ksc_service_key, sizeof(ksc_service_key));
	return rhashtable_init(&ksc_buckets, &ksc_bucket_params);
}

/**
 * ksc_admit_exit() - undo ksc_admit_init() when nothing is counted
 */
void ksc_admit_exit(void)
{
	rhashtable_destroy(&ksc_buckets);
}
