// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory outside TCP's queues: it is charged to the socket, grows with the received data, and
 * is not extended under memory pressure.
 */
#include <fcntl.h>
#include <limits.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/flow.h"
#include "lib/group.h"
#include "lib/nl.h"
#include "lib/own.h"
#include "lib/raw.h"
#include "lib/tcpmem.h"

#define OURS KSC_RAW_ULP_NAME
#define MANY 300
#define RECORD 16384

/* A plain TCP sender, and a receiver that takes its bytes for records. */
static void half_pair(int fds[2])
{
	struct raw_keys keys = raw_keys(raw_13, 0, 0);

	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
}

/* Many peers send the begin of a record each: for six bytes no more is held than for six. */
static void test_begins(void **state)
{
	static const uint8_t begin[6] = { 23, 3, 3, 0x40, 0x11, 0 };
	const struct timespec grace = { .tv_sec = 2 };
	static int fds[MANY][2];
	int64_t before, grown;

	(void)state;
	tcpmem_press();
	for (int i = 0; i < MANY; i++)
		half_pair(fds[i]);
	before = group_slabs();
	for (int i = 0; i < MANY; i++)
		t_send(fds[i][0], begin, sizeof(begin));
	for (int i = 0; i < MANY; i++)
		t_await_acked(fds[i][0]);
	/* there is no event to wait for; a wrong charge would be made at once */
	nanosleep(&grace, NULL);
	grown = group_slabs() - before;
	for (int i = 0; i < MANY; i++)
		raw_close(fds[i]);
	if (!t_kasan() && grown > MANY * INT64_C(4096))
		fail_msg("%lld bytes are held", (long long)grown);
}

