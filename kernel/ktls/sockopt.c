// SPDX-License-Identifier: GPL-2.0-only
/*
 * Raw mode: socket options at level SOL_TLS, and the information for ss. Errors are those of
 * in-tree kTLS; TLS 1.3 keys can be changed as in 6.14 and later.
 */
#include <linux/inet_diag.h>
#include <linux/sockptr.h>
#include <linux/uaccess.h>
#include <net/netlink.h>
#include <net/tcp.h>

#include "ktls/rx.h"
#include "ktls/sockopt.h"
#include "ktls/state.h"
#include "record/cipher.h"
#include "record/frame.h"
#include "socket/state.h"
#include "socket/tables.h"
#include "stream/noio.h"
#include "stream/rx_stage.h"

/* RFC 8449 4; in TLS 1.3 the type's byte counts */
#define KSC_KTLS_MIN_PAYLOAD	64

/**
 * struct ksc_ktls_cipher - a cipher of linux/tls.h
 * @type: TLS_CIPHER_*
 * @size: size of its structure
 * @key: offset of the key in that
 * @salt: offset of the first part of the nonce, @salt_len bytes
 * @iv: offset of the rest of the nonce
 * @seq: offset of the sequence number
 * @salt_len: bytes of the salt; with the iv 12 in all
 * @suite_12: a TLS 1.2 suite with this cipher; these differ in the key exchange only
 * @suite_13: the TLS 1.3 suite
 */
struct ksc_ktls_cipher {
	u16 type;
	u8 size;
	u8 key;
	u8 salt;
	u8 iv;
	u8 seq;
	u8 salt_len;
	u16 suite_12;
	u16 suite_13;
};

