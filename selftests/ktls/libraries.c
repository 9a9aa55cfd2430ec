// SPDX-License-Identifier: GPL-2.0-only
/*
 * OpenSSL's and GnuTLS's own kTLS, which "rename" makes ours: every suite, each
 * library with itself and with the other one, both ways, and a file.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "../net/lib/nl.h"
#include "library.h"

#define BYTES (1 << 20)
#define BLOCK 30000

static uint8_t pattern[BYTES];
static int pattern_file;
static bool gnutls_uses;

/**
 * struct suite - one that both libraries know
 * @version: 12 or 13
 * @openssl: its name there
 * @gnutls: the cipher's name there
 */
static const struct suite {
	int version;
	const char *openssl;
	const char *gnutls;
} suites[] = {
	{ 12, "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256", "AES-128-GCM" },
	{ 12, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384", "AES-256-GCM" },
	{ 12, "ECDHE-RSA-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305",
	  "CHACHA20-POLY1305" },
	{ 13, "TLS_AES_128_GCM_SHA256", "AES-128-GCM" },
	{ 13, "TLS_AES_256_GCM_SHA384", "AES-256-GCM" },
	{ 13, "TLS_CHACHA20_POLY1305_SHA256", "CHACHA20-POLY1305" },
};

/* What in-tree kTLS has done in this namespace; 0 if it is not there. */
static unsigned long in_tree_uses(void)
{
	FILE *stat = fopen("/proc/net/tls_stat", "r");
	unsigned long sum = 0;
	char line[128];

	while (stat && fgets(line, sizeof(line), stat))
		if (!strncmp(line, "Tls", 3) && strstr(line, "Sw"))
			sum += strtoul(line + strcspn(line, " \t"), NULL, 10);
	if (stat)
		fclose(stat);
	return sum;
}

static int send_pattern(struct library_end *end)
{
	size_t done, n;

	for (done = 0; done < BYTES; done += n) {
		n = BYTES - done < BLOCK ? BYTES - done : BLOCK;
		if (end->lib->send(end, pattern + done, n))
			return -1;
	}
	return 0;
}

static int recv_pattern(struct library_end *end)
{
	static __thread uint8_t buf[BLOCK];
	size_t done = 0;

	while (done < BYTES) {
		size_t want = BYTES - done < sizeof(buf) ? BYTES - done : sizeof(buf);
		ssize_t n = end->lib->recv(end, buf, want);

		if (n <= 0 || memcmp(buf, pattern + done, (size_t)n)) {
			fprintf(stderr, "%s: %zd at %zu, or other data\n", end->lib->name, n, done);
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

/* A library that has not left sending to the kernel has no way to send a file. */
static int send_back(struct library_end *end)
{
	if (send_pattern(end))
		return -1;
	return end->lib->ktls(end) & LIBRARY_TX ? end->lib->send_file(end, pattern_file, BYTES) :
						  send_pattern(end);
}

static void *serve(void *arg)
{
	struct library_end *end = arg;
	int bad = end->lib->open(end) || recv_pattern(end) || send_back(end);

	/* the client's close_notify */
	if (!bad)
		bad = end->lib->recv(end, &bad, sizeof(bad)) != 0;
	return bad ? "the server failed" : NULL;
}

static int expected(const struct library_end *end)
{
	if (end->lib == &library_gnutls && !gnutls_uses)
		return 0;
	/* OpenSSL 3.0 does not leave it to the kernel to receive TLS 1.3 */
	return end->lib == &library_openssl && end->version == 13 ? LIBRARY_TX :
								    LIBRARY_TX | LIBRARY_RX;
}

/* How many records so many times the data are at least, if they are left to the kernel */
static uint64_t records(const struct library_end *end, int direction, unsigned int times)
{
	return expected(end) & direction ? times * BYTES / 16384 : 0;
}

static void expect_ktls(struct library_end *end)
{
	int got = end->lib->ktls(end), want = expected(end);

	if (got != want) {
		print_error("%s, TLS 1.%d, %s: leaves %d to the kernel, not %d\n", end->lib->name,
			    end->version - 10, end->suite, got, want);
		fail();
	}
}

static struct library_end make_end(const struct library *lib, const struct suite *suite, int fd,
				   bool server)
{
	struct library_end end = { .lib = lib, .fd = fd, .server = server,
				   .version = suite->version };

	end.suite = lib == &library_openssl ? suite->openssl : suite->gnutls;
	return end;
}

static void run(const struct library *client_lib, const struct library *server_lib,
		const struct suite *suite)
{
	uint64_t tx = tnl_counter(KSC_A_STATS_TX_RECORDS), rx = tnl_counter(KSC_A_STATS_RX_RECORDS);
	struct library_end client, server;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), a, b;
	pthread_t thread;
	void *why;
	bool good;

	a = t_connect(&addr, NULL);
	b = t_accept(listener);
	close(listener);
	client = make_end(client_lib, suite, a, false);
	server = make_end(server_lib, suite, b, true);
	t_thread(&thread, serve, &server);
	good = !client.lib->open(&client) && !send_pattern(&client) && !recv_pattern(&client) &&
	       !recv_pattern(&client);
	if (good)
		expect_ktls(&client);
	client.lib->close(&client);
	SYS(shutdown(a, SHUT_WR));
	SYS(pthread_join(thread, &why));
	if (!good || why) {
		print_error("%s to %s, TLS 1.%d, %s: %s\n", client_lib->name, server_lib->name,
			    suite->version - 10, suite->gnutls, why ? (char *)why : "");
		fail();
	}
	expect_ktls(&server);
	/* the megabytes went through our record layer, where they were left to it */
	assert_true(tnl_counter(KSC_A_STATS_TX_RECORDS) >=
		    tx + records(&client, LIBRARY_TX, 1) + records(&server, LIBRARY_TX, 2));
	assert_true(tnl_counter(KSC_A_STATS_RX_RECORDS) >=
		    rx + records(&server, LIBRARY_RX, 1) + records(&client, LIBRARY_RX, 2));
	server.lib->close(&server);
	close(a);
	close(b);
}

static void all(const struct library *client, const struct library *server)
{
	unsigned long before = in_tree_uses();
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suites); i++)
		run(client, server, &suites[i]);
	assert_int_equal(in_tree_uses(), before);
}

static void test_openssl(void **state)
{
	(void)state;
	all(&library_openssl, &library_openssl);
}

/* Debian 12's GnuTLS was built without kTLS: then it never asks for it. */
static bool gnutls_able(void)
{
	unsigned int *asked = dlsym(RTLD_DEFAULT, "library_asked"), before;

	assert_non_null(asked);
	before = *asked;
	run(&library_gnutls, &library_gnutls, &suites[3]);
	return *asked != before;
}

static void test_gnutls(void **state)
{
	(void)state;
	gnutls_uses = gnutls_able();
	if (!gnutls_uses) {
		print_message("# SKIP GnuTLS was built without kTLS\n");
		skip();
	}
	all(&library_gnutls, &library_gnutls);
}

static void test_openssl_gnutls(void **state)
{
	(void)state;
	all(&library_openssl, &library_gnutls);
}

static void test_gnutls_openssl(void **state)
{
	(void)state;
	all(&library_gnutls, &library_openssl);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_openssl),
		cmocka_unit_test(test_gnutls),
		cmocka_unit_test(test_openssl_gnutls),
		cmocka_unit_test(test_gnutls_openssl),
	};
	FILE *file = tmpfile();

	t_fill(pattern, sizeof(pattern), 1);
	if (!file || fwrite(pattern, 1, sizeof(pattern), file) != sizeof(pattern) || fflush(file))
		return 1;
	pattern_file = fileno(file);
	return t_run("libraries", tests, ARRAY_SIZE(tests));
}
