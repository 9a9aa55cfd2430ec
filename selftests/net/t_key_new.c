// SPDX-License-Identifier: GPL-2.0-only
/* How keys are made: what is rejected, and how many there may be. */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/keys.h"
#include "lib/own.h"

/* The daemon's socket, and the network namespace where the program began */
static struct tnl_conn nl;
static int first;
static unsigned int references;

static struct keys some(uint32_t uid)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, wire_suite(WIRE_13, 0x1301), 3);

	keys.uid = uid;
	return keys;
}

static int setup(void **state)
{
	references = keys_setup(state, &nl);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	tnl_await_counter(KSC_A_STATS_KEYS, 0);
	keys_teardown(&nl, references);
	return 0;
}

static unsigned int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	assert_non_null(dir);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

/* ---- what is no request ---- */

static void refused(struct nl_msg *msg, int error)
{
	unsigned int files = count_files();

	TNL_REFUSED(&nl, msg, error);
	assert_int_equal(count_files(), files);
}

/* One without the attribute; each has to be there */
static void refuse_without(int attr)
{
	struct keys keys = some(0);
	struct nl_msg *msg = tnl_request(&nl, KSC_CMD_KEY_NEW);

	if (attr != KSC_A_CONTEXT_ID)
		nla_put_u64(msg, KSC_A_CONTEXT_ID, 1);
	if (attr != KSC_A_CONTEXT_ROLE)
		nla_put_u32(msg, KSC_A_CONTEXT_ROLE, KSC_ROLE_CLIENT);
	if (attr != KSC_A_CONTEXT_UID)
		nla_put_u32(msg, KSC_A_CONTEXT_UID, 0);
	if (attr != KSC_A_CONTEXT_KEYS)
		wire_put_keys(msg, &keys.wire, NULL);
	refused(msg, EINVAL);
}

static struct nl_msg *bare(void)
{
	struct nl_msg *msg = tnl_request(&nl, KSC_CMD_KEY_NEW);

	nla_put_u64(msg, KSC_A_CONTEXT_ID, 1);
	nla_put_u32(msg, KSC_A_CONTEXT_ROLE, KSC_ROLE_SERVER);
	nla_put_u32(msg, KSC_A_CONTEXT_UID, 0);
	return msg;
}

static void test_malformed(void **state)
{
	static const int needed[] = { KSC_A_CONTEXT_ID, KSC_A_CONTEXT_ROLE, KSC_A_CONTEXT_UID,
				      KSC_A_CONTEXT_KEYS };
	static uint8_t big[KSC_MAX_SECRET + 1];
	struct keys keys;
	struct nlattr *nest, *tx;
	struct nl_msg *msg;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		refuse_without(needed[i]);
	refused(tnl_request(&nl, KSC_CMD_KEY_NEW), EINVAL);
	/* no keys, of no version, for one direction, of no suite, and too long for any */
	msg = bare();
	nla_nest_end(msg, nla_nest_start(msg, KSC_A_CONTEXT_KEYS));
	refused(msg, EINVAL);
	msg = bare();
	nest = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	nla_put_u16(msg, KSC_A_KEYS_VERSION, WIRE_13);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, 0x1301);
	nla_nest_end(msg, nest);
	refused(msg, EINVAL);
	refused(keys_secret(bare(), 0x9999), EOPNOTSUPP);
	msg = bare();
	nest = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	tx = nla_nest_start(msg, KSC_A_KEYS_TX);
	nla_put(msg, KSC_A_KEY_SECRET, sizeof(big), big);
	nla_nest_end(msg, tx);
	nla_nest_end(msg, nest);
	refused(msg, ERANGE);
	for (size_t i = 0; i < keys_unfit_count; i++) {
		msg = bare();
		keys_put_unfit(msg, i);
		refused(msg, EINVAL);
	}
	/* an invalid or unknown role; an invalid uid; an invalid verify mode */
	keys = some(0);
	keys.wire.role = KSC_ROLE_UNSPEC;
	refused(keys_request(&nl, &keys), EINVAL);
	keys.wire.role = 3;
	refused(keys_request(&nl, &keys), ERANGE);
	keys = some((uint32_t)-1);
	refused(keys_request(&nl, &keys), EINVAL);
	keys = some(0);
	keys.verify = 5;
	refused(keys_request(&nl, &keys), ERANGE);
	/* names for logs */
	keys = some(0);
	keys.credential = "with\nlines";
	refused(keys_request(&nl, &keys), EINVAL);
	/* attributes of other commands, and unknown ones */
	keys = some(0);
	msg = keys_request(&nl, &keys);
	nla_put_u32(msg, KSC_A_CONTEXT_SEQ, 0);
	refused(msg, EINVAL);
	msg = keys_request(&nl, &keys);
	nla_put_u32(msg, KSC_A_CONTEXT_MAX + 1, 0);
	refused(msg, EINVAL);
	/* of the wrong length, or without an end */
	msg = tnl_request(&nl, KSC_CMD_KEY_NEW);
	nla_put_u32(msg, KSC_A_CONTEXT_ID, 1);
	refused(msg, EINVAL);
	msg = keys_secret(bare(), 0x1301);
	nla_put_u32(msg, KSC_A_CONTEXT_NETNS, 1);
	refused(msg, EINVAL);
	msg = keys_secret(bare(), 0x1301);
	nla_put(msg, KSC_A_CONTEXT_CREDENTIAL, 4, "name");
	refused(msg, EINVAL);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	SYS(close(keys_make(&nl, &keys)));
}

