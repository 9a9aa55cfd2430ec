// SPDX-License-Identifier: GPL-2.0-only
/*
 * The preloaded library: which name a socket gets for the address that it is connected to. An
 * attacker who controls a name controls its addresses, and may have a program look it up: that
 * may not change which name another connection is for.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "fake-libc.h"
#include "preload/env.h"

#define SHARED		"192.0.2.1"
#define SHARED6		"2001:db8::1"
/* More than any table holds */
#define MANY		70000

/* The address as the program has it, copied out of the result and this freed. */
static struct sockaddr_storage look_up(const char *name, const char *answer)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct sockaddr_storage addr;
	struct addrinfo *ai;

	fake.answer = answer;
	memset(&addr, 0, sizeof(addr));
	assert_int_equal(getaddrinfo(name, NULL, &hints, &ai), 0);
	memcpy(&addr, ai->ai_addr, ai->ai_addrlen);
	freeaddrinfo(ai);
	return addr;
}

/* The address as a program has it that made it of text. */
static struct sockaddr_storage unmarked(const char *text)
{
	struct sockaddr_storage addr;

	memset(&addr, 0, sizeof(addr));
	if (inet_pton(AF_INET, text, &((struct sockaddr_in *)&addr)->sin_addr) == 1) {
		addr.ss_family = AF_INET;
	} else {
		addr.ss_family = AF_INET6;
		assert_int_equal(inet_pton(AF_INET6, text,
					   &((struct sockaddr_in6 *)&addr)->sin6_addr), 1);
	}
	return addr;
}

static void expect_len(const struct sockaddr_storage *addr, socklen_t len, const char *wanted)
{
	struct sockaddr_storage clean = *addr;

	fake.name[0] = '\0';
	assert_int_equal(connect(-1, (const struct sockaddr *)addr, len), 0);
	assert_string_equal(fake.name, wanted);
	/* The kernel gets nothing that it might look at one day. */
	if (addr->ss_family == AF_INET)
		memset(((struct sockaddr_in *)&clean)->sin_zero, 0, 8);
	else
		((struct sockaddr_in6 *)&clean)->sin6_flowinfo = 0;
	assert_int_equal(fake.len, len);
	assert_memory_equal(&fake.addr, &clean, len);
}

static void expect(const struct sockaddr_storage *addr, const char *wanted)
{
	expect_len(addr, addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) :
						      sizeof(struct sockaddr_in6), wanted);
}

static void expect_unmarked(const char *text, const char *wanted)
{
	const struct sockaddr_storage addr = unmarked(text);

	expect(&addr, wanted);
}

/* The attack: each connection is for the name that its address came from. */
static void marked(void **state)
{
	static const char *const addresses[] = { SHARED, SHARED6, "::ffff:198.51.100.1" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		const struct sockaddr_storage bank = look_up("bank.test", addresses[i]);
		const struct sockaddr_storage evil = look_up("evil.test", addresses[i]);

		expect(&bank, "bank.test");
		expect(&evil, "evil.test");
		expect(&bank, "bank.test");
	}
}

/* Where the mark is lost, the certificate has to fit all names. */
static void ambiguous(void **state)
{
	(void)state;
	look_up("bank.test", "192.0.2.2");
	expect_unmarked("192.0.2.2", "bank.test");
	look_up("evil.test", "192.0.2.2");
	expect_unmarked("192.0.2.2", "evil.test,bank.test");
	look_up("BANK.test.", "192.0.2.2");
	expect_unmarked("192.0.2.2", "bank.test,evil.test");
	expect_unmarked("::ffff:192.0.2.2", "bank.test,evil.test");
	fake.answer = "192.0.2.2";
	assert_non_null(gethostbyname("third.test"));
	expect_unmarked("192.0.2.2", "third.test,bank.test,evil.test");
	expect_unmarked("192.0.2.99", "");
}

/* A program that prints an address, and parses it again, loses the mark, but not the name. */
static void numeric(void **state)
{
	struct sockaddr_storage addr;

	(void)state;
	look_up("bank.test", "192.0.2.3");
	addr = look_up("192.0.2.3", "192.0.2.3");
	expect(&addr, "bank.test");
	assert_non_null(gethostbyname("192.0.2.3"));
	expect(&addr, "bank.test");
	addr = look_up("3221225987", "192.0.2.3");
	expect(&addr, "bank.test");
	addr = look_up("fe80::3%lo", "");
	expect(&addr, "");
	addr = look_up("198.51.100.3", "");
	expect(&addr, "");
}