/* What comes steadily is decrypted where it lies. */
static void test_stream(void **state)
{
	static struct flow out[2], in[2];
	int fds[2][2], size = 1 << 20;
	uint64_t staged;

	(void)state;
	tcpmem_press();
	staged = tnl_counter(KSC_A_STATS_RX_STAGED);
	for (int i = 0; i < 2; i++) {
		raw_pair(raw_13, OURS, OURS, fds[i]);
		SYS(setsockopt(fds[i][1], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
		out[i] = (struct flow){ .fd = fds[i][0], .data = flow_data((uint64_t)i),
					.len = FLOW_MAX, .step = 40000 };
		in[i] = (struct flow){ .fd = fds[i][1], .data = flow_data((uint64_t)i),
				       .len = FLOW_MAX, .step = 10000 };
		flow_recv(&in[i]);
		flow_send(&out[i]);
	}
	for (int i = 0; i < 2; i++) {
		flow_join(&out[i]);
		flow_join(&in[i]);
		raw_close(fds[i]);
	}
	/* what the guest stood still over may be moved, but not the stream */
	staged = tnl_counter(KSC_A_STATS_RX_STAGED) - staged;
	assert_in_range(staged, 0, FLOW_MAX / 4);
}

/* ---- who is charged ---- */

/* A process peeks at a byte of each of many records: it is charged for what is decrypted. */
static void peek_many(size_t len, int64_t least, int64_t most)
{
	static int fds[MANY][2];
	int64_t before, during = 0, end;
	uint8_t *buf = malloc(RECORD);

	assert_non_null(buf);
	for (int i = 0; i < MANY; i++)
		raw_pair(raw_13, OURS, OURS, fds[i]);
	before = group_charged();
	for (int i = 0; i < MANY; i++) {
		t_send(fds[i][0], flow_data(1), len);
		t_wait(fds[i][1], POLLIN);
		assert_int_equal(SYS(recv(fds[i][1], buf, 1, MSG_PEEK)), 1);
	}
	end = t_now_ms() + PATIENCE_S * 1000;
	/* what the senders' queues hold goes with the last acknowledgment */
	do {
		during = group_charged() - before;
	} while ((during < MANY * least || during > MANY * most) && t_now_ms() < end &&
		 !usleep(10000));
	for (int i = 0; i < MANY; i++) {
		t_recv(fds[i][1], buf, len);
		assert_memory_equal(buf, flow_data(1), len);
		raw_close(fds[i]);
	}
	free(buf);
	if (during < MANY * least || during > MANY * most)
		fail_msg("%lld bytes are charged", (long long)during);
}

static void test_charged(void **state)
{
	(void)state;
	group_need();
	peek_many(RECORD, 24576, 3 * 24576);
	/* in memory of its size; the account goes by pages */
	peek_many(5, 0, 8192);
}

/* The machine's memory that many small records take when a process has peeked at them */
static int64_t look_at_small(void)
{
	static int fds[MANY][2];
	int64_t before, taken;
	char c;

	for (int i = 0; i < MANY; i++) {
		raw_pair(raw_13, OURS, OURS, fds[i]);
		t_exchange(fds[i][0], fds[i][1]);
		t_send(fds[i][0], "small", 5);
		t_wait(fds[i][1], POLLIN);
	}
	before = group_read("/proc/meminfo", "MemFree:", 1024);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(SYS(recv(fds[i][1], &c, 1, MSG_PEEK)), 1);
	taken = before - group_read("/proc/meminfo", "MemFree:", 1024);
	for (int i = 0; i < MANY; i++) {
		t_expect(fds[i][1], "small");
		raw_close(fds[i]);
	}
	return taken;
}

/* Neither do records that are small take the room of large ones. */
static void test_small(void **state)
{
	const int64_t most = MANY * INT64_C(12288);
	int64_t taken = look_at_small();

	(void)state;
	/* others take memory, too, but not each time */
	for (int i = 0; i < 4 && taken > most; i++)
		taken = look_at_small();
	if (!t_kasan() && taken > most)
		fail_msg("%lld bytes are taken", (long long)taken);
}

/* Beyond @before this much has to be charged before long, for each of many. */
static void expect_charged(int64_t before, int64_t least, int64_t most, const char *when)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000, now;

	do {
		now = group_charged() - before;
		if (now >= MANY * least && now <= MANY * most)
			return;
		usleep(10000);
	} while (t_now_ms() < end);
	fail_msg("%s: %lld bytes are charged", when, (long long)now);
}

static void send_more(int fds[][2])
{
	for (int i = 0; i < MANY; i++)
		assert_int_equal(SYS(send(fds[i][0], "m", 1, MSG_MORE)), 1);
}

/* The page that an open record is in stays for its sake: whose the record is pays for it. */
static void test_open(void **state)
{
	/* there may be none but small pages, or a record in two large ones */
	const int64_t least = 4096, most = 2 * 32768;
	static int fds[MANY][2];
	int64_t before;

	(void)state;
	group_need();
	for (int i = 0; i < MANY; i++)
		raw_pair(raw_13, OURS, OURS, fds[i]);
	before = group_charged();
	send_more(fds);
	expect_charged(before, least, most, "open");
	for (int i = 0; i < MANY; i++) {
		t_send(fds[i][0], "e", 1);
		t_expect(fds[i][1], "me");
	}
	expect_charged(before, INT_MIN, 8192, "sent");
	send_more(fds);
	expect_charged(before, least, most, "open again");
	for (int i = 0; i < MANY; i++)
		raw_close(fds[i]);
	/* less than a page of each */
	expect_charged(before, INT_MIN, 2048, "closed");
}

/* ---- what the daemon and the kernel's workers allocate for others ---- */

#define USERS CGROUP "/t_account_user"
#define QUESTIONS 48

/* Begins handshakes that are charged to a group, reports, and waits until it is to end */
static void ask_many(const struct t_addr *addr, int told, int tell)
{
	const struct t_opts manual = { .server_name = "server.test", .nonblock = true,
				       .verify = KSC_VERIFY_MANUAL };
	char c = 0;

	if (!group_move_to(USERS "/cgroup.procs"))
		_exit(1);
	for (int i = 0; i < QUESTIONS; i++)
		t_try_connect(addr, &manual);
	_exit(write(tell, &c, 1) != 1 || read(told, &c, 1) < 0);
}

/* There is a group besides our own, and we are the daemon of the processes in it. */
static void be_daemon_of_users(struct tnl_conn *nl)
{
	if (!group_is_own() || mkdir(USERS, 0755) ||
	    group_read(USERS "/memory.stat", "kernel ", 1) < 0) {
		print_message("there is no memory cgroup that counts the kernel's\n");
		skip();
	}
	own_namespace();
	assert_true(tnl_open(nl));
	assert_int_equal(tnl_register(nl), 0);
}

/* Certificates that users are to judge are the users' memory, not the daemon's. */
static void test_questions(void **state)
{
	static const uint8_t chain[KSC_MAX_CHAIN];
	const int64_t all = QUESTIONS * (int64_t)sizeof(chain);
	int64_t user, daemon, end = t_now_ms() + PATIENCE_S * 1000;
	int told[2], tell[2], status;
	struct tnl_event event;
	struct tnl_conn nl;
	struct t_addr addr;
	struct nl_msg *msg;
	pid_t pid;
	char c;

	(void)state;
	be_daemon_of_users(&nl);
	t_listen(AF_INET, NULL, &addr);
	SYS(pipe(told));
	SYS(pipe(tell));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		close(told[1]);
		ask_many(&addr, told[0], tell[1]);
	}
	close(tell[1]);
	assert_int_equal(SYS(read(tell[0], &c, 1)), 1);
	user = group_read(USERS "/memory.stat", "kernel ", 1);
	daemon = group_read(GROUP_OWN "/memory.stat", "kernel ", 1);
	for (int i = 0; i < QUESTIONS; i++) {
		tnl_expect_event(&nl, &event, KSC_CMD_CONTEXT_NEW);
		msg = tnl_step(&nl, &event, KSC_STATUS_VERIFY_NEEDED);
		nla_put(msg, KSC_A_CONTEXT_CHAIN, sizeof(chain), chain);
		assert_int_equal(tnl_do(&nl, msg), 0);
		tnl_free_event(&event);
	}
	/* the figures come with some delay */
	while (group_read(USERS "/memory.stat", "kernel ", 1) - user < all && t_now_ms() < end)
		usleep(10000);
	user = group_read(USERS "/memory.stat", "kernel ", 1) - user;
	daemon = group_read(GROUP_OWN "/memory.stat", "kernel ", 1) - daemon;
	print_message("# users %lld bytes, daemon %lld, for %lld\n", (long long)user,
		      (long long)daemon, (long long)all);
	close(told[1]);
	assert_int_equal(SYS(waitpid(pid, &status, 0)), pid);
	rmdir(USERS);
	tnl_close(&nl);
	assert_int_equal(status, 0);
	assert_true(user >= all);
	assert_true(daemon < all / 4);
}

