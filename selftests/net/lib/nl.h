/* SPDX-License-Identifier: GPL-2.0-only */
/* The netlink family, as tests use it: counters, sockets, and playing the daemon. */
#ifndef KSC_TEST_NL_H
#define KSC_TEST_NL_H

#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>

#include "net.h"

/* More than a request with the largest token takes. */
#define TNL_MSG_MAX 131072
#define TNL_QUEUE_MAX 128

/**
 * typedef tnl_reply_fn - takes a message of a reply
 * @msg: the message
 * @arg: as given
 */
typedef void (*tnl_reply_fn)(struct nl_msg *msg, void *arg);

/**
 * struct tnl_conn - a netlink socket
 * @sk: the socket
 * @family: number of the family
 * @done: the answer to the last request is complete
 * @error: what the kernel answered to the last request, a negative errno or 0
 * @text: the explanation that came with it
 * @reply: takes replies, or NULL
 * @arg: for @reply
 * @queue: events that came meanwhile
 * @queued: number of events in @queue
 */
struct tnl_conn {
	struct nl_sock *sk;
	int family;
	bool done;
	int error;
	char text[256];
	tnl_reply_fn reply;
	void *arg;
	struct nl_msg *queue[TNL_QUEUE_MAX];
	size_t queued;
};

/**
 * struct tnl_event - an event for the daemon
 * @cmd: enum ksc_cmd
 * @attrs: its attributes
 * @msg: what they lie in
 */
struct tnl_event {
	int cmd;
	struct nlattr *attrs[KSC_A_CONTEXT_MAX + 1];
	struct nl_msg *msg;
};

/**
 * struct tnl_sock - an entry of the list of sockets
 * @inode: which it is
 * @id: its id
 * @tx_records: records that it sent
 * @rx_records: and received
 * @updates_sent: KeyUpdates that it sent
 * @updates_received: and received
 * @found: whether it is there
 */
struct tnl_sock {
	uint64_t inode;
	uint64_t id;
	uint64_t tx_records;
	uint64_t rx_records;
	uint64_t updates_sent;
	uint64_t updates_received;
	bool found;
};

bool tnl_open(struct tnl_conn *nl);
void tnl_close(struct tnl_conn *nl);
struct nl_msg *tnl_request(struct tnl_conn *nl, int cmd);
int tnl_do(struct tnl_conn *nl, struct nl_msg *msg);
void tnl_refused(int line, struct tnl_conn *nl, struct nl_msg *msg, int error);
int tnl_register(struct tnl_conn *nl);
void tnl_become_daemon(struct tnl_conn *nl);
bool tnl_next_event(struct tnl_conn *nl, struct tnl_event *event);
void tnl_expect_event(struct tnl_conn *nl, struct tnl_event *event, int cmd);
void tnl_free_event(struct tnl_event *event);
struct nl_msg *tnl_step(struct tnl_conn *nl, const struct tnl_event *event, uint32_t status);

uint64_t tnl_counter(int attr);
void tnl_await_counter(int attr, uint64_t value);
void tnl_await_at_least(int attr, uint64_t value);
unsigned int tnl_count_sockets(void);
struct tnl_sock tnl_find_socket(int fd);

/* A request that has to be refused, with a text */
#define TNL_REFUSED(nl, msg, error) tnl_refused(__LINE__, nl, msg, error)

#endif /* KSC_TEST_NL_H */