/* What is in the place of a mark, and is none. */
static void not_marks(void **state)
{
	struct sockaddr_storage bank = look_up("bank.test", "192.0.2.4"), addr;
	struct sockaddr_storage evil = look_up("evil.test", "192.0.2.5");
	struct sockaddr_in *in = (struct sockaddr_in *)&addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&addr;

	(void)state;
	/* A program that doesn't clear what it fills in. */
	addr = unmarked("192.0.2.4");
	memset(in->sin_zero, 0xa5, sizeof(in->sin_zero));
	fake.name[0] = '\0';
	assert_int_equal(connect(-1, (struct sockaddr *)&addr, sizeof(*in)), 0);
	assert_string_equal(fake.name, "bank.test");
	/* One that puts another address where it had one. */
	addr = bank;
	in->sin_addr = ((struct sockaddr_in *)&evil)->sin_addr;
	expect(&addr, "evil.test");
	/* Flow labels are the program's own. */
	look_up("bank.test", "2001:db8::4");
	addr = unmarked("2001:db8::4");
	in6->sin6_flowinfo = htonl(0x0ff00000);
	fake.name[0] = '\0';
	assert_int_equal(connect(-1, (struct sockaddr *)&addr, sizeof(*in6)), 0);
	assert_string_equal(fake.name, "bank.test");
	assert_int_equal(ntohl(((struct sockaddr_in6 *)&fake.addr)->sin6_flowinfo), 0x0ff00000);
}

/* Python passes addresses on as numbers: there is room for 20 bits of flow label. */
static void as_numbers(void **state)
{
	const struct sockaddr_storage bank = look_up("bank.test", "2001:db8::5");
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&bank;
	struct sockaddr_storage addr = unmarked("2001:db8::5");

	(void)state;
	look_up("evil.test", "2001:db8::5");
	assert_in_range(ntohl(in6->sin6_flowinfo), 1, 0xfffff);
	((struct sockaddr_in6 *)&addr)->sin6_flowinfo = in6->sin6_flowinfo;
	expect(&addr, "bank.test");
}

/* Linux takes an IPv6 address without the zone, and so a name has to be known for it. */
static void short_address(void **state)
{
	const struct sockaddr_storage bank = look_up("bank.test", "2001:db8::6");

	(void)state;
	expect_len(&bank, 24, "bank.test");
}

static void datagram(void **state)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_DGRAM };
	static const char zero[8];
	struct addrinfo *ai;

	(void)state;
	fake.answer = "192.0.2.6";
	assert_int_equal(getaddrinfo("bank.test", NULL, &hints, &ai), 0);
	assert_memory_equal(((struct sockaddr_in *)ai->ai_addr)->sin_zero, zero, 8);
	freeaddrinfo(ai);
	/* The name is remembered: the address may be used for anything. */
	expect_unmarked("192.0.2.6", "bank.test");
}

static void *evil_thread(void *arg)
{
	(void)arg;
	look_up("evil.test", "192.0.2.7");
	return NULL;
}

static void threads(void **state)
{
	const struct sockaddr_storage bank = look_up("bank.test", "192.0.2.7");
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, evil_thread, NULL), 0);
	pthread_join(thread, NULL);
	expect(&bank, "bank.test");
	expect_unmarked("192.0.2.7", "evil.test,bank.test");
}

/* What was looked up before the fork holds in the child; what it marks itself is its own. */
static void forks(void **state)
{
	struct sockaddr_storage bank = look_up("bank.test", "192.0.2.8"), passed, evil;
	int pipe_fds[2], status;
	pid_t child;

	(void)state;
	assert_int_equal(pipe(pipe_fds), 0);
	child = fork();
	if (!child) {
		fake.name[0] = '\0';
		(void)connect(-1, (struct sockaddr *)&bank, sizeof(struct sockaddr_in));
		passed = look_up("other.test", "192.0.2.8");
		_exit(strcmp(fake.name, "bank.test") ||
		      write(pipe_fds[1], &passed, sizeof(passed)) != sizeof(passed));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(read(pipe_fds[0], &passed, sizeof(passed)), sizeof(passed));
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	evil = look_up("evil.test", "192.0.2.8");
	expect(&evil, "evil.test");
	/* Another process's mark is ignored here. */
	fake.name[0] = '\0';
	assert_int_equal(connect(-1, (struct sockaddr *)&passed, sizeof(struct sockaddr_in)), 0);
	assert_string_equal(fake.name, "evil.test,bank.test");
}

/* What can't be passed on as a name fits no certificate, rather than any. */
static void untellable(void **state)
{
	static const char *const bad[] = { "a b.test", "bank.test,evil.test", "a\n", "*", "." };
	char name[KSC_MAX_NAME + 2], wanted[KSC_MAX_NAME + 4];
	struct sockaddr_storage addr;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		addr = look_up(bad[i], "192.0.2.9");
		expect(&addr, "*");
	}
	memset(name, 'a', sizeof(name));
	name[KSC_MAX_NAME + 1] = '\0';
	addr = look_up(name, "192.0.2.9");
	expect(&addr, "*");
	/* Too many to be passed on together. */
	name[KSC_MAX_NAME] = '\0';
	addr = look_up(name, "192.0.2.10");
	expect(&addr, name);
	name[200] = '\0';
	look_up(name, "192.0.2.11");
	memset(name, 'b', 200);
	look_up(name, "192.0.2.11");
	snprintf(wanted, sizeof(wanted), "%s,*", name);
	expect_unmarked("192.0.2.11", wanted);
}

