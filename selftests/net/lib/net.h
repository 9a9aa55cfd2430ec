/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tests share: protected sockets, checks, threads, and the main function. */
#ifndef KSC_TEST_NET_H
#define KSC_TEST_NET_H

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <netinet/in.h>

#include <cmocka.h>

#include <linux/kschannel.h>

#define ARRAY_SIZE(x) (sizeof(x) / sizeof((x)[0]))

/* Where the rig puts the certificates. */
#define PKI "/etc/kschannel/"

/* A system call that has to succeed. */
#define SYS(call) t_sys((call), #call, __FILE__, __LINE__)
/* One that has to fail in a certain way. */
#define FAILS(call, error) t_fails((call), error, #call, __FILE__, __LINE__)

/* No test waits longer for anything; a hang is a failure. */
#define PATIENCE_S 60
/* What is long, not stuck, may take this much all together. */
#define PATIENCE_LONG_S 600

/**
 * struct t_addr - where to connect to
 * @ss: the address
 * @len: its length
 */
struct t_addr {
	struct sockaddr_storage ss;
	socklen_t len;
};

/**
 * struct t_opts - how a protected socket is made
 * @by_proto: by IPPROTO_KSCHANNEL, not by TCP_ULP
 * @nonblock: O_NONBLOCK
 * @server_name: KSC_SERVER_NAME
 * @credential: KSC_CREDENTIAL
 * @alpn: KSC_ALPN, protocols with commas between
 * @verify: KSC_VERIFY
 * @timeout: KSC_HANDSHAKE_TIMEOUT
 * @pick: contexts: ask when the server wants a certificate
 */
struct t_opts {
	bool by_proto;
	bool nonblock;
	const char *server_name;
	const char *credential;
	const char *alpn;
	int verify;
	unsigned int timeout;
	bool pick;
};

/* Windows that only a module for tests can widen; as enum ksc_failpoint has them */
enum t_failpoint {
	T_CONNECT,
	T_LISTEN,
	T_SHUTDOWN,
	T_CONNECTED,
	T_UNLISTENED,
	T_PUMP,
	T_FAILPOINTS
};

/* A client that knows the name of the test server. */
extern const struct t_opts t_client;
/* A server without any wishes. */
extern const struct t_opts t_server;

/* net.c: sockets */
int t_plain(int family);
void t_attach(int fd);
void t_set_opts(int fd, const struct t_opts *opts);
int t_socket(int family, const struct t_opts *opts);
int t_listen(int family, const struct t_opts *opts, struct t_addr *addr);
int t_deafen(int fd, const struct t_addr *addr);
void t_hear(int fd, int filler);
int t_try_connect(const struct t_addr *addr, const struct t_opts *opts);
int t_connect(const struct t_addr *addr, const struct t_opts *opts);
void t_begin_on(int fd, const void *addr, socklen_t len);
int t_begin(const struct t_addr *addr, const struct t_opts *opts);
int t_handshake(int fd);
void t_finish(int fd);
int t_accept(int fd);
void t_pair(int family, int fds[2]);
void t_pair_opts(int family, const struct t_opts *client, const struct t_opts *server, int fds[2]);
void t_nonblock(int fd, bool on);
void t_wait(int fd, short events);
int t_watch(int fd, uint32_t events);
void t_await_event(int ep);
void t_await_acked(int fd);
int t_so_error(int fd);
void t_reset(int fd);

void t_send(int fd, const void *data, size_t len);
void t_recv(int fd, void *data, size_t len);
void t_expect(int fd, const char *text);
void t_expect_eof(int fd);
void t_exchange(int a, int b);

struct ksc_info t_info(int fd);
struct ksc_error t_error(int fd);
void t_expect_error(int fd, enum ksc_status status, int error);

/* parameter.c: what a test sets, and what is put back behind it */
bool t_failpoint(enum t_failpoint at, unsigned int ms);
void t_await_held(atomic_int *at, bool is);
void t_keep(const char *path);
void t_put_back(void);
void t_await_asleep(atomic_int *at);
void t_set_parameter(const char *name, unsigned int value);
unsigned int t_parameter(const char *name);
/* the defaults of max_dataless and max_key_updates */
#define T_DATALESS 256
#define T_KEY_UPDATES 128
void t_flood_limits(unsigned int dataless, unsigned int key_updates);
int t_unlimited(void **state);
int t_limited(void **state);

/* program.c: what is around the tests */
long t_sys(long ret, const char *what, const char *file, int line);
void t_fails(long ret, int error, const char *what, const char *file, int line);
int t_shell(const char *command);
uint64_t t_net_counter(const char *file, const char *group, const char *name);
bool t_write_file(const char *path, const char *text);
void t_fill(void *data, size_t len, uint64_t seed);
int64_t t_now_ms(void);
int64_t t_ticks_ms(void);
bool t_kasan(void);

void t_thread(pthread_t *thread, void *(*run)(void *), void *arg);
void t_join(pthread_t thread);

int t_setup(void **state);
int t_run(const char *name, const struct CMUnitTest *tests, size_t count);
int t_skip(const struct CMUnitTest *tests, size_t count, const char *why);

/* A test with an argument */
#define T_CASE(name, test, arg)                                                                    \
	{                                                                                          \
		name, test, NULL, NULL, (void *)(arg)                                              \
	}

#define T_SKIP(tests, why) t_skip(tests, ARRAY_SIZE(tests), why)
#define T_RUN(tests) t_run(__FILE__, tests, ARRAY_SIZE(tests))

#endif /* KSC_TEST_NET_H */
