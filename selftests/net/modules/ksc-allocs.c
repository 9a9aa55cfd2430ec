// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a socket's sk_allocation forbids: a user in the kernel sets it, and no program can.
 *
 * Write "FD HOW" to the module's parameter "watch": HOW is the new value of the socket's
 * sk_allocation, kernel, nofs, noio or atomic. From then on each allocation counts that is made
 * with a function of the socket's ULP's module on the stack, in any task. Reading it ends
 * that, and gives how many there were, how many of them could have had memory written out,
 * be it by a file system or by a device, and where the first of these was made.
 *
 * Write "FD" to "read", and all readable data is read as users in the kernel do it, and
 * forgotten; the error is ENODATA if there is nothing.
 *
 * The kernel's trace events tell the flags of the caller. Here they are those that hold: a
 * task may have a scope of allocations that is narrower.
 */
#include <linux/atomic.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kstrtox.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/net.h>
#include <linux/sched/mm.h>
#include <linux/stacktrace.h>
#include <linux/string.h>
#include <linux/tracepoint.h>
#include <net/tcp.h>
#include <trace/events/kmem.h>

/* Deeper than any that was seen */
#define ALLOCS_DEPTH	48

/**
 * struct allocs_first - the first allocation that the socket would have forbidden
 * @gfp: its flags
 * @n: depth of the stack
 * @stack: its call trace
 */
struct allocs_first {
	gfp_t gfp;
	unsigned int n;
	unsigned long stack[ALLOCS_DEPTH];
};

static DEFINE_MUTEX(allocs_lock);
/* by the lock, and constant as long as the probes are there */
static struct module *allocs_watched;
static atomic_t allocs_seen;
static atomic_t allocs_bad;
static struct allocs_first allocs_first;

static bool allocs_is_watched(const unsigned long *stack, unsigned int n)
{
	while (n--)
		if (within_module(stack[n], allocs_watched))
			return true;
	return false;
}

static void allocs_look(gfp_t gfp)
{
	unsigned long stack[ALLOCS_DEPTH];
	unsigned int n = stack_trace_save(stack, ARRAY_SIZE(stack), 0);

	if (!allocs_is_watched(stack, n))
		return;
	atomic_inc(&allocs_seen);
	gfp = current_gfp_context(gfp);
	if (!(gfp & (__GFP_IO | __GFP_FS)) || atomic_inc_return(&allocs_bad) != 1)
		return;
	allocs_first.gfp = gfp;
	allocs_first.n = n;
	memcpy(allocs_first.stack, stack, n * sizeof(*stack));
}

static void allocs_kmalloc(void *data, unsigned long site, const void *ptr, size_t wanted,
			   size_t size, gfp_t gfp, int node)
{
	allocs_look(gfp);
}

static void allocs_cache(void *data, unsigned long site, const void *ptr, struct kmem_cache *s,
			 gfp_t gfp, int node)
{
	allocs_look(gfp);
}

static void allocs_pages(void *data, struct page *page, unsigned int order, gfp_t gfp,
			 int migratetype)
{
	allocs_look(gfp);
}

static struct {
	const char *name;
	void *probe;
	struct tracepoint *tp;
	bool there;
} allocs_probes[] = {
	{ "kmalloc", allocs_kmalloc },
	{ "kmem_cache_alloc", allocs_cache },
	{ "mm_page_alloc", allocs_pages },
};

/* Not all of them are exported by name */
static void allocs_find(struct tracepoint *tp, void *data)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allocs_probes); i++)
		if (!strcmp(tp->name, allocs_probes[i].name))
			allocs_probes[i].tp = tp;
}

static void allocs_end(void)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allocs_probes); i++) {
		if (allocs_probes[i].there)
			tracepoint_probe_unregister(allocs_probes[i].tp, allocs_probes[i].probe,
						    NULL);
		allocs_probes[i].there = false;
	}
	tracepoint_synchronize_unregister();
	if (allocs_watched)
		module_put(allocs_watched);
	allocs_watched = NULL;
}

static int allocs_begin(struct module *module)
{
	size_t i;
	int err;

	if (!try_module_get(module))
		return -ENOENT;
	allocs_watched = module;
	atomic_set(&allocs_seen, 0);
	atomic_set(&allocs_bad, 0);
	for (i = 0; i < ARRAY_SIZE(allocs_probes); i++) {
		err = tracepoint_probe_register(allocs_probes[i].tp, allocs_probes[i].probe, NULL);
		if (err) {
			allocs_end();
			return err;
		}
		allocs_probes[i].there = true;
	}
	return 0;
}