static void again(const struct sockaddr_storage *addr, const char *wanted)
{
	assert_int_equal(connect(-1, (const struct sockaddr *)addr, sizeof(struct sockaddr_in)), 0);
	assert_string_equal(fake.name, wanted);
}

/* A socket that was not let in at one server's goes to the next. */
static void reused(void **state)
{
	const struct sockaddr_storage bank = look_up("bank.test", "192.0.2.14");
	const struct sockaddr_storage evil = look_up("evil.test", "192.0.2.15");
	const struct sockaddr_storage nobody = unmarked("192.0.2.16");

	(void)state;
	fake.stays = true;
	fake.cookie = 1;
	fake.name[0] = '\0';
	again(&evil, "evil.test");
	again(&bank, "bank.test");
	again(&nobody, "");
	again(&bank, "bank.test");
	/* Another is the program's, which knows better. */
	fake.cookie = 2;
	strcpy(fake.name, "own.test");
	again(&evil, "own.test");
	/* Or the policy's, without a name. */
	fake.name[0] = '\0';
	again(&evil, "evil.test");
	again(&bank, "bank.test");
	fake.stays = false;
	fake.ulp = false;
}

static void flood(const char *prefix, unsigned int from, unsigned int to)
{
	char name[32], text[32];
	unsigned int i;

	for (i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%s%u.test", prefix, i);
		snprintf(text, sizeof(text), "10.%u.%u.%u", i >> 16, i >> 8 & 0xff, i & 0xff);
		look_up(name, text);
	}
}

/* Lookups of many names do not evict one without a trace. */
static void forgotten(void **state)
{
	static const char *const alone[] = { "192.0.2.113", "192.0.2.114", "192.0.2.115" };
	const struct sockaddr_storage bank = look_up("bank.test", "192.0.2.12");
	struct sockaddr_storage evil;
	unsigned int i, bad = 0;

	(void)state;
	for (i = 0; i < 3; i++)
		look_up("alone.test", alone[i]);
	flood("n", 0, 2000);
	expect_unmarked("192.0.2.12", "*");
	expect(&bank, "*");
	evil = look_up("evil.test", "192.0.2.12");
	expect_unmarked("192.0.2.12", "evil.test,*");
	/* A mark is certain. */
	expect(&evil, "evil.test");
	expect(&bank, "evil.test,*");
	look_up("bank.test", "192.0.2.12");
	expect_unmarked("192.0.2.12", "bank.test,evil.test");
	/*
	 * That it was forgotten does no harm to a name which is looked up anew, but where its
	 * trace happens to be another's, too: one in thirty is.
	 */
	for (i = 0; i < 3; i++) {
		struct sockaddr_storage addr = unmarked(alone[i]);

		look_up("alone.test", alone[i]);
		(void)connect(-1, (struct sockaddr *)&addr, sizeof(struct sockaddr_in));
		bad += strcmp(fake.name, "alone.test") != 0;
	}
	assert_in_range(bad, 0, 2);
	/* Forgotten were two now. */
	flood("n", 2000, 4000);
	look_up("bank.test", "192.0.2.12");
	expect_unmarked("192.0.2.12", "bank.test,*");
}

