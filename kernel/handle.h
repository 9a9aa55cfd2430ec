/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Contexts that applications have: what handle.c and its users share.
 */
#ifndef _KSC_HANDLE_H
#define _KSC_HANDLE_H

#include <linux/mutex.h>

#include "ksc.h"

struct netlink_ext_ack;

/* enum ksc_handle_state - what may be done with a handle */
enum ksc_handle_state {
	KSC_HANDLE_IDLE,	/* a token may be offered */
	KSC_HANDLE_BUSY,	/* the daemon has one */
	KSC_HANDLE_OK,		/* the keys are here */
	KSC_HANDLE_TAKEN,	/* a socket is getting them */
	KSC_HANDLE_FAILED,
	KSC_HANDLE_GONE,
};

/**
 * struct ksc_handle - a context that an application has
 * @ref: the socket's, the context's, the work item's, each user's
 * @rcu: kicked without a reference
 * @lock: all that says nothing else; outside of any socket's lock
 * @node: in ksc_net.handles; ksc_net.lock
 * @owner: the netlink socket that it belongs to, referenced; changed under ksc_net.lock, too
 * @portid: its port; likewise
 * @kn: namespace
 * @ctx: the context, NULL once gone
 * @opt: what the application asked for
 * @uid: whose socket it is
 * @gid: and that one's group
 * @state: enum ksc_handle_state
 * @told: the application has @step
 * @pick: it wants to be asked for a credential
 * @seq: number of the request that is under way
 * @daemon: registration of a daemon that wants the session's tickets
 * @token: bytes under way
 * @len: how many
 * @step: the last step's outcome, with its keys if that was ok
 * @work: looks for news of the context
 */
struct ksc_handle {
	struct kref ref;
	struct rcu_head rcu;
	struct mutex lock;	/* all that says nothing else */
	struct hlist_node node;
	struct sock *owner;
	u32 portid;
	struct ksc_net *kn;
	struct ksc_context *ctx;
	struct ksc_options opt;
	kuid_t uid;
	kgid_t gid;
	u8 state;
	bool told;
	bool pick;
	u32 seq;
	u32 daemon;
	u8 *token;
	u32 len;
	struct ksc_step *step;
	struct delayed_work work;
};

/**
 * struct ksc_grant - what a socket gets of a handle
 * @handle: whose it is
 * @id: the context's number
 * @role: enum ksc_role
 * @opt: what the application had asked for
 * @step: the last, with keys
 * @daemon: registration of a daemon that wants tickets, or 0
 * @extra: bytes that come before those in TCP's queue
 * @extra_len: how many
 */
struct ksc_grant {
	struct ksc_handle *handle;
	u64 id;
	u8 role;
	struct ksc_options opt;
	struct ksc_step *step;
	u32 daemon;
	u8 *extra;
	u32 extra_len;
};

/* handle.c */
struct ksc_handle *ksc_handle_new(struct ksc_net *kn, struct sock *owner, u32 portid,
				  kuid_t uid, kgid_t gid);
int ksc_handle_publish(struct ksc_handle *h, u8 role, u64 *id);
void ksc_handle_look(struct ksc_handle *h);
int ksc_handle_put_step(struct sk_buff *msg, const struct ksc_step *step);
struct sk_buff *ksc_handle_msg(const struct ksc_step *step, size_t more);
int ksc_handle_move(struct net *net, int fd, u64 id, struct sock *owner, u32 portid,
		    struct netlink_ext_ack *extack);
int ksc_handle_take(struct net *net, int fd, u64 id, struct ksc_grant *g);
void ksc_handle_give(struct ksc_grant *g, int err);
struct ksc_handle *ksc_handle_get(struct ksc_net *kn, u64 id, const struct sock *owner,
				  struct netlink_ext_ack *extack);
void ksc_handle_put(struct ksc_handle *h);
int ksc_handle_end(struct ksc_handle *h, const struct sock *owner);
void ksc_handles_gone(struct ksc_net *kn, u32 portid);

#endif /* _KSC_HANDLE_H */