/* ---- handshakes of a user whose group is out of memory ---- */

/* More than the daemon may leave unanswered, and than what their group has left answers */
#define POOR 96
#define POOR_TIMEOUT KSC_MAX_HANDSHAKE_TIMEOUT

/**
 * struct poor - a process that begins handshakes in a group that will have no memory left
 * @addr: where its sockets connect to
 * @told: closed when the daemon has answered
 * @tell: told when they have begun
 */
struct poor {
	const struct t_addr *addr;
	int told;
	int tell;
};

/* Out of the group, whose memory is taken; until the daemon has answered */
static bool poor_begun(const struct poor *poor)
{
	char c = 0;

	return group_move_to(GROUP_OWN "/cgroup.procs") && write(poor->tell, &c, 1) == 1 &&
	       read(poor->told, &c, 1) >= 0;
}

static pid_t poor_pid;

/* Ends when so many sockets have failed, for what was no fault of theirs */
static int poor_sockets(const struct poor *poor)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true,
				     .verify = KSC_VERIFY_MANUAL, .timeout = POOR_TIMEOUT };
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000);
	static int fds[POOR];
	unsigned int failed = 0;

	/* what TCP takes for them is for the group that they are made in, which has enough */
	for (int i = 0; i < POOR; i++)
		fds[i] = t_plain(AF_INET);
	if (!group_move_to(USERS "/cgroup.procs"))
		return 1;
	for (int i = 0; i < POOR; i++) {
		t_attach(fds[i]);
		t_set_opts(fds[i], &opts);
		t_begin_on(fds[i], &poor->addr->ss, poor->addr->len);
	}
	if (!poor_begun(poor))
		return 1;
	for (int i = 0; failed < KSC_DEFAULT_WINDOW && t_now_ms() < end; i = (i + 1) % POOR) {
		struct pollfd out = { .fd = fds[i], .events = POLLOUT };

		if (poll(&out, 1, 1) == 1)
			failed += t_so_error(fds[i]) == EIO;
	}
	return failed < KSC_DEFAULT_WINDOW;
}

static bool is_rich(const struct tnl_event *event)
{
	const struct nlattr *name = event->attrs[KSC_A_CONTEXT_SERVER_NAME];

	return name && !strcmp(nla_get_string(name), "rich.test");
}

/*
 * Answers all that is offered, which is more than the group has room for, and the one outside.
 * Returns how many answers could not be stored.
 */
