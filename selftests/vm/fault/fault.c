// SPDX-License-Identifier: GPL-2.0
/*
 * A module that misbehaves when it is loaded, as its parameter says: the rig
 * must notice whatever the command makes of it.
 */
#include <linux/bug.h>
#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/module.h>
#include <linux/refcount.h>

static char *kind = "none";
module_param(kind, charp, 0);
MODULE_PARM_DESC(kind, "none, warn, oops, refcount or hang");

static int __init fault_init(void)
{
	refcount_t count = REFCOUNT_INIT(0);

	if (!strcmp(kind, "warn"))
		WARN(1, "a warning as asked for\n");
	else if (!strcmp(kind, "oops"))
		WRITE_ONCE(*(int *)8, 0);
	else if (!strcmp(kind, "refcount"))
		refcount_inc(&count);
	else if (!strcmp(kind, "hang"))
		for (;;)
			msleep(1000);
	return 0;
}

static void __exit fault_exit(void)
{
}

module_init(fault_init);
module_exit(fault_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Faults for the virtual machine's own tests");
