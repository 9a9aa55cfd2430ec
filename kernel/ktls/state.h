/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Raw mode: the kTLS interface of linux/tls.h on the module's record layer. The application runs
 * the handshake and sets the keys; managed sockets use nothing of this.
 */
#ifndef _KSC_KTLS_STATE_H
#define _KSC_KTLS_STATE_H

#include <linux/types.h>

#include "compat/tls.h"
#include "socket/state.h"

struct sock;

/* TLS_INFO_TX_MAX_PAYLOAD_LEN, for inet_diag */
#define KSC_TLS_INFO_MAX_PAYLOAD	(TLS_INFO_RX_NO_PAD + 1)

/**
 * union ksc_ktls_info - keys in the application's format
 * @info: version and cipher
 * @gcm_128: keys for AES-128-GCM, and so on
 * @gcm_256: .
 * @ccm_128: .
 * @chacha: .
 */
union ksc_ktls_info {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 gcm_128;
	struct tls12_crypto_info_aes_gcm_256 gcm_256;
	struct tls12_crypto_info_aes_ccm_128 ccm_128;
	struct tls12_crypto_info_chacha20_poly1305 chacha;
};

/**
 * struct ksc_ktls - a raw socket
 * @ks: common state with managed sockets; in phase established from the start
 * @tx_info: sending keys; version 0 if there are none
 * @rx_info: receiving keys; likewise
 * @tx_on: there are sending keys; read without the lock
 * @rx_on: there are receiving keys; likewise
 * @rekey_pending: the peer's KeyUpdate was received and the new keys are not set yet
 * @stopped: a record can't be read; nothing is read from then on
 * @zerocopy: TLS_TX_ZEROCOPY_RO, no effect
 * @no_pad: TLS_RX_EXPECT_NO_PAD, no effect
 * @type: content type of the open record
 * @tx_err: positive errno that sending fails with
 *
 * Under the socket's lock.
 */
struct ksc_ktls {
	struct ksc_sock ks;
	union ksc_ktls_info tx_info;
	union ksc_ktls_info rx_info;
	bool tx_on;
	bool rx_on;
	bool rekey_pending;
	bool stopped;
	bool zerocopy;
	bool no_pad;
	u8 type;
	u8 tx_err;
};

void ksc_ktls_abort(struct sock *sk, int err);

static inline struct ksc_ktls *ksc_ktls(struct ksc_sock *ks)
{
	return container_of(ks, struct ksc_ktls, ks);
}

#endif /* _KSC_KTLS_STATE_H */