static unsigned int answer_all(struct tnl_conn *nl)
{
	static const uint8_t chain[KSC_MAX_CHAIN];
	struct nl_msg *msg, *late = NULL;
	unsigned int refused = 0;
	struct tnl_event event;
	int err;

	for (int left = POOR + 1; left; tnl_free_event(&event)) {
		bool rich;

		if (!tnl_next_event(nl, &event))
			fail_msg("%u have no memory, and %d others no turn", refused, left);
		if (event.cmd != KSC_CMD_CONTEXT_NEW)
			continue;
		rich = is_rich(&event);
		msg = tnl_step(nl, &event, rich ? KSC_STATUS_CONTINUE_NEEDED :
						  KSC_STATUS_VERIFY_NEEDED);
		nla_put(msg, rich ? KSC_A_CONTEXT_TOKEN : KSC_A_CONTEXT_CHAIN,
			rich ? 4 : sizeof(chain), chain);
		err = tnl_do(nl, msg);
		if (err && (err != -ENOMEM || rich))
			fail_msg("step: %s (%s)", strerror(-err), nl->text);
		if (err && !refused++)
			late = tnl_step(nl, &event, KSC_STATUS_PROTOCOL_ERROR);
		left--;
	}
	/* what was refused has failed; there may be no memory to find that out */
	if (late) {
		err = tnl_do(nl, late);
		assert_true(err == -ESTALE || err == -ENOENT || err == -ENOMEM);
	}
	return refused;
}

/*
 * A user whose group is out of memory when the daemon answers loses its turn of the daemon, too:
 * no other user waits for it, and the OOM killer neither runs nor complains that it found no task.
 */
static void test_poor(void **state)
{
	const struct t_opts rich = { .server_name = "rich.test", .nonblock = true };
	int told[2], tell[2], status, fd, peer, listener;
	struct poor poor = { 0 };
	unsigned int refused;
	struct tnl_conn nl;
	struct t_addr addr, outside;
	char c, text[32];
	int64_t kills;

	(void)state;
	be_daemon_of_users(&nl);
	t_listen(AF_INET, NULL, &addr);
	listener = t_listen(AF_INET, NULL, &outside);
	SYS(pipe(told));
	SYS(pipe(tell));
	poor = (struct poor){ &addr, told[0], tell[1] };
	poor_pid = (pid_t)SYS(fork());
	if (!poor_pid) {
		close(told[1]);
		_exit(poor_sockets(&poor));
	}
	close(tell[1]);
	assert_int_equal(SYS(read(tell[0], &c, 1)), 1);
	/* the group's limit is what it has: nothing is reclaimed, and no allocation succeeds */
	snprintf(text, sizeof(text), "%lld",
		 (long long)group_read(USERS "/memory.current", "", 1));
	assert_true(t_write_file(USERS "/memory.max", text));
	kills = group_read(USERS "/memory.events", "oom ", 1);
	fd = t_try_connect(&outside, &rich);
	refused = answer_all(&nl);
	print_message("%u answers of %u are for the group out of memory\n", refused, POOR);
	peer = t_accept(listener);
	t_recv(peer, text, 4);
	assert_true(refused >= KSC_DEFAULT_WINDOW);
	tnl_await_counter(KSC_A_STATS_HANDSHAKES_FAILED, refused);
	assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_WAITING), 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_OFFERS_UNANSWERED), 0);
	assert_int_equal(group_read(USERS "/memory.events", "oom ", 1), kills);
	close(told[1]);
	SYS(waitpid(poor_pid, &status, 0));
	poor_pid = 0;
	assert_int_equal(status, 0);
	close(fd);
	close(peer);
	close(listener);
	tnl_close(&nl);
}

static int leave_poor(void **state)
{
	if (poor_pid && !kill(poor_pid, SIGKILL))
		waitpid(poor_pid, NULL, 0);
	poor_pid = 0;
	rmdir(USERS);
	return group_leave(state);
}

/* ---- beside what TCP itself knows of ---- */

#define SOME 64

static void await_beside(int fds[][2], int64_t least, int64_t most, const char *when)
{
	int64_t end = t_now_ms() + PATIENCE_S * 1000, now;

	do {
		now = group_beside(fds[0], 2 * SOME);
		if (now >= SOME * least && now <= SOME * most) {
			print_message("%s: %lld bytes each\n", when, (long long)now / SOME);
			return;
		}
		usleep(10000);
	} while (t_now_ms() < end);
	fail_msg("%s: %lld bytes are charged", when, (long long)now);
}

