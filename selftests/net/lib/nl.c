// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family, as tests use it: counters, sockets, and playing the daemon. */
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include <linux/netlink.h>

#include "nl.h"

/* How often to poll what has no event. */
#define LOOK_NS 2000000

/* Keeps the errno and the explanation of the answer to a request. */
static void take_answer(struct tnl_conn *nl, struct nlmsghdr *nlh)
{
	struct nlmsgerr *err = nlmsg_data(nlh);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*err);
	int left;

	nl->done = true;
	nl->error = err->error;
	if (!(nlh->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	if (!(nlh->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	left = nlmsg_datalen(nlh) - (int)skip;
	if (left > 0 &&
	    !nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)err + skip), left, NULL) &&
	    tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(nl->text, tb[NLMSGERR_ATTR_MSG], sizeof(nl->text));
}

static bool take_message(struct tnl_conn *nl, struct nlmsghdr *nlh)
{
	struct nl_msg *msg = nlmsg_convert(nlh);
	int cmd;

	if (!msg || nlh->nlmsg_type != nl->family)
		return false;
	cmd = genlmsg_hdr(nlh)->cmd;
	if (cmd == KSC_CMD_STATS_GET || cmd == KSC_CMD_SOCK_GET || cmd == KSC_CMD_POLICY_GET ||
	    cmd == KSC_CMD_POLICY_TEST || cmd == KSC_CMD_KEY_NEW) {
		if (nl->reply)
			nl->reply(msg, nl->arg);
		nlmsg_free(msg);
		return true;
	}
	/* for the daemon's log, and best effort */
	if (cmd == KSC_CMD_CONTEXT_FAILED) {
		nlmsg_free(msg);
		return true;
	}
	if (nl->queued == TNL_QUEUE_MAX)
		return false;
	nl->queue[nl->queued++] = msg;
	return true;
}

/* Takes what one call brings; false if nothing came in time, or nonsense. */
static bool receive(struct tnl_conn *nl)
{
	struct sockaddr_nl from;
	unsigned char *data = NULL;
	struct nlmsghdr *nlh;
	int len = nl_recv(nl->sk, &from, &data, NULL);
	bool ok = len > 0;

	for (nlh = (struct nlmsghdr *)data; ok && nlmsg_ok(nlh, len); nlh = nlmsg_next(nlh, &len)) {
		if (nlh->nlmsg_type == NLMSG_ERROR)
			take_answer(nl, nlh);
		else if (nlh->nlmsg_type == NLMSG_DONE)
			nl->done = true;
		else
			ok = take_message(nl, nlh);
	}
	free(data);
	return ok;
}

/**
 * tnl_open() - open a netlink socket
 * @nl: gets it
 * Return: whether that went well; no cmocka check is made here
 */
bool tnl_open(struct tnl_conn *nl)
{
	const struct timeval tv = { .tv_sec = PATIENCE_S };
	int one = 1;

	memset(nl, 0, sizeof(*nl));
	nl->sk = nl_socket_alloc();
	if (!nl->sk || genl_connect(nl->sk) < 0)
		return false;
	nl->family = genl_ctrl_resolve(nl->sk, KSC_FAMILY_NAME);
	if (nl->family < 0)
		return false;
	nl_socket_set_buffer_size(nl->sk, 8 * TNL_MSG_MAX, TNL_MSG_MAX);
	setsockopt(nl_socket_get_fd(nl->sk), SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	setsockopt(nl_socket_get_fd(nl->sk), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	return true;
}

/**
 * tnl_close() - close it; if it was the daemon's, there is none from then on
 * @nl: the socket
 */
void tnl_close(struct tnl_conn *nl)
{
	for (size_t i = 0; i < nl->queued; i++)
		nlmsg_free(nl->queue[i]);
	nl_socket_free(nl->sk);
}

/**
 * tnl_request() - begin a request
 * @nl: the socket
 * @cmd: enum ksc_cmd
 * Return: a message, to which attributes can be added
 */
struct nl_msg *tnl_request(struct tnl_conn *nl, int cmd)
{
	struct nl_msg *msg = nlmsg_alloc_size(TNL_MSG_MAX);

	if (msg)
		genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, NLM_F_ACK, (uint8_t)cmd,
			    KSC_FAMILY_VERSION);
	return msg;
}

/**
 * tnl_do() - send a request and take the answer
 * @nl: the socket; error and text tell the outcome
 * @msg: the request; freed
 * Return: the negative errno, or 0
 */
int tnl_do(struct tnl_conn *nl, struct nl_msg *msg)
{
	int ret = nl_send_auto(nl->sk, msg);

	nlmsg_free(msg);
	nl->done = false;
	nl->error = 0;
	nl->text[0] = '\0';
	if (ret < 0)
		return -ECOMM;
	while (!nl->done) {
		if (!receive(nl))
			return -ECOMM;
	}
	return nl->error;
}

/**
 * tnl_refused() - send a request that has to be refused, with a text: TNL_REFUSED()
 * @line: where
 * @nl: the socket
 * @msg: the request; freed
 * @error: the errno
 */
void tnl_refused(int line, struct tnl_conn *nl, struct nl_msg *msg, int error)
{
	int ret = tnl_do(nl, msg);

	if (ret != -error)
		fail_msg("line %d: %s (%s), not %s", line, strerror(-ret), nl->text,
			 strerror(error));
	if (!nl->text[0])
		fail_msg("line %d: %s without an explanation", line, strerror(error));
}

/**
 * tnl_register() - become the daemon
 * @nl: the socket
 * Return: the negative errno, or 0
 */
int tnl_register(struct tnl_conn *nl)
{
	return tnl_do(nl, tnl_request(nl, KSC_CMD_REGISTER));
}

/**
 * tnl_become_daemon() - open a socket and become the daemon
 * @nl: gets the socket
 */
void tnl_become_daemon(struct tnl_conn *nl)
{
	assert_true(tnl_open(nl));
	assert_int_equal(tnl_register(nl), 0);
}

/**
 * tnl_next_event() - wait for an event
 * @nl: the daemon's socket
 * @event: gets it
 * Return: whether there was one; no cmocka check is made here
 */
bool tnl_next_event(struct tnl_conn *nl, struct tnl_event *event)
{
	while (!nl->queued) {
		if (!receive(nl))
			return false;
	}
	event->msg = nl->queue[0];
	memmove(nl->queue, nl->queue + 1, --nl->queued * sizeof(void *));
	event->cmd = genlmsg_hdr(nlmsg_hdr(event->msg))->cmd;
	return !genlmsg_parse(nlmsg_hdr(event->msg), 0, event->attrs, KSC_A_CONTEXT_MAX, NULL) &&
	       event->attrs[KSC_A_CONTEXT_ID];
}

/**
 * tnl_expect_event() - insist on an event
 * @nl: the daemon's socket
 * @event: gets it
 * @cmd: which it has to be
 */
void tnl_expect_event(struct tnl_conn *nl, struct tnl_event *event, int cmd)
{
	assert_true(tnl_next_event(nl, event));
	assert_int_equal(event->cmd, cmd);
}

/**
 * tnl_free_event() - be done with an event
 * @event: the event
 */
void tnl_free_event(struct tnl_event *event)
{
	nlmsg_free(event->msg);
}

/**
 * tnl_step() - begin the answer to an event
 * @nl: the daemon's socket
 * @event: the event
 * @status: enum ksc_status
 * Return: a message, to which attributes can be added
 */
struct nl_msg *tnl_step(struct tnl_conn *nl, const struct tnl_event *event, uint32_t status)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_STEP);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, nla_get_u64(event->attrs[KSC_A_CONTEXT_ID]));
	nla_put_u32(msg, KSC_A_CONTEXT_SEQ, nla_get_u32(event->attrs[KSC_A_CONTEXT_SEQ]));
	nla_put_u32(msg, KSC_A_CONTEXT_STATUS, status);
	return msg;
}

