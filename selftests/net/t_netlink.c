// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family: which requests it rejects, and a daemon that the test plays itself. */
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/keys.h"
#include "lib/net.h"
#include "lib/nl.h"

#define refused TNL_REFUSED

static struct nl_msg *step_for(struct tnl_conn *nl, uint64_t id, uint32_t seq, uint32_t status)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_STEP);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, id);
	nla_put_u32(msg, KSC_A_CONTEXT_SEQ, seq);
	nla_put_u32(msg, KSC_A_CONTEXT_STATUS, status);
	return msg;
}

static void test_second_daemon(void **state)
{
	struct tnl_conn nl;

	(void)state;
	assert_true(tnl_open(&nl));
	refused(&nl, tnl_request(&nl, KSC_CMD_REGISTER), EBUSY);
	tnl_close(&nl);
}

static void test_not_the_daemon(void **state)
{
	struct tnl_conn nl;

	(void)state;
	assert_true(tnl_open(&nl));
	refused(&nl, step_for(&nl, 1, 0, KSC_STATUS_OK), EPERM);
	tnl_close(&nl);
}

static int as_user(int cmd)
{
	struct tnl_conn nl;
	int status;
	pid_t pid = (pid_t)SYS(fork());

	if (!pid) {
		if (setgid(1000) || setuid(1000) || !tnl_open(&nl))
			_exit(255);
		_exit(-tnl_do(&nl, cmd == KSC_CMD_STEP ? step_for(&nl, 1, 0, KSC_STATUS_OK) :
							 tnl_request(&nl, cmd)));
	}
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Case 45: not for everybody. */
static void case_45_unprivileged(void **state)
{
	(void)state;
	assert_int_equal(as_user(KSC_CMD_REGISTER), EPERM);
	assert_int_equal(as_user(KSC_CMD_STEP), EPERM);
	assert_int_equal(as_user(KSC_CMD_KEY_NEW), EPERM);
	assert_int_equal(as_user(KSC_CMD_STATS_GET), 0);
}

/* What allocates for more than its own answer, or changes anything, is not for everybody. */
static void test_unprivileged_commands(void **state)
{
	(void)state;
	for (int cmd = 1; cmd <= KSC_CMD_MAX; cmd++) {
		int error = as_user(cmd);

		/* of sockets of the caller's own; and which? */
		if (cmd == KSC_CMD_REKEY)
			assert_int_equal(error, EINVAL);
		else if (cmd == KSC_CMD_STATS_GET)
			assert_int_equal(error, 0);
		else if (error != EPERM && error != EOPNOTSUPP)
			fail_msg("command %d: %s", cmd, strerror(error));
	}
}

static void test_unprivileged_list(void **state)
{
	int fds[2], via[2], status;
	unsigned int count = 0;
	pid_t pid;

	(void)state;
	t_pair(AF_INET, fds);
	assert_true(tnl_count_sockets() >= 2);
	SYS(pipe(via));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(255);
		/* one of its own */
		int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL);

		count = fd >= 0 ? tnl_count_sockets() : 99;
		_exit(write(via[1], &count, sizeof(count)) != sizeof(count));
	}
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	assert_int_equal(SYS(read(via[0], &count, sizeof(count))), sizeof(count));
	assert_int_equal(count, 1);
	close(via[0]);
	close(via[1]);
	close(fds[0]);
	close(fds[1]);
}

/* Case 45: what is no command. */
static void case_45_unknown_command(void **state)
{
	struct tnl_conn nl;

	(void)state;
	assert_true(tnl_open(&nl));
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, 99)), -EOPNOTSUPP);
	/* events are not commands */
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, KSC_CMD_CONTEXT_NEW)), -EOPNOTSUPP);
	tnl_close(&nl);
}