/* All of the text that there may be, and a byte more of it */
static void test_text(void **state)
{
	static char name[KSC_MAX_NAME + 1], rest[KSC_MAX_KEY_TEXT - KSC_MAX_NAME + 2];
	struct keys keys = some(0);
	int key;

	(void)state;
	memset(name, 'n', KSC_MAX_NAME);
	memset(rest, 'r', sizeof(rest) - 1);
	keys.subject = name;
	keys.server_name = rest + 4;
	keys.alpn = "h2";
	keys.credential = "c";
	key = keys_make(&nl, &keys);
	SYS(close(key));
	keys.server_name = rest + 3;
	refused(keys_request(&nl, &keys), EMSGSIZE);
	keys.server_name = rest + 4;
	keys.credential = "cc";
	refused(keys_request(&nl, &keys), EMSGSIZE);
	/* none at all is enough */
	keys = some(0);
	key = keys_make(&nl, &keys);
	SYS(close(key));
}

static int as_user(const struct tnl_conn *registered)
{
	const struct keys keys = some(1000);
	struct tnl_conn conn;
	int status;
	pid_t pid = (pid_t)SYS(fork());

	if (!pid) {
		if (registered)
			conn = *registered;
		if (setgid(1000) || setuid(1000) || (!registered && !tnl_open(&conn)))
			_exit(255);
		_exit(-tnl_do(&conn, keys_request(&conn, &keys)));
	}
	SYS(waitpid(pid, &status, 0));
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Only by the daemon's socket, and only with the daemon's privileges */
static void test_not_the_daemon(void **state)
{
	const struct keys keys = some(0);
	struct tnl_conn other;

	(void)state;
	assert_true(tnl_open(&other));
	TNL_REFUSED(&other, keys_request(&other, &keys), EPERM);
	assert_int_equal(as_user(NULL), EPERM);
	/* a descriptor that it got from the daemon does not make it one */
	assert_int_equal(as_user(&nl), EPERM);
	tnl_close(&nl);
	tnl_await_counter(KSC_A_STATS_DAEMON, 0);
	TNL_REFUSED(&other, keys_request(&other, &keys), EPERM);
	tnl_close(&other);
	tnl_become_daemon(&nl);
}

static void set_limits(struct tnl_conn *conn, uint32_t keys, uint32_t per_user)
{
	struct nl_msg *msg = tnl_request(conn, KSC_CMD_LIMITS_SET);

	if (keys)
		nla_put_u32(msg, KSC_A_LIMITS_KEYS, keys);
	if (per_user)
		nla_put_u32(msg, KSC_A_LIMITS_KEYS_PER_USER, per_user);
	if (tnl_do(conn, msg))
		fail_msg("limits-set: %s", conn->text);
}

/* Whatever is wrong with it, no key is left in the request's memory. */
static void test_wiped(void **state)
{
	struct keys keys = some(0);
	struct tnl_conn other;
	struct nl_msg *msg;
	int key;

	(void)state;
	assert_true(tnl_open(&other));
	keys_wiped(&other, keys_secret(tnl_request(&other, KSC_CMD_KEY_NEW), 0x1301), EPERM);
	tnl_close(&other);
	keys_wiped(&nl, keys_secret(tnl_request(&nl, KSC_CMD_KEY_NEW), 0x1301), EINVAL);
	keys_wiped(&nl, keys_secret(bare(), 0x9999), EOPNOTSUPP);
	keys_wiped(&nl, keys_secret(bare(), 0x1302), EINVAL);
	msg = keys_secret(bare(), 0x1301);
	nla_put_string(msg, KSC_A_CONTEXT_CREDENTIAL, "a b");
	keys_wiped(&nl, msg, EINVAL);
	set_limits(&nl, 1, 0);
	key = keys_make(&nl, &keys);
	keys_wiped(&nl, keys_secret(bare(), 0x1301), EDQUOT);
	SYS(close(key));
}

/* ---- descriptors ---- */

/* One that is free, and the limit such that there is none */
static void test_no_descriptor(void **state)
{
	struct keys keys = some(0);
	struct rlimit old, none;
	int next, key, ret;

	(void)state;
	keys.tickets = true;
	keys.id |= KEYS_TICKETS;
	SYS(getrlimit(RLIMIT_NOFILE, &old));
	next = (int)SYS(dup(0));
	SYS(close(next));
	none = (struct rlimit){ (rlim_t)next, old.rlim_max };
	SYS(setrlimit(RLIMIT_NOFILE, &none));
	ret = keys_do(&nl, keys_request(&nl, &keys));
	SYS(setrlimit(RLIMIT_NOFILE, &old));
	assert_int_equal(ret, -EMFILE);
	assert_true(nl.text[0]);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	key = keys_make(&nl, &keys);
	assert_int_equal(key, next);
	SYS(close(key));
	/* of that one alone */
	assert_int_equal(nl.queued, 0);
	assert_int_equal(tnl_do(&nl, tnl_request(&nl, KSC_CMD_STATS_GET)), 0);
	assert_int_equal(nl.queued, 1);
}

/* Takes what is in the queue, with the errors of overruns. */
static size_t drain(int fd)
{
	static uint8_t buf[16384];
	size_t n = 0;
	ssize_t ret;

	do {
		ret = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		n += ret > 0;
	} while (ret > 0 || errno == ENOBUFS);
	assert_int_equal(errno, EAGAIN);
	return n;
}

/* An answer that finds no room in the daemon's queue takes its key with it. */
static void test_lost_answer(void **state)
{
	const int least = 1, much = 1 << 20, fd = nl_socket_get_fd(nl.sk);
	struct keys keys = some(0);
	unsigned int files;
	struct nl_msg *msg;
	int key;

	(void)state;
	keys.tickets = true;
	keys.id |= KEYS_TICKETS;
	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &least, sizeof(least)));
	/* the first always has room, and leaves none */
	msg = tnl_request(&nl, KSC_CMD_STATS_GET);
	assert_true(nl_send_auto(nl.sk, msg) > 0);
	nlmsg_free(msg);
	files = count_files();
	for (int i = 0; i < 3; i++) {
		msg = keys_request(&nl, &keys);
		assert_true(nl_send_auto(nl.sk, msg) > 0);
		nlmsg_free(msg);
	}
	assert_int_equal(count_files(), files);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &much, sizeof(much)));
	/* that answer alone */
	assert_int_equal(drain(fd), 1);
	/* and again, by the same number; it is not told that the others have gone */
	key = keys_make(&nl, &keys);
	assert_int_equal(count_files(), files + 1);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 1);
	assert_int_equal(nl.queued, 0);
	SYS(close(key));
}

