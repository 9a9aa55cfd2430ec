// SPDX-License-Identifier: GPL-2.0-only
/*
 * The pump: a socket's work item, by phase.
 */
#include <linux/kschannel_netlink.h>
#include <net/tcp.h>

#include "failpoint.h"
#include "socket/ahead.h"
#include "socket/callbacks.h"
#include "socket/flush.h"
#include "socket/handshake.h"
#include "socket/idle.h"
#include "socket/poll.h"
#include "socket/pump.h"
#include "socket/rekey.h"
#include "socket/state.h"

/* Context: the socket's lock, owned */
static void ksc_pump_run(struct sock *sk, struct ksc_sock *ks)
{
	switch (ks->phase) {
	case KSC_PHASE_INIT:
		ksc_poll_begin(sk, ks);
		break;
	case KSC_PHASE_CONNECTING:
		if (ksc_awaits_ruling(ks))
			break;
		if (sk->sk_state == TCP_ESTABLISHED || sk->sk_state == TCP_CLOSE_WAIT)
			ksc_handshake_start(sk, ks);
		break;
	case KSC_PHASE_HANDSHAKE:
	case KSC_PHASE_VERIFY:
		ksc_pump_handshake(sk, ks);
		break;
	case KSC_PHASE_ESTABLISHED:
		if (ksc_tx_may_resume(sk, ks)) {
			ksc_rekey_asked(sk, ks);
			ksc_tx_resume(sk, ks);
		}
		ksc_rx_pump(sk, ks);
		ksc_rx_unstall(sk, ks);
		ksc_remind_reader(sk, ks);
		break;
	}
}

const struct ksc_stream_ops ksc_sock_stream = {
	.again	= ksc_pump_again,
	.room	= ksc_stream_room,
	.made	= ksc_idle_made,
};

/* Managed mode: the daemon runs the handshake */
struct ksc_kind ksc_managed = {
	.stream		= &ksc_sock_stream,
	.managed	= true,
	.run		= ksc_pump_run,
};