/* Case 45, as the registered daemon: none of this is an answer, nor does it change anything. */
static void malformed(struct tnl_conn *nl, const struct tnl_event *event)
{
	uint64_t id = nla_get_u64(event->attrs[KSC_A_CONTEXT_ID]);
	uint32_t seq = nla_get_u32(event->attrs[KSC_A_CONTEXT_SEQ]);
	static uint8_t big[KSC_MAX_SECRET + 1];
	struct nlattr *keys, *tx;
	struct nl_msg *msg;

	/* attributes missing */
	refused(nl, tnl_request(nl, KSC_CMD_STEP), EINVAL);
	msg = tnl_request(nl, KSC_CMD_STEP);
	nla_put_u64(msg, KSC_A_CONTEXT_ID, id);
	refused(nl, msg, EINVAL);
	msg = tnl_request(nl, KSC_CMD_STEP);
	nla_put_u64(msg, KSC_A_CONTEXT_ID, id);
	nla_put_u32(msg, KSC_A_CONTEXT_SEQ, seq);
	refused(nl, msg, EINVAL);
	/* of the wrong length */
	msg = tnl_request(nl, KSC_CMD_STEP);
	nla_put_u32(msg, KSC_A_CONTEXT_ID, 1);
	refused(nl, msg, EINVAL);
	/* out of range */
	refused(nl, step_for(nl, id, seq, 99), ERANGE);
	/* that the command does not have */
	msg = step_for(nl, id, seq, KSC_STATUS_CONTINUE_NEEDED);
	nla_put_u32(msg, KSC_A_CONTEXT_UID, 0);
	refused(nl, msg, EINVAL);
	msg = step_for(nl, id, seq, KSC_STATUS_CONTINUE_NEEDED);
	nla_put_u32(msg, KSC_A_CONTEXT_MAX + 1, 0);
	refused(nl, msg, EINVAL);
	/* a text without an end */
	msg = step_for(nl, id, seq, KSC_STATUS_PROTOCOL_ERROR);
	nla_put(msg, KSC_A_CONTEXT_TEXT, 4, "text");
	refused(nl, msg, EINVAL);
	/* a secret that is too long for any suite */
	msg = step_for(nl, id, seq, KSC_STATUS_OK);
	keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	tx = nla_nest_start(msg, KSC_A_KEYS_TX);
	nla_put(msg, KSC_A_KEY_SECRET, sizeof(big), big);
	nla_nest_end(msg, tx);
	nla_nest_end(msg, keys);
	refused(nl, msg, ERANGE);
	/* a step that is not pending, whatever else is wrong with it */
	refused(nl, step_for(nl, id, seq + 1, KSC_STATUS_CONTINUE_NEEDED), ESTALE);
	refused(nl, step_for(nl, id, seq + 1, KSC_STATUS_OK), EINVAL);
	/* a context that is not there */
	refused(nl, step_for(nl, id + 1000, 0, KSC_STATUS_CONTINUE_NEEDED), ENOENT);
}

/* Invalid answers to the pending offer; behind these, keys that don't fit their suite. */
enum { NO_KEYS, UNKNOWN_SUITE, NO_FIT };

#define BAD_ANSWERS (NO_FIT + keys_unfit_count)

static struct nl_msg *bad_answer(struct tnl_conn *nl, const struct tnl_event *event, size_t which,
				 int *error)
{
	struct nlattr *keys;
	struct nl_msg *msg;

	*error = which == UNKNOWN_SUITE ? EOPNOTSUPP : EINVAL;
	msg = tnl_step(nl, event, KSC_STATUS_OK);
	if (which >= NO_FIT) {
		keys_put_unfit(msg, which - NO_FIT);
		return msg;
	}
	if (which == NO_KEYS)
		return msg;
	keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	nla_put_u16(msg, KSC_A_KEYS_VERSION, 0x0304);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, 0x9999);
	nla_nest_end(msg, keys);
	return msg;
}

static const struct t_opts nonblock = { .server_name = "server.test", .credential = "wanted",
					.alpn = "h2,http/1.1", .nonblock = true,
					.verify = KSC_VERIFY_REQUIRE, .timeout = 20000 };

/* The daemon that the test plays; it has to be the only one. */
static struct tnl_conn nl;

static int become_daemon(void **state)
{
	t_setup(state);
	return t_shell("ksc-daemon stop") || !tnl_open(&nl) || tnl_register(&nl) ? -1 : 0;
}

static int restore_daemon(void **state)
{
	(void)state;
	tnl_close(&nl);
	return t_shell("ksc-daemon start") ? -1 : 0;
}

static void step(struct tnl_event *event, uint32_t status, const char *token)
{
	struct nl_msg *msg = tnl_step(&nl, event, status);

	if (event->attrs[KSC_A_CONTEXT_TOKEN])
		nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED,
			    (uint32_t)nla_len(event->attrs[KSC_A_CONTEXT_TOKEN]));
	if (token)
		nla_put(msg, KSC_A_CONTEXT_TOKEN, (int)strlen(token), token);
	if (tnl_do(&nl, msg))
		fail_msg("step: %s (%s)", strerror(-nl.error), nl.text);
}

