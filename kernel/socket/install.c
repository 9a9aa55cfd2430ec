// SPDX-License-Identifier: GPL-2.0-only
/*
 * Installing a handshake's keys on its socket.
 */
#include <linux/sched/signal.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "handshake/keys.h"
#include "memcg.h"
#include "net.h"
#include "record/cipher.h"
#include "socket/callbacks.h"
#include "socket/end.h"
#include "socket/install.h"
#include "socket/phase.h"
#include "socket/rekey.h"
#include "socket/state.h"
#include "stream/rx.h"
#include "stream/rx_stage.h"

/**
 * ksc_install() - install a handshake's keys on a socket
 * @ks: the socket's state
 * @keys: the handshake's result; session and exporter are moved to the socket
 *
 * Installs both directions or none.
 *
 * Context: process, the socket's lock. Return: 0, or an errno with @keys unchanged.
 */
int ksc_install(struct ksc_sock *ks, struct ksc_keys *keys)
{
	const struct ksc_suite *suite;
	int err;

	suite = ksc_suite_find(keys->version, keys->suite);
	if (!suite)
		return -EOPNOTSUPP;
	err = ksc_cipher_init(&ks->s.tx.cipher, suite, &keys->tx);
	if (err)
		return err;
	err = ksc_cipher_init(&ks->s.rx.cipher, suite, &keys->rx);
	if (err) {
		ksc_cipher_free(&ks->s.tx.cipher);
		return err;
	}
	ks->s.version = keys->version;
	ks->suite = keys->suite;
	swap(ks->exporter, keys->exporter);
	/* pairs with ksc_put_session() and ksc_put_options() */
	smp_store_release(&ks->session, keys->session);
	keys->session = NULL;
	ks->s.tx.max_record = keys->max_record;
	ks->s.tx.ramp = TCP_INIT_CWND * tcp_sk(ks->sk)->mss_cache;
	ksc_tune(ks);
	return 0;
}

/**
 * ksc_established() - the handshake is done and the keys are installed
 * @sk: socket, locked and owned
 * @ks: its state
 *
 * Context: process.
 */
void ksc_established(struct sock *sk, struct ksc_sock *ks)
{
	/* attached keys are not from a handshake on this socket */
	if (ks->context)
		ksc_count(ks->kn, KSC_CNT_HANDSHAKES_OK);
	ksc_context_drop(ks);
	ksc_move(sk, ks, KSC_EVENT_ESTABLISH);
	/* a deferred shutdown() */
	if (ks->read_shut)
		WRITE_ONCE(sk->sk_shutdown, sk->sk_shutdown | RCV_SHUTDOWN);
	if (ks->write_shut) {
		if (ksc_tx_close(sk, ks)) {
			ksc_tx_broken(sk, ks);
			return;
		}
		ksc_fin(sk);
	}
	/* wake tasks that wait to connect, to write, or to read data that has arrived */
	ks->state_change(sk);
	if (ksc_rx_ready(sk, &ks->s)) {
		if (!ksc_rx_deferred(sk, ks))
			ksc_wake_reader(sk, ks);
	} else if (ksc_rx_stalled(sk, &ks->s)) {
		ksc_pump_kick(ks, 0);
	}
}