/**
 * struct counter - a counter to be read
 * @attr: enum ksc_a_stats
 * @value: its value
 * @found: whether there was a reply
 */
struct counter {
	int attr;
	uint64_t value;
	bool found;
};

static void on_stats(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KSC_A_STATS_MAX + 1];
	struct counter *counter = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KSC_A_STATS_MAX, NULL))
		return;
	counter->found = true;
	if (counter->attr == KSC_A_STATS_DAEMON)
		counter->value = tb[counter->attr] ? 1 : 0;
	else if (tb[counter->attr])
		counter->value = nla_get_u64(tb[counter->attr]);
}

/**
 * tnl_counter() - read a counter
 * @attr: enum ksc_a_stats
 * Return: its value; of the flag daemon, 0 or 1
 */
uint64_t tnl_counter(int attr)
{
	struct counter counter = { .attr = attr };
	struct tnl_conn nl;

	assert_true(tnl_open(&nl));
	nl.reply = on_stats;
	nl.arg = &counter;
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, KSC_CMD_STATS_GET)), 0);
	assert_true(counter.found);
	tnl_close(&nl);
	return counter.value;
}

static void await_range(int attr, uint64_t least, uint64_t most)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;
	uint64_t got;

	while ((got = tnl_counter(attr)) < least || got > most) {
		if (t_now_ms() > end)
			fail_msg("counter %d stays at %lu, not %lu", attr, (unsigned long)got,
				 (unsigned long)least);
		nanosleep(&pause, NULL);
	}
}