static void test_wiped(void **state)
{
	struct nl_msg *msg;
	struct tnl_conn other;
	struct tnl_event event;
	struct t_addr addr;
	int listener, fd;
	uint64_t id;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	id = nla_get_u64(event.attrs[KSC_A_CONTEXT_ID]);
	/* not the daemon's */
	assert_true(tnl_open(&other));
	keys_wiped(&other, keys_secret(step_for(&other, 1, 0, KSC_STATUS_OK), 0x1301), EPERM);
	tnl_close(&other);
	/* without a number */
	msg = tnl_request(&nl, KSC_CMD_STEP);
	nla_put_u64(msg, KSC_A_CONTEXT_ID, 1);
	nla_put_u32(msg, KSC_A_CONTEXT_STATUS, KSC_STATUS_OK);
	keys_wiped(&nl, keys_secret(msg, 0x1301), EINVAL);
	/* for a suite that is none, or has longer keys */
	keys_wiped(&nl, keys_secret(step_for(&nl, id, 1, KSC_STATUS_OK), 0x9999), EOPNOTSUPP);
	keys_wiped(&nl, keys_secret(step_for(&nl, id, 0, KSC_STATUS_OK), 0x1302), EINVAL);
	/* for contexts that are not there, with a status that has none and with its own */
	close(fd);
	close(listener);
	id += 1000;
	keys_wiped(&nl, keys_secret(step_for(&nl, id, 0, KSC_STATUS_CONTINUE_NEEDED), 0x1301),
		   ENOENT);
	keys_wiped(&nl, keys_secret(step_for(&nl, id, 0, KSC_STATUS_OK), 0x1301), ENOENT);
	tnl_free_event(&event);
}

static void test_play_daemon(void **state)
{
	struct tnl_event event;
	struct t_addr addr;
	int listener, fd, peer;
	struct nlattr **attrs = event.attrs;
	struct nl_msg *msg;
	char alert[7];

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	assert_int_equal(errno, EINPROGRESS);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_SEQ]), 0);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_ROLE]), KSC_ROLE_CLIENT);
	assert_string_equal(nla_get_string(attrs[KSC_A_CONTEXT_SERVER_NAME]), "server.test");
	assert_string_equal(nla_get_string(attrs[KSC_A_CONTEXT_CREDENTIAL]), "wanted");
	assert_int_equal(nla_len(attrs[KSC_A_CONTEXT_ALPN]), 12);
	assert_memory_equal(nla_data(attrs[KSC_A_CONTEXT_ALPN]), "\2h2\10http/1.1", 12);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_VERIFY]), KSC_VERIFY_REQUIRE);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_UID]), 0);
	assert_in_range(nla_get_u32(attrs[KSC_A_CONTEXT_DEADLINE]), 1, 20000);
	assert_true(nla_len(attrs[KSC_A_CONTEXT_PEER]) >= (int)sizeof(struct sockaddr_in));
	assert_memory_equal(nla_data(attrs[KSC_A_CONTEXT_PEER]), &addr.ss, 8);
	malformed(&nl, &event);
	step(&event, KSC_STATUS_CONTINUE_NEEDED, "token one");
	tnl_free_event(&event);

	peer = t_accept(listener);
	t_expect(peer, "token one");
	/* two records are one token */
	t_send(peer, "\x16\x03\x03\x00\x02\x02\x01\x16\x03\x03\x00\x01!", 13);
	tnl_expect_event(&nl, &event, KSC_CMD_TOKEN);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_SEQ]), 1);
	msg = tnl_step(&nl, &event, KSC_STATUS_PEER_REJECTED);
	nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, 0);
	nla_put_string(msg, KSC_A_CONTEXT_TEXT, "it is not\n\33[31mto our taste");
	nla_put_u8(msg, KSC_A_CONTEXT_ALERT, 42);
	nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, KSC_DIRECTION_SENT);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 7, "\x15\x03\x03\x00\x02\x02\x2a");
	assert_int_equal(tnl_do(&nl, msg), 0);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), EKEYREJECTED);
	t_expect_error(fd, KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
	/* it is one line, without control characters */
	assert_string_equal(t_error(fd).text, "it is not??[31mto our taste");
	assert_int_equal(t_error(fd).alert, 42);
	assert_int_equal(t_error(fd).direction, KSC_DIRECTION_SENT);
	/* the last step's token went out */
	t_recv(peer, alert, sizeof(alert));
	assert_memory_equal(alert, "\x15\x03\x03\x00\x02\x02\x2a", sizeof(alert));
	/* its number is used up */
	refused(&nl, tnl_step(&nl, &event, KSC_STATUS_CONTINUE_NEEDED), ENOENT);
	tnl_free_event(&event);
	close(fd);
	close(peer);
	close(listener);
}

