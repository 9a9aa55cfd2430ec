// SPDX-License-Identifier: GPL-2.0-only
/* Who is charged for keys, and what happens when memory runs out. */
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/fault.h"
#include "lib/keys.h"
#include "lib/own.h"

static struct keys some(uint32_t uid)
{
	struct keys keys = keys_of(KSC_ROLE_CLIENT, wire_suite(WIRE_13, 0x1301), 3);

	keys.uid = uid;
	return keys;
}

/* ---- whose memory it is ---- */

static struct tnl_conn nl;

#define CGROUP "/sys/fs/cgroup"
#define DAEMONS CGROUP "/t_key_daemon"
#define USERS CGROUP "/t_key_user"
#define MANY 192

static int64_t kernel_memory(const char *group)
{
	char path[128], line[128];
	int64_t bytes = -1;
	FILE *file;

	snprintf(path, sizeof(path), "%s/memory.stat", group);
	file = fopen(path, "re");
	while (file && bytes < 0 && fgets(line, sizeof(line), file))
		if (!strncmp(line, "kernel ", 7))
			bytes = strtoll(line + 7, NULL, 10);
	if (file)
		fclose(file);
	return bytes;
}

static bool move_to(const char *group)
{
	char path[128], pid[16];

	snprintf(path, sizeof(path), "%s/cgroup.procs", group);
	snprintf(pid, sizeof(pid), "%d", getpid());
	return t_write_file(path, pid);
}

/*
 * The kernel brings its figures up to date every two seconds. With KASAN an object has a redzone,
 * and what was freed is kept for a while: there is no upper bound.
 */
static int64_t await_memory(int64_t before, int64_t least, int64_t most)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t end = t_now_ms() + PATIENCE_S * INT64_C(1000), grown;

	while ((grown = kernel_memory(DAEMONS) - before) < least || (grown > most && !t_kasan())) {
		if (t_now_ms() > end)
			fail_msg("%lld bytes are charged", (long long)grown);
		nanosleep(&pause, NULL);
	}
	return grown;
}

static int setup_groups(void **state)
{
	t_write_file(CGROUP "/cgroup.subtree_control", "+memory");
	mkdir(DAEMONS, 0755);
	mkdir(USERS, 0755);
	t_setup(state);
	own_namespace();
	return !tnl_open(&nl) || tnl_register(&nl) ? -1 : 0;
}

static int teardown_groups(void **state)
{
	(void)state;
	move_to(CGROUP "/command");
	rmdir(DAEMONS);
	rmdir(USERS);
	t_write_file(CGROUP "/cgroup.subtree_control", "-memory");
	tnl_close(&nl);
	return 0;
}

/* The daemon is charged while they are unattached; not when sockets have them. */
static void test_memory(void **state)
{
	static char name[KSC_MAX_NAME + 1], rest[KSC_MAX_KEY_TEXT - KSC_MAX_NAME + 1];
	static int keys[MANY], fds[MANY][2];
	struct keys k = some(0);
	int64_t before;

	(void)state;
	if (kernel_memory(USERS) < 0 || kernel_memory(DAEMONS) < 0) {
		print_message("there is no memory cgroup that counts the kernel's\n");
		skip();
	}
	memset(name, 'n', sizeof(name) - 1);
	memset(rest, 'r', sizeof(rest) - 1);
	k.subject = name;
	k.server_name = rest;
	k.exporter = (const uint8_t *)name;
	assert_true(move_to(USERS));
	for (int i = 0; i < MANY; i++) {
		keys_plain_pair(fds[i]);
		t_attach(fds[i][0]);
	}
	assert_true(move_to(DAEMONS));
	/* what is allocated once, tables of descriptors and the like */
	SYS(close(keys_make(&nl, &k)));
	before = kernel_memory(DAEMONS);
	for (int i = 0; i < MANY; i++)
		keys[i] = keys_make(&nl, &k);
	/* a kilobyte of text and keys, and a file */
	print_message("%lld bytes each\n",
		      (long long)await_memory(before, MANY * INT64_C(800), MANY * INT64_C(4096)) /
			      MANY);
	assert_true(move_to(USERS));
	for (int i = 0; i < MANY; i++)
		keys_attach(fds[i][0], keys[i]);
	await_memory(before, INT64_MIN, MANY * INT64_C(256));
	for (int i = 0; i < MANY; i++) {
		SYS(close(fds[i][0]));
		SYS(close(fds[i][1]));
	}
}

/* ---- no memory; the daemon is fault_own_setup()'s ---- */

static struct keys failing;
static int failing_key, failing_fds[2];

static void make_keys(void)
{
	static uint8_t secrets[KEYS_EXPORTER];

	failing = some(1000);
	failing.credential = "credential";
	failing.server_name = "server.test";
	failing.exporter = secrets;
}

static int act_key(void)
{
	failing_key = keys_do(&fault_nl, keys_request(&fault_nl, &failing));
	errno = failing_key < 0 ? -failing_key : 0;
	return failing_key < 0 ? -1 : 0;
}

static void after_key(int error)
{
	if (error) {
		assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
		SYS(act_key());
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 1);
	SYS(close(failing_key));
}

static void make_attach(void)
{
	make_keys();
	SYS(act_key());
	keys_plain_pair(failing_fds);
	t_attach(failing_fds[0]);
}

static int act_attach(void)
{
	return keys_try_attach(failing_fds[0], failing_key, "\x17\x03\x03", 3);
}

/* Both are as they were. */
static void after_attach(int error)
{
	if (error) {
		assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 1);
		SYS(ioctl(failing_key, KSC_KEY_INFO, &(struct ksc_info){ 0 }));
		SYS(act_attach());
	}
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 0);
	assert_string_equal(t_info(failing_fds[0]).server_name, "server.test");
	SYS(close(failing_key));
	SYS(close(failing_fds[0]));
	SYS(close(failing_fds[1]));
}

static int act_derive(void)
{
	union {
		struct ksc_export head;
		uint8_t room[KSC_MAX_EXPORT];
	} e = { .head = { .label_len = 5, .out_len = KSC_MAX_EXPORT } };

	memcpy(e.head.data, "label", 5);
	return ioctl(failing_key, KSC_KEY_EXPORT, &e);
}

static void after_derive(int error)
{
	if (error)
		SYS(act_derive());
	after_attach(act_attach() ? errno : 0);
}

static int setup_failing(void **state)
{
	return fault_possible() ? fault_own_setup(state) : 0;
}

static int teardown_failing(void **state)
{
	return fault_possible() ? fault_own_teardown(state) : 0;
}

static void test_failing(void **state)
{
	if (!fault_possible()) {
		print_message("this kernel does not let allocations fail\n");
		skip();
	}
	fault_test(state);
}

#define FAILING(what, first, does, then)                                                           \
	{                                                                                          \
		"no memory: " what, test_failing, setup_failing, teardown_failing,                 \
		&(struct fault_walk)                                                               \
		{                                                                                  \
			.name = (what), .before = (first), .act = (does), .after = (then)          \
		}                                                                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memory, setup_groups, teardown_groups),
		FAILING("a key", make_keys, act_key, after_key),
		FAILING("keys for a socket", make_attach, act_attach, after_attach),
		FAILING("keying material", make_attach, act_derive, after_derive),
	};

	return T_RUN(tests);
}
