// SPDX-License-Identifier: GPL-2.0-only
/*
 * Bytes that no CPU may read, as a device has them that receives into memory of its own: a
 * socket gets such packets only by a device that can do that, and a queue of it.
 *
 * Write a port to the module's parameter "port", and what comes to it in fragments is marked as
 * if it were in such memory; 0 ends that.
 */
#include <linux/ip.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/netfilter.h>
#include <linux/netfilter_ipv4.h>
#include <linux/skbuff.h>
#include <linux/tcp.h>
#include <net/ip.h>
#include <net/net_namespace.h>

static ushort port;
module_param(port, ushort, 0600);
MODULE_PARM_DESC(port, "TCP port of which nothing can be read");

/* Runs in softirq context. */
static unsigned int unreadable_in(void *priv, struct sk_buff *skb,
				  const struct nf_hook_state *state)
{
	const struct tcphdr *th;
	struct tcphdr buf;

	if (ip_hdr(skb)->protocol != IPPROTO_TCP)
		return NF_ACCEPT;
	th = skb_header_pointer(skb, ip_hdrlen(skb), sizeof(buf), &buf);
	if (th && ntohs(th->dest) == READ_ONCE(port) && skb_shinfo(skb)->nr_frags)
		skb->unreadable = true;
	return NF_ACCEPT;
}

static const struct nf_hook_ops unreadable_ops = {
	.hook		= unreadable_in,
	.pf		= NFPROTO_IPV4,
	.hooknum	= NF_INET_LOCAL_IN,
	.priority	= NF_IP_PRI_LAST,
};

static int __net_init unreadable_net_init(struct net *net)
{
	return nf_register_net_hook(net, &unreadable_ops);
}

static void __net_exit unreadable_net_exit(struct net *net)
{
	nf_unregister_net_hook(net, &unreadable_ops);
}

static struct pernet_operations unreadable_net_ops = {
	.init = unreadable_net_init,
	.exit = unreadable_net_exit,
};

static int __init unreadable_init(void)
{
	return register_pernet_subsys(&unreadable_net_ops);
}

static void __exit unreadable_exit(void)
{
	unregister_pernet_subsys(&unreadable_net_ops);
}

module_init(unreadable_init);
module_exit(unreadable_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory of a device, for kschannel's tests");