#define KSC_KTLS_CIPHER(cipher, ci, s12, s13) {				\
	.type = TLS_CIPHER_ ## cipher,					\
	.size = sizeof(struct tls12_crypto_info_ ## ci),		\
	.key = offsetof(struct tls12_crypto_info_ ## ci, key),		\
	.salt = offsetof(struct tls12_crypto_info_ ## ci, salt),	\
	.iv = offsetof(struct tls12_crypto_info_ ## ci, iv),		\
	.seq = offsetof(struct tls12_crypto_info_ ## ci, rec_seq),	\
	.salt_len = TLS_CIPHER_ ## cipher ## _SALT_SIZE,		\
	.suite_12 = (s12), .suite_13 = (s13),				\
}

static const struct ksc_ktls_cipher ksc_ktls_ciphers[] = {
	KSC_KTLS_CIPHER(AES_GCM_128, aes_gcm_128, 0xc02f, 0x1301),
	KSC_KTLS_CIPHER(AES_GCM_256, aes_gcm_256, 0xc030, 0x1302),
	KSC_KTLS_CIPHER(AES_CCM_128, aes_ccm_128, 0xc0ac, 0x1304),
	KSC_KTLS_CIPHER(CHACHA20_POLY1305, chacha20_poly1305, 0xcca8, 0x1303),
};

#define KSC_KTLS_NONCE		12
#define KSC_KTLS_SEQ		8

static const struct ksc_ktls_cipher *ksc_ktls_cipher_find(u16 type)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(ksc_ktls_ciphers); i++)
		if (ksc_ktls_ciphers[i].type == type)
			return &ksc_ktls_ciphers[i];
	return NULL;
}

static u64 ksc_get_be64(const u8 *p)
{
	__be64 v;

	memcpy(&v, p, sizeof(v));
	return be64_to_cpu(v);
}

static void ksc_put_be64(u8 *p, u64 v)
{
	__be64 be = cpu_to_be64(v);

	memcpy(p, &be, sizeof(be));
}

/* ---- keys ---- */

/* Convert keys to struct ksc_key; @info is complete */
static void ksc_ktls_key(struct ksc_key *key, const union ksc_ktls_info *info,
			 const struct ksc_ktls_cipher *c, const struct ksc_suite *suite)
{
	const u8 *p = (const u8 *)info;

	memcpy(key->key, p + c->key, suite->key_len);
	memcpy(key->iv, p + c->salt, c->salt_len);
	memcpy(key->iv + c->salt_len, p + c->iv, KSC_KTLS_NONCE - c->salt_len);
	key->key_len = suite->key_len;
	key->iv_len = KSC_KTLS_NONCE;
	key->seq = ksc_get_be64(p + c->seq);
	/* TLS 1.2: the explicit nonce continues from the application's */
	if (suite->explicit_len)
		ksc_put_be64(key->iv + 4, ksc_get_be64(key->iv + 4) - key->seq);
}

/* New keys for a direction that has keys, RFC 8446 4.6.3: the cipher must not change */
static int ksc_ktls_check_rekey(const struct tls_crypto_info *new,
				const struct tls_crypto_info *old)
{
	return new->version == old->version && new->cipher_type == old->cipher_type ?
		0 : -EINVAL;
}

/* @fault: @info is unreadable; -EBUSY for a second TLS 1.2 key takes precedence over that */
static int ksc_ktls_check_keys(const struct ksc_ktls *kt, bool tx,
			       const union ksc_ktls_info *info, unsigned int len,
			       bool fault)
{
	const union ksc_ktls_info *old = tx ? &kt->tx_info : &kt->rx_info;
	const union ksc_ktls_info *other = tx ? &kt->rx_info : &kt->tx_info;
	const struct ksc_ktls_cipher *c;

	if (old->info.version && old->info.version != TLS_1_3_VERSION)
		return -EBUSY;
	if (fault)
		return -EFAULT;
	if (old->info.version && ksc_ktls_check_rekey(&info->info, &old->info))
		return -EINVAL;
	if (info->info.version != TLS_1_2_VERSION && info->info.version != TLS_1_3_VERSION)
		return -EINVAL;
	/* both directions belong to one session */
	if (other->info.version && ksc_ktls_check_rekey(&info->info, &other->info))
		return -EINVAL;
	c = ksc_ktls_cipher_find(info->info.cipher_type);
	if (!c || len != c->size)
		return -EINVAL;
	return 0;
}

static int ksc_ktls_take_keys(struct ksc_ktls *kt, bool tx,
			      const union ksc_ktls_info *info)
{
	const struct ksc_ktls_cipher *c = ksc_ktls_cipher_find(info->info.cipher_type);
	bool v13 = info->info.version == TLS_1_3_VERSION;
	struct ksc_cipher fresh = {}, *cipher;
	struct ksc_sock *ks = &kt->ks;
	const struct ksc_suite *suite;
	struct ksc_key key = {};
	int err;

	suite = ksc_suite_find(info->info.version, v13 ? c->suite_13 : c->suite_12);
	if (!suite)
		return -EINVAL;
	ksc_ktls_key(&key, info, c, suite);
	err = ksc_cipher_init(&fresh, suite, &key);
	memzero_explicit(&key, sizeof(key));
	if (err)
		return err;
	cipher = tx ? &ks->s.tx.cipher : &ks->s.rx.cipher;
	ksc_cipher_free(cipher);
	*cipher = fresh;
	memzero_explicit(&fresh, sizeof(fresh));
	*(tx ? &kt->tx_info : &kt->rx_info) = *info;
	WRITE_ONCE(ks->suite, suite->suite);
	WRITE_ONCE(ks->s.version, info->info.version);
	return 0;
}

static int ksc_ktls_set_keys(struct sock *sk, bool tx, sockptr_t optval,
			     unsigned int optlen)
{
	union ksc_ktls_info info = {};
	struct ksc_ktls *kt;
	unsigned int noio;
	bool fault;
	int err;

	if (sockptr_is_null(optval) || optlen < sizeof(info.info))
		return -EINVAL;
	/* of several errors, the one that is returned is chosen under the lock */
	fault = copy_from_sockptr(&info, optval, min_t(size_t, optlen, sizeof(info)));

	noio = ksc_lock_noio(sk);
	kt = ksc_ktls(ksc_sk(sk));
	err = ksc_ktls_check_keys(kt, tx, &info, optlen, fault);
	if (!err)
		err = ksc_ktls_take_keys(kt, tx, &info);
	if (err)
		goto out;
	if (tx) {
		if (kt->tx_on)
			kt->ks.s.tx.updates++;
		/* the old keys' sequence numbers were exhausted */
		if (kt->tx_err == EBADMSG)
			kt->tx_err = 0;
		/* pairs with ksc_ktls_sendmsg() */
		smp_store_release(&kt->tx_on, true);
	} else {
		/* else TCP may skip an urgent byte: ksc_rxq_len() */
		sock_set_flag(sk, SOCK_URGINLINE);
		WRITE_ONCE(kt->rekey_pending, false);
		/* pairs with ksc_ktls_recvmsg() and others */
		smp_store_release(&kt->rx_on, true);
		/* records that arrived before the keys were set */
		if (ksc_ktls_ready(sk, kt))
			kt->ks.data_ready(sk);
		else if (ksc_rx_stalled(sk, &kt->ks.s))
			ksc_pump_kick(&kt->ks, 0);
	}
out:
	ksc_release_noio(sk, noio);
	memzero_explicit(&info, sizeof(info));
	return err;
}

/* As in-tree, any user of the socket may read its keys */
static int ksc_ktls_get_keys(struct sock *sk, bool tx, union ksc_ktls_info *info,
			     int room)
{
	const struct ksc_ktls_cipher *c;
	const struct ksc_cipher *cipher;
	const struct ksc_ktls *kt;
	u8 *p = (u8 *)info;

	if (room < (int)sizeof(info->info))
		return -EINVAL;
	lock_sock(sk);
	kt = ksc_ktls(ksc_sk(sk));
	*info = tx ? kt->tx_info : kt->rx_info;
	cipher = tx ? &kt->ks.s.tx.cipher : &kt->ks.s.rx.cipher;
	c = ksc_ktls_cipher_find(info->info.cipher_type);
	if (c) {
		ksc_put_be64(p + c->seq, cipher->seq);
		if (cipher->suite->explicit_len)
			ksc_put_be64(p + c->iv, ksc_get_be64(cipher->iv + 4) + cipher->seq);
	}
	release_sock(sk);
	if (!info->info.version)
		return -EBUSY;
	if (room == sizeof(info->info))
		return room;
	return room == c->size ? room : -EINVAL;
}

/* ---- the other options ---- */

static int ksc_ktls_set_flag(struct sock *sk, int optname, sockptr_t optval,
			     unsigned int optlen)
{
	bool no_pad = optname == TLS_RX_EXPECT_NO_PAD;
	struct ksc_ktls *kt = ksc_ktls(ksc_sk(sk));
	int err = 0;
	u32 v;

	if (sockptr_is_null(optval) || (no_pad ? optlen < sizeof(v) : optlen != sizeof(v)) ||
	    (no_pad && READ_ONCE(kt->ks.s.version) != KSC_VERSION_1_3))
		return -EINVAL;
	if (copy_from_sockptr(&v, optval, sizeof(v)))
		return -EFAULT;
	if (v > 1)
		return -EINVAL;
	if (no_pad) {
		err = check_zeroed_sockptr(optval, sizeof(v), optlen - sizeof(v));
		if (err < 1)
			return err ?: -EINVAL;
		err = 0;
	}
	lock_sock(sk);
	if (!no_pad)
		kt->zerocopy = v;
	else if (kt->rx_on)
		kt->no_pad = v;
	else
		err = -EINVAL;
	release_sock(sk);
	return err;
}

static int ksc_ktls_set_payload(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	struct ksc_sock *ks = ksc_sk(sk);
	int err = 0;
	u16 v;

	if (sockptr_is_null(optval) || optlen != sizeof(v))
		return -EINVAL;
	if (copy_from_sockptr(&v, optval, sizeof(v)))
		return -EFAULT;
	lock_sock(sk);
	if (ks->s.tx.len && !ks->s.tx.pending)
		err = -EBUSY;
	else if (v < KSC_KTLS_MIN_PAYLOAD - (ks->s.version == KSC_VERSION_1_3) ||
		 v > KSC_MAX_PAYLOAD)
		err = -EINVAL;
	else
		WRITE_ONCE(ks->s.tx.max, v);
	release_sock(sk);
	return err;
}

/**
 * ksc_ktls_setsockopt() - proto.setsockopt
 * @sk: socket
 * @level: SOL_TLS or any other
 * @optname: option
 * @optval: value
 * @optlen: its length
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ktls_setsockopt(struct sock *sk, int level, int optname, sockptr_t optval,
			unsigned int optlen)
{
	if (level != SOL_TLS)
		return ksc_base_proto(sk)->setsockopt(sk, level, optname, optval, optlen);

	switch (optname) {
	case TLS_TX:
	case TLS_RX:
		return ksc_ktls_set_keys(sk, optname == TLS_TX, optval, optlen);
	case TLS_TX_ZEROCOPY_RO:
	case TLS_RX_EXPECT_NO_PAD:
		return ksc_ktls_set_flag(sk, optname, optval, optlen);
	case TLS_TX_MAX_PAYLOAD_LEN:
		return ksc_ktls_set_payload(sk, optval, optlen);
	default:
		return -ENOPROTOOPT;
	}
}

/* An option's value, copied out after the lock is released */
union ksc_ktls_optval {
	union ksc_ktls_info info;
	u32 flag;
	u16 payload;
};

static int ksc_ktls_get(struct sock *sk, int optname, union ksc_ktls_optval *v, int room)
{
	const struct ksc_ktls *kt = ksc_ktls(ksc_sk(sk));

	switch (optname) {
	case TLS_TX:
	case TLS_RX:
		return ksc_ktls_get_keys(sk, optname == TLS_TX, &v->info, room);
	case TLS_TX_ZEROCOPY_RO:
		if (room != sizeof(v->flag))
			return -EINVAL;
		v->flag = READ_ONCE(kt->zerocopy);
		return sizeof(v->flag);
	case TLS_RX_EXPECT_NO_PAD:
		if (READ_ONCE(kt->ks.s.version) != KSC_VERSION_1_3 || !kt->rx_on ||
		    room < (int)sizeof(v->flag))
			return -EINVAL;
		v->flag = READ_ONCE(kt->no_pad);
		return sizeof(v->flag);
	case TLS_TX_MAX_PAYLOAD_LEN:
		if (room < (int)sizeof(v->payload))
			return -EINVAL;
		v->payload = READ_ONCE(kt->ks.s.tx.max);
		return sizeof(v->payload);
	default:
		return -ENOPROTOOPT;
	}
}

/**
 * ksc_ktls_getsockopt() - proto.getsockopt
 * @sk: socket
 * @level: SOL_TLS or any other
 * @optname: option
 * @optval: destination
 * @optlen: its size; set to the bytes written
 *
 * Context: process. Return: 0 or an errno.
 */
int ksc_ktls_getsockopt(struct sock *sk, int level, int optname,
			char __user *optval, int __user *optlen)
{
	union ksc_ktls_optval v = {};
	int room, n;

	/* would map TCP's queue, which is ciphertext, to the application */
	if (level == SOL_TCP && optname == TCP_ZEROCOPY_RECEIVE &&
	    READ_ONCE(ksc_ktls(ksc_sk(sk))->rx_on))
		return -EOPNOTSUPP;
	if (level != SOL_TLS)
		return ksc_base_proto(sk)->getsockopt(sk, level, optname, optval, optlen);

	if (get_user(room, optlen))
		return -EFAULT;
	n = ksc_ktls_get(sk, optname, &v, room);
	if (n >= 0) {
		if (!optval)
			n = -EINVAL;
		else if (put_user(n, optlen) || copy_to_user(optval, &v, n))
			n = -EFAULT;
	}
	memzero_explicit(&v, sizeof(v));
	return min(n, 0);
}

/* ---- inet_diag ---- */

static u16 ksc_ktls_conf(bool on)
{
	return on ? TLS_CONF_SW : TLS_CONF_BASE;
}

/**
 * ksc_ktls_get_info() - ULP get_info, for ss
 * @sk: socket
 * @skb: answer
 *
 * In the format of in-tree kTLS, which ss knows.
 *
 * Context: softirq off. Return: 0 or an errno.
 */
int ksc_ktls_get_info(struct sock *sk, struct sk_buff *skb)
{
	struct nlattr *start = nla_nest_start_noflag(skb, INET_ULP_INFO_TLS);
	const struct ksc_ktls *kt;
	struct ksc_sock *ks;
	int err = 0;
	u16 version;

	if (!start)
		return -EMSGSIZE;
	rcu_read_lock();
	ks = ksc_sk(sk);
	if (ks) {
		kt = ksc_ktls(ks);
		version = READ_ONCE(ks->s.version);
		if (version)
			err = nla_put_u16(skb, TLS_INFO_VERSION, version) ?:
			      nla_put_u16(skb, TLS_INFO_CIPHER,
					  READ_ONCE(kt->tx_on) ?
					  kt->tx_info.info.cipher_type :
					  kt->rx_info.info.cipher_type);
		if (!err)
			err = nla_put_u16(skb, TLS_INFO_TXCONF,
					  ksc_ktls_conf(READ_ONCE(kt->tx_on))) ?:
			      nla_put_u16(skb, TLS_INFO_RXCONF,
					  ksc_ktls_conf(READ_ONCE(kt->rx_on)));
		if (!err && READ_ONCE(kt->no_pad))
			err = nla_put_flag(skb, TLS_INFO_RX_NO_PAD);
		if (!err)
			err = nla_put_u16(skb, KSC_TLS_INFO_MAX_PAYLOAD,
					  READ_ONCE(ks->s.tx.max));
	}
	rcu_read_unlock();
	if (err || !ks)
		nla_nest_cancel(skb, start);
	else
		nla_nest_end(skb, start);
	return err;
}

/**
 * ksc_ktls_get_info_size() - ULP get_info_size
 * @sk: socket
 *
 * Return: bytes that ksc_ktls_get_info() may need.
 */
size_t ksc_ktls_get_info_size(const struct sock *sk)
{
	return nla_total_size(0) + 5 * nla_total_size(sizeof(u16)) + nla_total_size(0);
}
