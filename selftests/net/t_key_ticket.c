// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a daemon is notified of about keys that it has made: tickets, and their end. And keys
 * of a daemon of another namespace, whose policy applies as well.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/keys.h"
#include "lib/own.h"

/* The daemon's socket; of the other namespace, where there is one, HERE's */
static struct tnl_conn nl, here;
static unsigned int references;

#define ID (KEYS_TICKETS | 0x1234567890)
/* The most that a connection hands to the daemon */
#define TICKETS 4

static int setup(void **state)
{
	references = keys_setup(state, &nl);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	keys_teardown(&nl, references);
	return 0;
}

/* A second daemon, in a namespace of its own, to which the test goes */
static int setup_two(void **state)
{
	setup(state);
	own_namespace();
	tnl_become_daemon(&here);
	return 0;
}

static int teardown_two(void **state)
{
	tnl_close(&here);
	return teardown(state);
}

static struct keys wanted(uint64_t id)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, wire_suite(WIRE_13, 0x1301), 5);

	keys.id = id;
	keys.tickets = true;
	return keys;
}

/* A daemon has received nothing else by now. */
static void expect_none(struct tnl_conn *conn)
{
	assert_int_equal(tnl_do(conn, tnl_request(conn, KSC_CMD_STATS_GET)), 0);
	assert_int_equal(conn->queued, 0);
}

static void expect_about(struct tnl_event *event, int cmd, uint64_t id)
{
	tnl_expect_event(&nl, event, cmd);
	assert_true(nla_get_u64(event->attrs[KSC_A_CONTEXT_ID]) == id);
}

static void expect_gone(uint64_t id)
{
	struct tnl_event event;

	expect_about(&event, KSC_CMD_CONTEXT_DEL, id);
	tnl_free_event(&event);
	expect_none(&nl);
}

static void connect_wire(struct wire *w)
{
	int fds[2];

	keys_plain_pair(fds);
	t_attach(fds[0]);
	w->fd = fds[0];
	w->peer = fds[1];
}

static void send_ticket(struct wire *w, uint8_t number)
{
	const uint8_t ticket[] = { 4, 0, 0, 3, 1, 2, number };
	struct tnl_event event;
	char c;

	wire_send(w, WIRE_HANDSHAKE, ticket, sizeof(ticket), 0);
	wire_send(w, WIRE_DATA, "!", 1, 0);
	assert_int_equal(SYS(recv(w->fd, &c, 1, 0)), 1);
	if (number >= TICKETS)
		return;
	expect_about(&event, KSC_CMD_TICKET, ID);
	assert_int_equal(nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]), sizeof(ticket));
	assert_memory_equal(nla_data(event.attrs[KSC_A_CONTEXT_TOKEN]), ticket, sizeof(ticket));
	tnl_free_event(&event);
}

/* They come by the daemon's own number, until the socket goes. */
static void test_tickets(void **state)
{
	struct keys keys = wanted(ID);
	int key = keys_make(&nl, &keys);

	(void)state;
	connect_wire(&keys.wire);
	keys_attach(keys.wire.fd, key);
	for (uint8_t i = 0; i < TICKETS - 1; i++)
		send_ticket(&keys.wire, i);
	expect_none(&nl);
	wire_close(&keys.wire);
	expect_gone(ID);
}

/* Or until there were enough. */
static void test_enough(void **state)
{
	struct keys keys = wanted(ID);
	int key = keys_make(&nl, &keys);

	(void)state;
	connect_wire(&keys.wire);
	keys_attach(keys.wire.fd, key);
	for (uint8_t i = 0; i < TICKETS; i++)
		send_ticket(&keys.wire, i);
	expect_gone(ID);
	send_ticket(&keys.wire, TICKETS);
	wire_close(&keys.wire);
	expect_none(&nl);
}

static void test_closed(void **state)
{
	struct keys keys = wanted(ID);
	int key = keys_make(&nl, &keys), copy = (int)SYS(dup(key));

	(void)state;
	SYS(close(key));
	expect_none(&nl);
	SYS(close(copy));
	expect_gone(ID);
	/* the end of a key without tickets is not notified */
	keys.tickets = false;
	SYS(close(keys_make(&nl, &keys)));
	connect_wire(&keys.wire);
	keys_attach(keys.wire.fd, keys_make(&nl, &keys));
	send_ticket(&keys.wire, TICKETS);
	wire_close(&keys.wire);
	expect_none(&nl);
}

/* The next daemon knows none of them. */
static void test_next_daemon(void **state)
{
	struct keys keys = wanted(ID), other = wanted(ID + 1);
	int key = keys_make(&nl, &keys), second = keys_make(&nl, &other);

	(void)state;
	tnl_close(&nl);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	tnl_become_daemon(&nl);
	connect_wire(&keys.wire);
	keys_attach(keys.wire.fd, key);
	send_ticket(&keys.wire, TICKETS);
	wire_close(&keys.wire);
	SYS(close(second));
	expect_none(&nl);
}

/* Contexts of sockets are numbered from 1 on: a ticket must not be taken for one of theirs. */
static void test_number(void **state)
{
	struct keys keys = wanted(ID & ~KEYS_TICKETS);

	(void)state;
	assert_int_equal(keys_do(&nl, keys_request(&nl, &keys)), -EINVAL);
	assert_true(nl.text[0]);
	keys.tickets = false;
	SYS(close(keys_make(&nl, &keys)));
	expect_none(&nl);
}

/* ---- in another namespace than the daemon's ---- */