/* ---- how many ---- */

static void test_counted(void **state)
{
	enum { MOST = 3 };
	int keys[MOST], fds[2];
	struct nl_msg *msg;

	(void)state;
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_KEYS), KSC_DEFAULT_KEYS);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_KEYS_PER_USER), KSC_DEFAULT_KEYS_PER_USER);
	set_limits(&nl, MOST, 0);
	assert_int_equal(tnl_counter(KSC_A_STATS_LIMIT_KEYS), MOST);
	for (uint32_t i = 0; i < MOST; i++) {
		const struct keys k = some(1000 + i);

		keys[i] = keys_make(&nl, &k);
		assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), i + 1);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct keys k = some(2000 + i);

		refused(keys_request(&nl, &k), EDQUOT);
		assert_int_equal(tnl_counter(KSC_A_STATS_KEYS_REFUSED), i + 1);
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), MOST);
	/* an attached key no longer counts, nor does a closed one */
	keys_plain_pair(fds);
	t_attach(fds[0]);
	SYS(keys_try_attach(fds[0], keys[0], NULL, 0));
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), MOST - 1);
	SYS(close(keys[0]));
	SYS(close(keys[1]));
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), MOST - 2);
	for (int i = 0; i < 2; i++) {
		const struct keys k = some(1000 + i);

		keys[i] = keys_make(&nl, &k);
	}
	/* a lower limit takes nothing away */
	set_limits(&nl, 1, 0);
	for (int i = 0; i < MOST; i++)
		SYS(close(keys[i]));
	SYS(close(fds[0]));
	SYS(close(fds[1]));
	msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);
	nla_put_u32(msg, KSC_A_LIMITS_KEYS, 0);
	refused(msg, ERANGE);
}