/* The handshake whose answer was refused has failed, and the next one has its turn. */
static void expect_over(int fd, struct tnl_event *event)
{
	struct tnl_event del;

	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), EIO);
	t_expect_error(fd, KSC_STATUS_INTERNAL_ERROR, EIO);
	tnl_expect_event(&nl, &del, KSC_CMD_CONTEXT_DEL);
	assert_int_equal(nla_get_u64(del.attrs[KSC_A_CONTEXT_ID]),
			 nla_get_u64(event->attrs[KSC_A_CONTEXT_ID]));
	tnl_free_event(&del);
	assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_UNANSWERED), 0);
	refused(&nl, tnl_step(&nl, event, KSC_STATUS_CONTINUE_NEEDED), ENOENT);
	tnl_free_event(event);
	close(fd);
}

static void test_bad_answers(void **state)
{
	struct tnl_event event;
	struct nl_msg *msg;
	struct t_addr addr;
	int listener, fd, error;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	for (size_t i = 0; i < BAD_ANSWERS; i++) {
		fd = t_try_connect(&addr, &nonblock);
		tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
		msg = bad_answer(&nl, &event, i, &error);
		refused(&nl, msg, error);
		expect_over(fd, &event);
	}
	close(listener);
}

/* Keys that come after the time-out are wiped: the daemon was notified of that. */
static void test_too_late(void **state)
{
	const struct t_opts hasty = { .server_name = "server.test", .nonblock = true,
				      .timeout = 100 };
	struct tnl_event event, del;
	struct t_addr addr;
	int listener, fd;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &hasty);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	tnl_expect_event(&nl, &del, KSC_CMD_CONTEXT_DEL);
	assert_int_equal(nla_get_u64(del.attrs[KSC_A_CONTEXT_ID]),
			 nla_get_u64(event.attrs[KSC_A_CONTEXT_ID]));
	keys_wiped(&nl, keys_secret(tnl_step(&nl, &event, KSC_STATUS_OK), 0x1301), ENOENT);
	t_expect_error(fd, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	assert_int_equal(tnl_counter(KSC_A_STATS_CONTEXTS), 0);
	tnl_free_event(&event);
	tnl_free_event(&del);
	close(fd);
	close(listener);
}

static struct nl_msg *consume(const struct tnl_event *event, uint32_t status, uint32_t bytes)
{
	struct nl_msg *msg = tnl_step(&nl, event, status);

	nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, bytes);
	return msg;
}

/* What an answer uses up is not offered again. */
static void test_consumed(void **state)
{
	struct tnl_event event;
	struct t_addr addr;
	int listener, fd, peer;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	step(&event, KSC_STATUS_CONTINUE_NEEDED, "right");
	tnl_free_event(&event);
	peer = t_accept(listener);
	t_expect(peer, "right");
	t_send(peer, "\x16\x03\x03\x00\x02\x02\x01", 7);
	tnl_expect_event(&nl, &event, KSC_CMD_TOKEN);
	step(&event, KSC_STATUS_CONTINUE_NEEDED, "again");
	tnl_free_event(&event);
	t_expect(peer, "again");
	t_send(peer, "\x16\x03\x03\x00\x01!", 6);
	tnl_expect_event(&nl, &event, KSC_CMD_TOKEN);
	assert_int_equal(nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]), 6);
	step(&event, KSC_STATUS_PROTOCOL_ERROR, NULL);
	tnl_free_event(&event);
	t_wait(fd, POLLOUT);
	assert_int_equal(t_so_error(fd), EPROTO);
	close(fd);
	close(peer);
	close(listener);
}

/* Nor is what uses up more than was offered an answer; nothing is done of what it says. */
static void test_too_much_consumed(void **state)
{
	static const struct {
		uint32_t status;
		uint32_t bytes;
	} wrong[] = {
		{ KSC_STATUS_CONTINUE_NEEDED, 8 },
		{ KSC_STATUS_CONTINUE_NEEDED, UINT32_MAX },
		{ KSC_STATUS_PROTOCOL_ERROR, 8 },
	};
	struct tnl_event event;
	struct t_addr addr;
	struct nl_msg *msg;
	int listener, fd, peer;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	msg = consume(&event, KSC_STATUS_CONTINUE_NEEDED, 1);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "wrong");
	refused(&nl, msg, EINVAL);
	expect_over(fd, &event);
	peer = t_accept(listener);
	t_expect(peer, "\x15\x03\x03");
	close(peer);

	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++) {
		fd = t_try_connect(&addr, &nonblock);
		tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
		step(&event, KSC_STATUS_CONTINUE_NEEDED, "right");
		tnl_free_event(&event);
		peer = t_accept(listener);
		t_expect(peer, "right");
		t_send(peer, "\x16\x03\x03\x00\x02\x02\x01", 7);
		tnl_expect_event(&nl, &event, KSC_CMD_TOKEN);
		msg = consume(&event, wrong[i].status, wrong[i].bytes);
		nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "wrong");
		refused(&nl, msg, EINVAL);
		expect_over(fd, &event);
		t_expect(peer, "\x15\x03\x03");
		close(peer);
	}
	close(listener);
}

