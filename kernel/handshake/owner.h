/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The interface between a security context and its owner. The owner is a socket, which the
 * handshake code does not depend on.
 */
#ifndef _KSC_HANDSHAKE_OWNER_H
#define _KSC_HANDSHAKE_OWNER_H

#include <linux/types.h>

struct ksc_owner;
struct sk_buff;

/**
 * struct ksc_owner_ops - a context's calls to its owner
 * @kick: make the owner handle ksc_context_news() soon. Context: any, with ksc_queue.lock,
 *	ksc_admit_lock or ksc_context.lock held, or in RCU
 * @heard: have bytes arrived since the owner read the receive queue up to @seen? Context: any
 * @put: drop the context's reference. Context: process
 * @describe: put the owner's attributes of KSC_CMD_CONTEXT_NEW into the message. Context: process,
 *	the owner's lock. Return: 0 or -EMSGSIZE
 * @token: copy the peer's next bytes. Context: process, the owner's lock. Return: 0, or -EFAULT if
 *	they are unreadable
 */
struct ksc_owner_ops {
	void (*kick)(struct ksc_owner *owner);
	bool (*heard)(const struct ksc_owner *owner, u32 seen);
	void (*put)(struct ksc_owner *owner);
	int (*describe)(struct sk_buff *msg, const struct ksc_owner *owner);
	int (*token)(const struct ksc_owner *owner, void *to, u32 len);
};

/**
 * struct ksc_owner - embedded in the owner of a context
 * @ops: set before the first context, then constant
 */
struct ksc_owner {
	const struct ksc_owner_ops *ops;
};

static inline void ksc_owner_kick(struct ksc_owner *owner)
{
	owner->ops->kick(owner);
}

static inline bool ksc_owner_heard(const struct ksc_owner *owner, u32 seen)
{
	return owner->ops->heard(owner, seen);
}

static inline void ksc_owner_put(struct ksc_owner *owner)
{
	owner->ops->put(owner);
}

static inline int ksc_owner_describe(struct sk_buff *msg, const struct ksc_owner *owner)
{
	return owner->ops->describe(msg, owner);
}

static inline int ksc_owner_token(const struct ksc_owner *owner, void *to, u32 len)
{
	return owner->ops->token(owner, to, len);
}

#endif /* _KSC_HANDSHAKE_OWNER_H */