static void load_rule(struct tnl_conn *conn, uint16_t port, uint32_t action)
{
	struct nl_msg *msg = tnl_request(conn, KSC_CMD_POLICY_BEGIN);
	static uint64_t generation;
	struct nlattr *nest;

	nla_put_u64(msg, KSC_A_POLICY_GENERATION, ++generation);
	nla_put_u32(msg, KSC_A_POLICY_COUNT, 1);
	assert_int_equal(tnl_do(conn, msg), 0);
	msg = tnl_request(conn, KSC_CMD_POLICY_ADD);
	nest = nla_nest_start(msg, KSC_A_POLICY_RULE);
	nla_put_string(msg, KSC_A_RULE_NAME, "the rule");
	nla_put_u32(msg, KSC_A_RULE_ACTION, action);
	nla_put_u32(msg, KSC_A_RULE_DIRECTIONS, KSC_RULE_DIRECTION_CONNECT);
	nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MIN, port);
	nla_put_u16(msg, KSC_A_RULE_REMOTE_PORT_MAX, port);
	nla_nest_end(msg, nest);
	assert_int_equal(tnl_do(conn, msg), 0);
	assert_int_equal(tnl_do(conn, tnl_request(conn, KSC_CMD_POLICY_COMMIT)), 0);
}

static uint16_t port_of(int fd)
{
	struct sockaddr_in in = { 0 };
	socklen_t len = sizeof(in);

	SYS(getsockname(fd, (struct sockaddr *)&in, &len));
	return ntohs(in.sin_port);
}

/* No tickets: the daemon there does not know them, and its own is not asked. */
static void test_foreign(void **state)
{
	struct keys keys = wanted(ID);

	(void)state;
	keys.netns = keys_netns();
	connect_wire(&keys.wire);
	keys_attach(keys.wire.fd, keys_make(&nl, &keys));
	expect_gone(ID);
	send_ticket(&keys.wire, TICKETS);
	t_send(keys.wire.fd, "out", 3);
	wire_expect(&keys.wire, WIRE_DATA, "out", 3);
	wire_close(&keys.wire);
	expect_none(&nl);
	expect_none(&here);
}

static int role_of(int fd)
{
	socklen_t len = sizeof(int);
	int role;

	SYS(getsockopt(fd, SOL_KSCHANNEL, KSC_ROLE, &role, &len));
	return role;
}

/* What a rule there demands, only its own daemon may see to. */
static void test_demanded(void **state)
{
	struct keys keys = wanted(ID), own;
	struct wire *w = &keys.wire;
	int key;

	(void)state;
	own = keys;
	keys.netns = keys_netns();
	connect_wire(w);
	load_rule(&here, port_of(w->peer), KSC_RULE_ACTION_REQUIRE);
	key = keys_make(&nl, &keys);
	FAILS(keys_try_attach(w->fd, key, NULL, 0), EPERM);
	/* both are as they were: the role, and what the rules of another time would say */
	assert_int_equal(role_of(w->fd), KSC_ROLE_UNSPEC);
	FAILS(keys_try_attach(w->fd, key, NULL, 0), EPERM);
	/* that the daemon there has gone is nothing to its policy */
	tnl_close(&here);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	FAILS(keys_try_attach(w->fd, key, NULL, 0), EPERM);
	tnl_become_daemon(&here);
	expect_none(&nl);

	/* its own daemon's keys are what the rule demands */
	keys_attach(w->fd, keys_make(&here, &own));
	t_send(w->fd, "out", 3);
	wire_expect(w, WIRE_DATA, "out", 3);
	FAILS(getsockopt(w->fd, SOL_KSCHANNEL, KSC_DETACH, &(int){ 0 },
			 &(socklen_t){ sizeof(int) }), EPERM);
	wire_close(w);

	/* and where the rule does not demand it, or is for others, any certificate will do */
	connect_wire(w);
	load_rule(&here, port_of(w->peer), KSC_RULE_ACTION_PREFER);
	SYS(keys_try_attach(w->fd, key, NULL, 0));
	close(key);
	expect_gone(ID);
	wire_close(w);
	connect_wire(w);
	load_rule(&here, (uint16_t)(port_of(w->peer) + 1), KSC_RULE_ACTION_REQUIRE);
	keys_attach(w->fd, keys_make(&nl, &keys));
	expect_gone(ID);
	wire_close(w);
}

/* A server's connection is one that is accepted: the rule is for clients. */
static void test_direction(void **state)
{
	struct keys keys = wanted(ID);
	struct wire *w = &keys.wire;
	int key, client_key;

	(void)state;
	keys.netns = keys_netns();
	keys.tickets = false;
	connect_wire(w);
	load_rule(&here, port_of(w->peer), KSC_RULE_ACTION_REQUIRE);
	client_key = keys_make(&nl, &keys);
	keys.wire.role = KSC_ROLE_SERVER;
	key = keys_make(&nl, &keys);
	FAILS(keys_try_attach(w->fd, client_key, NULL, 0), EPERM);
	SYS(keys_try_attach(w->fd, key, NULL, 0));
	assert_int_equal(role_of(w->fd), KSC_ROLE_SERVER);
	close(key);
	close(client_key);
	wire_close(w);
}

#define ONE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define TWO(test) cmocka_unit_test_setup_teardown(test, setup_two, teardown_two)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ONE(test_tickets),
		ONE(test_enough),
		ONE(test_closed),
		ONE(test_next_daemon),
		ONE(test_number),
		TWO(test_foreign),
		TWO(test_demanded),
		TWO(test_direction),
	};

	return T_RUN(tests);
}
