// SPDX-License-Identifier: GPL-2.0-only
/*
 * Queue sizes: SIOCINQ counts plaintext for the application, SIOCOUTQ ciphertext for the wire.
 */
#include <linux/kschannel_netlink.h>
#include <net/tcp.h>

#include "socket/ahead.h"
#include "socket/ioctl.h"
#include "socket/state.h"
#include "stream/noio.h"
#include "stream/rx_plain.h"

/**
 * ksc_inq() - count the bytes that can be read without waiting
 * @sk: socket
 *
 * Context: process, takes the socket's lock. Return: bytes or an errno.
 */
int ksc_inq(struct sock *sk)
{
	struct ksc_sock *ks;
	unsigned int noio;
	int n = 0;

	noio = ksc_lock_noio(sk);
	ks = ksc_sk(sk);
	if (sk->sk_state == TCP_LISTEN)
		n = -EINVAL;
	else if (ks && ks->phase == KSC_PHASE_ESTABLISHED)
		ksc_rx_advance(sk, ks);
	if (!n && ks)
		n = ksc_rx_plain_len(&ks->s.rx);
	ksc_release_noio(sk, noio);
	return n;
}

/**
 * ksc_outq() - count unsent bytes
 * @sk: socket
 * @sent: count sent and unacknowledged bytes, too
 *
 * In TCP's queue, and in a pending or open record.
 *
 * Context: process, takes the socket's lock. Return: bytes or an errno.
 */
int ksc_outq(struct sock *sk, bool sent)
{
	const struct tcp_sock *tp = tcp_sk(sk);
	struct ksc_sock *ks;
	int n = 0, i;

	lock_sock(sk);
	ks = ksc_sk(sk);
	if (sk->sk_state == TCP_LISTEN)
		n = -EINVAL;
	else if (!((1 << sk->sk_state) & (TCPF_SYN_SENT | TCPF_SYN_RECV)))
		n = tp->write_seq - (sent ? tp->snd_una : tp->snd_nxt);
	if (n >= 0 && ks)
		for (i = ks->s.tx.first; i < ks->s.tx.nfrags; i++)
			n += ks->s.tx.frag[i].bv_len;
	release_sock(sk);
	return n;
}