/* A name with ever new addresses, as load balancers have them, remains usable. */
static void many_addresses(void **state)
{
	unsigned int i, bad = 0;
	char text[32];

	(void)state;
	for (i = 0; i < MANY; i++) {
		snprintf(text, sizeof(text), "172.%u.%u.%u", 16 + (i >> 16), i >> 8 & 0xff,
			 i & 0xff);
		look_up("cloud.test", text);
	}
	for (i = 0; i < 1000; i++) {
		struct sockaddr_storage addr;

		snprintf(text, sizeof(text), "172.16.%u.%u", i >> 8, i & 0xff);
		look_up("cloud.test", text);
		addr = unmarked(text);
		(void)connect(-1, (struct sockaddr *)&addr, sizeof(struct sockaddr_in));
		bad += strcmp(fake.name, "cloud.test") != 0;
	}
	/* Those that fall together with an address of one of the names before. */
	assert_in_range(bad, 0, 100);
}

/* ---- what the library does where it has but servers to protect ---- */

static void expect_clean(const struct sockaddr_storage *addr, socklen_t len)
{
	static const char zero[8];

	assert_int_equal(fake.len, len);
	if (addr->ss_family == AF_INET)
		assert_memory_equal(((struct sockaddr_in *)&fake.addr)->sin_zero, zero, 8);
	else
		assert_int_equal(((struct sockaddr_in6 *)&fake.addr)->sin6_flowinfo, 0);
	assert_string_equal(fake.name, "");
	memset(&fake.addr, 0xff, sizeof(fake.addr));
	fake.len = 0;
}

/* By whatever call an address comes to the kernel that can connect TCP's sockets */
static void clients_of_servers(void **state)
{
	static const char *const addresses[] = { "192.0.2.30", "2001:db8::30" };
	struct sockaddr_storage addr, copy;
	struct iovec iov = { (char[]){ "text" }, 4 };
	struct mmsghdr two[2] = { 0 };
	struct msghdr msg = { .msg_name = &addr, .msg_iov = &iov, .msg_iovlen = 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		socklen_t len = i ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

		addr = look_up("bank.test", addresses[i]);
		copy = addr;
		fake.name[0] = '\0';
		assert_int_equal(connect(-1, (const struct sockaddr *)&addr, len), 0);
		expect_clean(&addr, len);
		assert_int_equal(sendto(-1, "text", 4, MSG_FASTOPEN, (struct sockaddr *)&addr,
					len), 4);
		expect_clean(&addr, len);
		msg.msg_namelen = len;
		assert_int_equal(sendmsg(-1, &msg, MSG_FASTOPEN), 4);
		expect_clean(&addr, len);
		two[0].msg_hdr = msg;
		two[1].msg_hdr = msg;
		assert_int_equal(sendmmsg(-1, two, 2, MSG_FASTOPEN), 2);
		assert_int_equal(two[0].msg_len, 4);
		assert_int_equal(two[1].msg_len, 4);
		expect_clean(&addr, len);
		/* the caller's own is as it was */
		assert_memory_equal(&addr, &copy, sizeof(addr));
	}
}

/* Where clients are protected, what can't be is refused. */
static void fast_open(void **state)
{
	const struct sockaddr_storage addr = look_up("bank.test", "192.0.2.31");

	(void)state;
	errno = 0;
	assert_int_equal(sendto(-1, "text", 4, MSG_FASTOPEN, (const struct sockaddr *)&addr,
				sizeof(struct sockaddr_in)), -1);
	assert_int_equal(errno, EOPNOTSUPP);
}

/* The environment is looked at once, in the beginning. */
static void as_server(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (!child) {
		setenv(KSC_ENV_ROLE, "server", 1);
		/* what it says is part of no plan */
		setenv("CMOCKA_MESSAGE_OUTPUT", "STDOUT", 1);
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execl("/proc/self/exe", "test_preload", NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest of_servers[] = {
		cmocka_unit_test(clients_of_servers),
	};
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(marked),
		cmocka_unit_test(ambiguous),
		cmocka_unit_test(numeric),
		cmocka_unit_test(not_marks),
		cmocka_unit_test(as_numbers),
		cmocka_unit_test(short_address),
		cmocka_unit_test(datagram),
		cmocka_unit_test(threads),
		cmocka_unit_test(forks),
		cmocka_unit_test(untellable),
		cmocka_unit_test(reused),
		cmocka_unit_test(forgotten),
		cmocka_unit_test(many_addresses),
		cmocka_unit_test(fast_open),
		cmocka_unit_test(as_server),
	};

	if (getenv(KSC_ENV_ROLE))
		return cmocka_run_group_tests_name("preload of servers", of_servers, NULL, NULL);
	return cmocka_run_group_tests_name("preload", tests, NULL, NULL);
}
