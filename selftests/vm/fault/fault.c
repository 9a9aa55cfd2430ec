// SPDX-License-Identifier: GPL-2.0-only
/*
 * A module that misbehaves when it is loaded, as its parameter says: the rig must notice,
 * whatever the command's status. Some of it only a debug kernel notices.
 */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *kind = "none";
module_param(kind, charp, 0);
MODULE_PARM_DESC(kind, "none, warn, oops, refcount, hang; with a debug kernel also use-after-free, out-of-bounds, leak, locks or atomic");

static DEFINE_MUTEX(lock_a);
static DEFINE_MUTEX(lock_b);
static DEFINE_SPINLOCK(spin);

static void fault_warn(void)
{
	WARN(1, "a warning as asked for\n");
}

static void fault_oops(void)
{
	WRITE_ONCE(*(int *)8, 0);
}

static void fault_refcount(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	refcount_inc(&count);
}

static void fault_hang(void)
{
	for (;;)
		msleep(1000);
}

static void fault_use_after_free(void)
{
	char *object = kmalloc(64, GFP_KERNEL);

	kfree(object);
	if (object)
		WRITE_ONCE(object[8], 1);
}

static void fault_out_of_bounds(void)
{
	char *object = kmalloc(60, GFP_KERNEL);

	/* the compiler must not know how long it is */
	OPTIMIZER_HIDE_VAR(object);
	if (object)
		WRITE_ONCE(object[60], 1);
	kfree(object);
}

static void fault_leak(void)
{
	for (int i = 0; i < 8; i++) {
		char *object = kmalloc(1000, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(object);
	}
}

static void fault_locks(void)
{
	mutex_lock(&lock_a);
	mutex_lock(&lock_b);
	mutex_unlock(&lock_b);
	mutex_unlock(&lock_a);
	mutex_lock(&lock_b);
	mutex_lock(&lock_a);
	mutex_unlock(&lock_a);
	mutex_unlock(&lock_b);
}

static void fault_atomic(void)
{
	spin_lock(&spin);
	msleep(20);
	spin_unlock(&spin);
}

static const struct {
	const char *name;
	void (*run)(void);
} faults[] = {
	{ "warn", fault_warn },
	{ "oops", fault_oops },
	{ "refcount", fault_refcount },
	{ "hang", fault_hang },
	{ "use-after-free", fault_use_after_free },
	{ "out-of-bounds", fault_out_of_bounds },
	{ "leak", fault_leak },
	{ "locks", fault_locks },
	{ "atomic", fault_atomic },
};

static int __init fault_init(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(kind, faults[i].name)) {
			faults[i].run();
			return 0;
		}
	}
	return strcmp(kind, "none") ? -EINVAL : 0;
}

static void __exit fault_exit(void)
{
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults for the virtual machine's own tests");