/* What is decrypted for pollers takes little more than it did in TCP's queue. */
static void test_polled(void **state)
{
	struct epoll_event event = { .events = EPOLLIN }, events[SOME];
	int64_t before, queued, polled, free_before, taken, end;
	static int fds[SOME][2];
	uint8_t *buf = malloc(RECORD);
	int ep, ready;

	(void)state;
	group_need();
	assert_non_null(buf);
	ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	for (int i = 0; i < SOME; i++) {
		t_pair(AF_INET, fds[i]);
		t_exchange(fds[i][0], fds[i][1]);
	}
	before = group_charged_all();
	for (int i = 0; i < SOME; i++) {
		t_send(fds[i][0], flow_data(1), RECORD);
		t_await_acked(fds[i][0]);
	}
	queued = group_charged_all() - before;
	free_before = group_read("/proc/meminfo", "MemFree:", 1024);
	for (int i = 0; i < SOME; i++)
		SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i][1], &event));
	end = t_now_ms() + PATIENCE_S * 1000;
	do {
		ready = (int)SYS(epoll_wait(ep, events, SOME, 100));
	} while (ready < SOME && t_now_ms() < end);
	assert_int_equal(ready, SOME);
	taken = free_before - group_read("/proc/meminfo", "MemFree:", 1024);
	await_beside(fds, 24576, 28672, "decrypted");
	polled = group_charged_all() - before;
	print_message("%lld bytes in a queue, %lld when it is polled; %lld of the machine's more\n",
		      (long long)queued / SOME, (long long)polled / SOME, (long long)taken / SOME);
	assert_in_range(polled, 1, 2 * queued);
	for (int i = 0; i < SOME; i++) {
		t_recv(fds[i][1], buf, RECORD);
		raw_close(fds[i]);
	}
	close(ep);
	free(buf);
}

/* ---- a limit ---- */

#define LIMITED_MIB 24
#define LIMITED 1000

/* In the child: as many pairs as there may be, with a record each that is decrypted; 0 if all */
static int use_much(void)
{
	struct rlimit files = { 2 * LIMITED + 64, 4096 };
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	struct t_addr addr;
	int listener;
	char c;

	if (!group_move_to(GROUP_OWN "/cgroup.procs") ||
	    !t_write_file("/proc/self/oom_score_adj", "1000") || setrlimit(RLIMIT_NOFILE, &files))
		return 2;
	listener = t_listen(AF_INET, NULL, &addr);
	for (int i = 0; i < LIMITED; i++) {
		struct pollfd in = { .events = POLLIN };
		int fd = t_try_connect(&addr, NULL);

		in.fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0 || in.fd < 0 ||
		    setsockopt(fd, IPPROTO_TCP, TCP_ULP, OURS, sizeof(OURS)) ||
		    setsockopt(in.fd, IPPROTO_TCP, TCP_ULP, OURS, sizeof(OURS)) ||
		    setsockopt(fd, SOL_TLS, TLS_TX, &keys.info, keys.len) ||
		    setsockopt(in.fd, SOL_TLS, TLS_RX, &keys.info, keys.len) ||
		    send(fd, flow_data(1), RECORD, MSG_DONTWAIT) != RECORD ||
		    poll(&in, 1, 3000) != 1 || recv(in.fd, &c, 1, MSG_PEEK) != 1)
			return 1;
	}
	return 0;
}

/* A group's limit holds for what its sockets have decrypted, too. */
static void test_limited(void **state)
{
	char most[16];
	int status;
	pid_t pid;

	(void)state;
	t_write_file(CGROUP "/cgroup.subtree_control", "+memory");
	snprintf(most, sizeof(most), "%dM", LIMITED_MIB);
	if (mkdir(GROUP_OWN, 0755) || !t_write_file(GROUP_OWN "/memory.max", most)) {
		print_message("there is no memory cgroup\n");
		skip();
	}
	flow_data(1);
	pid = (pid_t)SYS(fork());
	if (!pid)
		_exit(use_much());
	SYS(waitpid(pid, &status, 0));
	/* refused or killed */
	if (WIFEXITED(status))
		assert_int_equal(WEXITSTATUS(status), 1);
	else
		assert_int_equal(WTERMSIG(status), SIGKILL);
}

#define WITH(test, setup, teardown) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(test_begins, tcpmem_setup, tcpmem_restore),
		WITH(test_stream, tcpmem_setup, tcpmem_restore),
		WITH(test_charged, group_setup, group_leave),
		cmocka_unit_test(test_small),
		WITH(test_open, group_setup, group_leave),
		WITH(test_polled, group_setup, group_leave),
		WITH(test_limited, NULL, group_leave),
		/* these leave the namespace */
		WITH(test_questions, group_setup, group_leave),
		WITH(test_poor, group_setup, leave_poor),
	};
	struct rlimit files = { 2048, 4096 };

	if (setrlimit(RLIMIT_NOFILE, &files))
		return 1;
	return T_RUN(tests);
}