/**
 * tnl_await_counter() - wait until a counter has a value
 * @attr: enum ksc_a_stats
 * @value: the value
 */
void tnl_await_counter(int attr, uint64_t value)
{
	await_range(attr, value, value);
}

/**
 * tnl_await_at_least() - wait until a counter has a value, or a higher one
 * @attr: enum ksc_a_stats
 * @value: the value
 */
void tnl_await_at_least(int attr, uint64_t value)
{
	await_range(attr, value, UINT64_MAX);
}

/* Has each protected socket that the caller may see shown to a function. */
static void list_sockets(tnl_reply_fn reply, void *arg)
{
	struct tnl_conn nl;
	struct nl_msg *msg;

	assert_true(tnl_open(&nl));
	nl.reply = reply;
	nl.arg = arg;
	msg = nlmsg_alloc();
	genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl.family, 0, NLM_F_DUMP, KSC_CMD_SOCK_GET,
		    KSC_FAMILY_VERSION);
	assert_int_equal(tnl_do(&nl, msg), 0);
	tnl_close(&nl);
}

static void on_socket(struct nl_msg *msg, void *arg)
{
	unsigned int *count = arg;

	(void)msg;
	++*count;
}

/**
 * tnl_count_sockets() - count the protected sockets that a dump shows
 * Return: how many
 */
unsigned int tnl_count_sockets(void)
{
	unsigned int count = 0;

	list_sockets(on_socket, &count);
	return count;
}

static void on_sought(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KSC_A_SOCK_MAX + 1];
	struct tnl_sock *sought = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KSC_A_SOCK_MAX, NULL) || !tb[KSC_A_SOCK_INODE] ||
	    nla_get_u64(tb[KSC_A_SOCK_INODE]) != sought->inode)
		return;
	sought->found = true;
	sought->id = nla_get_u64(tb[KSC_A_SOCK_ID]);
	/* there are none before the handshake is done */
	if (!tb[KSC_A_SOCK_KEY_UPDATES_SENT])
		return;
	sought->tx_records = nla_get_u64(tb[KSC_A_SOCK_TX_RECORDS]);
	sought->rx_records = nla_get_u64(tb[KSC_A_SOCK_RX_RECORDS]);
	sought->updates_sent = nla_get_u64(tb[KSC_A_SOCK_KEY_UPDATES_SENT]);
	sought->updates_received = nla_get_u64(tb[KSC_A_SOCK_KEY_UPDATES_RECEIVED]);
}

/**
 * tnl_find_socket() - look up a protected socket in the list
 * @fd: the socket, which has to be there
 * Return: what it says
 */
struct tnl_sock tnl_find_socket(int fd)
{
	struct tnl_sock sought = { 0 };
	struct stat st;

	SYS(fstat(fd, &st));
	sought.inode = st.st_ino;
	list_sockets(on_sought, &sought);
	assert_true(sought.found);
	return sought;
}