/* Case 41: the socket is closed while the daemon thinks. */
static void case_41_closed_in_step(void **state)
{
	struct tnl_event event, del;
	struct t_addr addr;
	int listener, fd;

	(void)state;
	listener = t_listen(AF_INET, NULL, &addr);
	fd = t_try_connect(&addr, &nonblock);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	close(fd);
	tnl_expect_event(&nl, &del, KSC_CMD_CONTEXT_DEL);
	assert_int_equal(nla_get_u64(del.attrs[KSC_A_CONTEXT_ID]),
			 nla_get_u64(event.attrs[KSC_A_CONTEXT_ID]));
	refused(&nl, tnl_step(&nl, &event, KSC_STATUS_CONTINUE_NEEDED), ENOENT);
	tnl_free_event(&event);
	tnl_free_event(&del);
	/* and between two steps */
	fd = t_try_connect(&addr, &nonblock);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	step(&event, KSC_STATUS_CONTINUE_NEEDED, "token one");
	close(fd);
	tnl_expect_event(&nl, &del, KSC_CMD_CONTEXT_DEL);
	refused(&nl, tnl_step(&nl, &event, KSC_STATUS_CONTINUE_NEEDED), ENOENT);
	tnl_free_event(&event);
	tnl_free_event(&del);
	close(listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

/* Cases 3 and 4: too little changes nothing, and more of the same token comes again. */
static void case_03_04_incomplete(void **state)
{
	struct tnl_event event;
	struct t_addr addr;
	int listener, fd, peer;

	(void)state;
	listener = t_listen(AF_INET, &t_server, &addr);
	peer = t_connect(&addr, NULL);
	t_send(peer, "\x16\x03\x01\x00\x02\x01\x00", 7);
	fd = t_accept(listener);
	tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
	assert_int_equal(nla_get_u32(event.attrs[KSC_A_CONTEXT_ROLE]), KSC_ROLE_SERVER);
	assert_int_equal(nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]), 7);
	{
		struct nl_msg *msg = tnl_step(&nl, &event, KSC_STATUS_INCOMPLETE_MESSAGE);

		nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, 0);
		nla_put_u32(msg, KSC_A_CONTEXT_NEED, 1);
		assert_int_equal(tnl_do(&nl, msg), 0);
	}
	tnl_free_event(&event);
	/* half of the next record is not worth an offer */
	t_send(peer, "\x16\x03\x01\x00\x02\x00", 6);
	t_send(peer, "\x05", 1);
	tnl_expect_event(&nl, &event, KSC_CMD_TOKEN);
	assert_int_equal(nla_len(event.attrs[KSC_A_CONTEXT_TOKEN]), 14);
	step(&event, KSC_STATUS_PROTOCOL_ERROR, NULL);
	tnl_free_event(&event);
	FAILS(recv(fd, (char[1]){ 0 }, 1, 0), EPROTO);
	close(fd);
	close(peer);
	close(listener);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_second_daemon),
		cmocka_unit_test(test_not_the_daemon),
		cmocka_unit_test(case_45_unprivileged),
		cmocka_unit_test(test_unprivileged_commands),
		cmocka_unit_test(test_unprivileged_list),
		cmocka_unit_test(case_45_unknown_command),
		cmocka_unit_test_setup_teardown(test_wiped, become_daemon, restore_daemon),
		cmocka_unit_test_setup_teardown(test_play_daemon, become_daemon, restore_daemon),
		cmocka_unit_test_setup_teardown(test_bad_answers, become_daemon, restore_daemon),
		cmocka_unit_test_setup_teardown(test_too_late, become_daemon, restore_daemon),
		cmocka_unit_test_setup_teardown(test_consumed, become_daemon, restore_daemon),
		cmocka_unit_test_setup_teardown(test_too_much_consumed, become_daemon,
						restore_daemon),
		cmocka_unit_test_setup_teardown(case_41_closed_in_step, become_daemon,
						restore_daemon),
		cmocka_unit_test_setup_teardown(case_03_04_incomplete, become_daemon,
						restore_daemon),
	};

	return T_RUN(tests);
}