static const struct {
	const char *name;
	gfp_t gfp;
} allocs_ways[] = {
	{ "kernel", GFP_KERNEL },
	{ "nofs", GFP_NOFS },
	{ "noio", GFP_NOIO },
	{ "atomic", GFP_ATOMIC },
};

static int allocs_forbid(struct sock *sk, const char *how)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(allocs_ways); i++) {
		if (strcmp(how, allocs_ways[i].name))
			continue;
		lock_sock(sk);
		sk->sk_allocation = allocs_ways[i].gfp;
		release_sock(sk);
		return 0;
	}
	return -EINVAL;
}

static int allocs_set(const char *text, const struct kernel_param *param)
{
	const struct tcp_ulp_ops *ulp;
	struct socket *sock;
	char how[16];
	int fd, err;

	if (sscanf(text, "%d %15s", &fd, how) != 2)
		return -EINVAL;
	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	mutex_lock(&allocs_lock);
	allocs_end();
	ulp = sock->type == SOCK_STREAM ? inet_csk(sock->sk)->icsk_ulp_ops : NULL;
	err = ulp ? allocs_forbid(sock->sk, how) : -EINVAL;
	if (!err)
		err = allocs_begin(ulp->owner);
	mutex_unlock(&allocs_lock);
	sockfd_put(sock);
	return err;
}

static int allocs_get(char *text, const struct kernel_param *param)
{
	unsigned int i;
	int n;

	mutex_lock(&allocs_lock);
	allocs_end();
	n = scnprintf(text, PAGE_SIZE, "%d %d\n", atomic_read(&allocs_seen),
		      atomic_read(&allocs_bad));
	if (atomic_read(&allocs_bad)) {
		n += scnprintf(text + n, PAGE_SIZE - n, "%pGg\n", &allocs_first.gfp);
		for (i = 0; i < allocs_first.n; i++)
			n += scnprintf(text + n, PAGE_SIZE - n, "%pS\n",
				       (void *)allocs_first.stack[i]);
	}
	mutex_unlock(&allocs_lock);
	return n;
}

static const struct kernel_param_ops allocs_ops = {
	.set = allocs_set,
	.get = allocs_get,
};
module_param_cb(watch, &allocs_ops, NULL, 0600);
MODULE_PARM_DESC(watch, "FD HOW: a socket, and its new sk_allocation");

static int allocs_take(read_descriptor_t *desc, struct sk_buff *skb, unsigned int offset,
		       size_t len)
{
	desc->written += len;
	return len;
}

static int allocs_read(const char *text, const struct kernel_param *param)
{
	read_descriptor_t desc = { .count = SIZE_MAX };
	struct socket *sock;
	int fd, err;

	if (kstrtoint(text, 10, &fd))
		return -EINVAL;
	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return err;
	err = -EOPNOTSUPP;
	if (sock->ops->read_sock) {
		lock_sock(sock->sk);
		err = sock->ops->read_sock(sock->sk, &desc, allocs_take);
		release_sock(sock->sk);
	}
	sockfd_put(sock);
	return err < 0 ? err : desc.written ? 0 : -ENODATA;
}

static const struct kernel_param_ops allocs_read_ops = {
	.set = allocs_read,
};
module_param_cb(read, &allocs_read_ops, NULL, 0200);
MODULE_PARM_DESC(read, "FD: a socket that is read from");

static int __init allocs_init(void)
{
	size_t i;

	/* or the probes would be something else's */
	check_trace_callback_type_kmalloc(allocs_kmalloc);
	check_trace_callback_type_kmem_cache_alloc(allocs_cache);
	check_trace_callback_type_mm_page_alloc(allocs_pages);
	for_each_kernel_tracepoint(allocs_find, NULL);
	for (i = 0; i < ARRAY_SIZE(allocs_probes); i++)
		if (!allocs_probes[i].tp)
			return -EOPNOTSUPP;
	return 0;
}

static void __exit allocs_exit(void)
{
	allocs_end();
}

module_init(allocs_init);
module_exit(allocs_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("What is allocated for a socket, for kschannel's tests");
