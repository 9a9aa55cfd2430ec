// SPDX-License-Identifier: GPL-2.0-only
/*
 * kschannel: TLS as a service of the kernel's sockets. Init and exit of the module and of network
 * namespaces.
 */
#include <linux/kschannel.h>
#include <linux/kschannel_netlink.h>
#include <linux/module.h>
#include <linux/net.h>
#include <net/genetlink.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>
#include <net/tcp.h>

#include "compat/compat.h"
#include "compat/hmac.h"
#include "handshake/admit.h"
#include "handshake/context.h"
#include "handshake/queue.h"
#include "ktls/ktls.h"
#include "net.h"
#include "netlink-gen.h"
#include "netlink.h"
#include "policy/policy.h"
#include "record/pages.h"
#include "socket/describe.h"
#include "socket/idle.h"
#include "socket/proto.h"
#include "socket/state.h"
#include "socket/ulp.h"
#include "stream/rx_plain.h"
#include "stream/tx_small.h"

static void ksc_net_free(struct ksc_net *kn)
{
	ksc_socks_exit(kn);
	ksc_handshakes_exit(kn);
	ksc_policies_exit(kn);
	free_percpu(kn->counters);
}

static int __net_init ksc_net_init(struct net *net)
{
	struct ksc_net *kn = ksc_net(net);
	int err;

	kn->net = net;
	spin_lock_init(&kn->lock);
	kn->counters = alloc_percpu(struct ksc_counters);
	err = kn->counters ? 0 : -ENOMEM;
	err = err ?: ksc_handshakes_init(kn) ?: ksc_policies_init(kn) ?: ksc_socks_init(kn);
	if (err) {
		ksc_net_free(kn);
		return err;
	}
	ksc_netlink_net_init(kn);
	ksc_idle_init(kn);
	return 0;
}

static void __net_exit ksc_net_exit(struct net *net)
{
	struct ksc_net *kn = ksc_net(net);

	ksc_idle_exit(kn);
	/* a work item may still look up a socket that is gone */
	flush_workqueue(ksc_wq);
	ksc_daemon_exit(kn);
	/* no socket or daemon is left to use it */
	ksc_net_free(kn);
}

static struct pernet_operations ksc_net_ops = {
	.init	= ksc_net_init,
	.exit	= ksc_net_exit,
	.id	= &ksc_net_id,
	.size	= sizeof(struct ksc_net),
};

static int __init ksc_init(void)
{
	int err;

	ksc_frag_init();
	/* memory reclaim may depend on it: a block device over a socket of ours */
	ksc_wq = alloc_workqueue("kschannel", WQ_MEM_RECLAIM | KSC_COMPAT_WQ_PERCPU, 0);
	if (!ksc_wq)
		return -ENOMEM;
	err = ksc_admit_init();
	if (err)
		goto no_admit;
	err = register_pernet_subsys(&ksc_net_ops);
	if (err)
		goto no_net;
	err = ksc_netlink_init(ksc_nl_ops, ARRAY_SIZE(ksc_nl_ops));
	if (err)
		goto no_netlink;
	err = ksc_ulp_init();
	if (err)
		goto no_ulp;
	err = ksc_proto_init();
	if (err)
		goto no_proto;
	err = ksc_ktls_init();
	if (err)
		goto no_ktls;
	return 0;

no_ktls:
	ksc_proto_exit();
no_proto:
	ksc_ulp_exit();
	ksc_ulp_free();
no_ulp:
	ksc_netlink_exit();
no_netlink:
	unregister_pernet_subsys(&ksc_net_ops);
no_net:
	ksc_admit_exit();
no_admit:
	destroy_workqueue(ksc_wq);
	return err;
}

static void __exit ksc_exit(void)
{
	ksc_ktls_exit();
	ksc_proto_exit();
	ksc_ulp_exit();
	ksc_netlink_exit();
	/* no socket is left, but its last work item may be: this waits for it */
	unregister_pernet_subsys(&ksc_net_ops);
	destroy_workqueue(ksc_wq);
	ksc_admit_exit();
	/* wait for sockets that are freed by RCU */
	rcu_barrier();
	ksc_ktls_free();
	ksc_ulp_free();
	ksc_rec_exit();
	ksc_tx_exit();
	ksc_frag_exit();
	ksc_compat_hmac_exit();
}

module_init(ksc_init);

module_exit(ksc_exit);

MODULE_DESCRIPTION("TLS security contexts as a service of the kernel's sockets");

MODULE_AUTHOR("The kschannel authors");

MODULE_LICENSE("GPL");

MODULE_ALIAS_TCP_ULP(KSC_ULP_NAME);

MODULE_ALIAS_TCP_ULP(KSC_RAW_ULP_NAME);

/* 1: SOCK_STREAM */
MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET, IPPROTO_KSCHANNEL, 1);

MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET6, IPPROTO_KSCHANNEL, 1);

MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET, IPPROTO_KSCHANNEL_POLICY, 1);

MODULE_ALIAS_NET_PF_PROTO_TYPE(PF_INET6, IPPROTO_KSCHANNEL_POLICY, 1);

MODULE_ALIAS_GENL_FAMILY(KSC_FAMILY_NAME);