/* Users with many leave as much as they have, and a reserve for users without any. */
static void test_left(void **state)
{
	enum { MOST = 64, RESERVE = MOST / 16 };
	int keys[MOST];
	unsigned int n = 0;

	(void)state;
	set_limits(&nl, MOST, 0);
	for (uint32_t uid = 1000; n < MOST - RESERVE; uid++) {
		const struct keys k = some(uid);
		unsigned int before = n;
		struct nl_msg *msg;

		/* half of what is left to all but the last, rounded up */
		while (n < before + (MOST - RESERVE - before + 1) / 2)
			keys[n++] = keys_make(&nl, &k);
		msg = keys_request(&nl, &k);
		refused(msg, EDQUOT);
	}
	for (uint32_t uid = 2000; n < MOST; uid++) {
		const struct keys k = some(uid);

		keys[n++] = keys_make(&nl, &k);
		refused(keys_request(&nl, &k), EDQUOT);
	}
	for (n = 0; n < MOST; n++)
		SYS(close(keys[n]));
	set_limits(&nl, 0, 0);
}

/* Each user has a share in each namespace. */
static void test_per_user(void **state)
{
	enum { MOST = 2 };
	int keys[2 * MOST], other;
	const struct keys one = some(1000), two = some(1001);
	struct tnl_conn there = nl, here;

	(void)state;
	set_limits(&nl, 0, MOST);
	for (int i = 0; i < MOST; i++)
		keys[i] = keys_make(&nl, &one);
	refused(keys_request(&nl, &one), EDQUOT);
	for (int i = 0; i < MOST; i++)
		keys[MOST + i] = keys_make(&nl, &two);
	refused(keys_request(&nl, &two), EDQUOT);
	/* what is counted of others does not count */
	SYS(close(keys[MOST]));
	refused(keys_request(&nl, &one), EDQUOT);
	/* keys that a container's daemon makes for a user do not count here */
	own_namespace();
	tnl_become_daemon(&here);
	set_limits(&here, 0, MOST);
	SYS(close(keys[0]));
	keys[0] = keys_make(&here, &one);
	other = keys_make(&here, &one);
	TNL_REFUSED(&here, keys_request(&here, &one), EDQUOT);
	SYS(close(other));
	other = keys_make(&there, &one);
	TNL_REFUSED(&there, keys_request(&there, &one), EDQUOT);
	SYS(close(other));
	for (int i = 0; i < 2 * MOST; i++)
		if (i != MOST)
			SYS(close(keys[i]));
	tnl_close(&here);
}

/* ---- the owner of a user namespace ---- */

#define OWNER 1000
#define OWNERS_MOST 8

/**
 * struct place - a network namespace that a user's own user namespace has
 * @pid: a process there, whose root is that user
 * @nl: the socket of its daemon
 */
struct place {
	pid_t pid;
	struct tnl_conn nl;
};

static int hold(int via)
{
	char c = 0;

	if (setresgid(OWNER, OWNER, OWNER) || setresuid(OWNER, OWNER, OWNER) ||
	    unshare(CLONE_NEWUSER | CLONE_NEWNET) || prctl(PR_SET_PDEATHSIG, SIGKILL) ||
	    write(via, &c, 1) != 1)
		return 1;
	pause();
	return 2;
}

/* Skips the test where users may not have that */
static void place_make(struct place *place)
{
	char path[64], c;
	int via[2], ns;

	SYS(pipe2(via, O_CLOEXEC));
	place->pid = (pid_t)SYS(fork());
	if (!place->pid)
		_exit(hold(via[1]));
	SYS(close(via[1]));
	if (SYS(read(via[0], &c, 1)) != 1) {
		SYS(waitpid(place->pid, NULL, 0));
		print_message("users have no namespaces of their own\n");
		skip();
	}
	SYS(close(via[0]));
	/* as newuidmap(1) does for users with a range in /etc/subuid */
	snprintf(path, sizeof(path), "/proc/%d/uid_map", place->pid);
	assert_true(t_write_file(path, "0 1000 1\n1 100000 1000"));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", place->pid);
	ns = (int)SYS(open(path, O_RDONLY | O_CLOEXEC));
	SYS(setns(ns, CLONE_NEWNET));
	SYS(close(ns));
	tnl_become_daemon(&place->nl);
	/* its owner may raise the limits of the namespace */
	set_limits(&place->nl, 1 << 20, 1 << 20);
}

static void place_end(struct place *place)
{
	tnl_close(&place->nl);
	SYS(kill(place->pid, SIGKILL));
	SYS(waitpid(place->pid, NULL, 0));
}

/* That of the machine's first namespace, which holds for all users */
static void limit_users(uint32_t most)
{
	struct tnl_conn conn;

	SYS(setns(first, CLONE_NEWNET));
	assert_true(tnl_open(&conn));
	set_limits(&conn, 0, most);
	tnl_close(&conn);
}

static int setup_users(void **state)
{
	t_setup(state);
	limit_users(OWNERS_MOST);
	return 0;
}

static int teardown_users(void **state)
{
	(void)state;
	limit_users(0);
	return 0;
}

/* Whatever uids and namespaces it makes itself, they are all the same user. */
static void test_owner(void **state)
{
	const struct keys another = some(500), stranger = some(2000);
	int keys[OWNERS_MOST];
	struct place a, b;

	(void)state;
	place_make(&a);
	place_make(&b);
	for (uint32_t i = 0; i < OWNERS_MOST; i++) {
		const struct keys k = some(i);

		keys[i] = keys_make(i % 2 ? &a.nl : &b.nl, &k);
	}
	for (uint32_t i = 0; i < 2; i++) {
		const struct keys k = some(100 + i);
		struct tnl_conn *conn = i ? &a.nl : &b.nl;

		TNL_REFUSED(conn, keys_request(conn, &k), EDQUOT);
	}
	/* and so does a user that is not mapped into the namespace */
	TNL_REFUSED(&a.nl, keys_request(&a.nl, &stranger), EDQUOT);
	SYS(close(keys[0]));
	keys[0] = keys_make(&a.nl, &another);
	SYS(close(keys[1]));
	keys[1] = keys_make(&b.nl, &stranger);
	for (uint32_t i = 0; i < OWNERS_MOST; i++)
		SYS(close(keys[i]));
	place_end(&a);
	place_end(&b);
}

/* Its root may claim anything of a session: outside it is not trusted. */
static void test_forged(void **state)
{
	union {
		struct ksc_export head;
		uint8_t out[64];
	} export = { .head = { .label_len = 5, .out_len = 16 } };
	struct keys keys = some(0);
	struct ksc_info info;
	struct place place;
	int fds[2], key;

	(void)state;
	SYS(setns(first, CLONE_NEWNET));
	keys.netns = keys_netns();
	keys_plain_pair(fds);
	t_attach(fds[0]);
	place_make(&place);
	key = keys_make(&place.nl, &keys);
	FAILS(ioctl(key, KSC_KEY_INFO, &info), EPERM);
	memcpy(export.head.data, "label", 5);
	FAILS(ioctl(key, KSC_KEY_EXPORT, &export), EPERM);
	FAILS(keys_try_attach(fds[0], key, NULL, 0), EXDEV);
	SYS(close(key));
	/* nor of what it is for itself */
	keys.netns = 0;
	key = keys_make(&place.nl, &keys);
	FAILS(ioctl(key, KSC_KEY_INFO, &info), EPERM);
	SYS(close(key));
	SYS(close(fds[0]));
	SYS(close(fds[1]));
	place_end(&place);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
#define WITH(test, setup, teardown) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_malformed),
		TEST(test_text),
		TEST(test_not_the_daemon),
		TEST(test_wiped),
		TEST(test_no_descriptor),
		TEST(test_lost_answer),
		TEST(test_counted),
		TEST(test_left),
		TEST(test_per_user),
		WITH(test_owner, setup_users, teardown_users),
		WITH(test_forged, setup_users, teardown_users),
	};
	struct rlimit files = { 2048, 4096 };

	first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (first < 0 || setrlimit(RLIMIT_NOFILE, &files))
		return 1;
	return T_RUN(tests);
}
