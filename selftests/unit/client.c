// SPDX-License-Identifier: GPL-2.0-only
/* A client of libkschannel; the test plays the daemon, and the kernel's keys. */
#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "client.h"

char path[64];
int listener = -1, peer = -1;
struct kschannel_credential *cred;
struct kschannel_context *ctx;
struct kschannel_step step;
int files;

long client_check(long ret, const char *what)
{
	if (ret < 0)
		fail_msg("%s: %s", what, strerror(errno));
	return ret;
}

int count_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	assert_non_null(dir);
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* The kernel's answers about keys, which are any file here, passed as one without a type. */
static struct ksc_info keys = { .version = 0x0304, .cipher_suite = 0x1301,
				.role = KSC_ROLE_CLIENT, .alpn = "h2" };
int keys_error;
unsigned int keys_asked;

int __real_ioctl(int fd, unsigned long cmd, void *arg);
int __wrap_ioctl(int fd, unsigned long cmd, void *arg);
int __wrap_ioctl(int fd, unsigned long cmd, void *arg)
{
	if (cmd != KSC_KEY_INFO && cmd != KSC_KEY_EXPORT)
		return __real_ioctl(fd, cmd, arg);
	keys_asked++;
	errno = keys_error;
	if (cmd == KSC_KEY_INFO && !keys_error)
		memcpy(arg, &keys, sizeof(keys));
	if (cmd == KSC_KEY_EXPORT && !keys_error)
		memset(arg, 'm', ((struct ksc_export *)arg)->out_len);
	return keys_error ? -1 : 0;
}

int64_t clock_ms;

int __real_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t);
int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	if (!clock_ms)
		return __real_clock_gettime(clock, t);
	*t = (struct timespec) { .tv_sec = clock_ms / 1000,
				 .tv_nsec = clock_ms % 1000 * 1000000 };
	return 0;
}

void listen_at(int backlog)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	listener = (int)SYS(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
	SYS(bind(listener, (struct sockaddr *)&addr, sizeof(addr)));
	SYS(listen(listener, backlog));
}

int client_setup(void **state)
{
	const struct kschannel_params params = {
		.role = KSC_ROLE_CLIENT, .name = "mine", .alpn = "\2h2", .alpn_len = 3,
		.verify = KSC_VERIFY_MANUAL, .timeout = CLIENT_TIMEOUT, .flags = KSCHANNEL_PICK,
	};

	(void)state;
	snprintf(path, sizeof(path), "/tmp/test-client-%d.sock", getpid());
	setenv("KSCHANNEL_CONTEXT_SOCKET", path, 1);
	listen_at(8);
	keys_error = 0;
	clock_ms = 0;
	ctx = NULL;
	files = count_files();
	return kschannel_acquire_credential(&cred, &params);
}

void drop(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

int client_teardown(void **state)
{
	(void)state;
	kschannel_delete_context(ctx);
	kschannel_free_credential(cred);
	drop(&peer);
	assert_int_equal(count_files(), files);
	drop(&listener);
	unlink(path);
	return 0;
}

/* ---- the daemon ---- */

uint8_t request[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
struct nlattr *asked[KSC_M_MAX + 1];
uint32_t number;

/* What the library asks, which has to be as it has to be. */
void take_request(void)
{
	const char *why;
	ssize_t n;

	if (peer < 0)
		peer = (int)SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	n = SYS(recv(peer, request, sizeof(request), 0));
	assert_int_equal(ksc_message_parse(request, (size_t)n, false, asked, &why),
			 KSC_MESSAGE_STEP);
	number = ((struct nlmsghdr *)request)->nlmsg_seq;
}

void send_with(int sock, const void *data, size_t len, int fd, size_t count)
{
	char room[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)room;

	if (count) {
		m.msg_control = room;
		m.msg_controllen = CMSG_SPACE(count * sizeof(int));
		*cmsg = (struct cmsghdr){ .cmsg_len = CMSG_LEN(count * sizeof(int)),
					  .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (size_t i = 0; i < count; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(fd), &fd, sizeof(fd));
	}
	SYS(sendmsg(sock, &m, MSG_NOSIGNAL));
}

/* With one descriptor or two, or none; the message is freed */
void reply_with(struct nl_msg *msg, unsigned int count)
{
	const struct nlmsghdr *head = nlmsg_hdr(msg);
	int key = count ? (int)SYS(eventfd(0, EFD_CLOEXEC)) : -1;

	send_with(peer, head, head->nlmsg_len, key, count);
	drop(&key);
	nlmsg_free(msg);
}

struct nl_msg *make_result(uint32_t status, uint32_t consumed)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_RESULT, number,
					     2 * (size_t)KSC_MAX_CHAIN);

	nla_put_u32(msg, KSC_M_CONTEXT, nla_get_u32(asked[KSC_M_CONTEXT]));
	nla_put_u32(msg, KSC_M_STATUS, status);
	nla_put_u32(msg, KSC_M_CONSUMED, consumed);
	return msg;
}

int chain_len = 5;

struct nl_msg *make_ok(void)
{
	static const uint8_t chain[KSC_MAX_CHAIN] = { 0, 0, 2, 0x30, 0 };
	struct nl_msg *msg = make_result(KSC_STATUS_OK, 0);
	struct nlattr *nest;

	nla_put(msg, KSC_M_TOKEN, 8, "finished");
	nla_put(msg, KSC_M_CHAIN, chain_len, chain);
	nla_put_u16(msg, KSC_M_VERSION, 0x0304);
	nla_put_u16(msg, KSC_M_SUITE, 0x1301);
	nest = nla_nest_start(msg, KSC_M_SESSION);
	nla_put_string(msg, KSC_M_SESSION_ALPN, "h2");
	nla_put_string(msg, KSC_M_SESSION_PEER_SUBJECT, "CN=peer");
	nla_put(msg, KSC_M_SESSION_PEER_FINGERPRINT, 32, "0123456789abcdef0123456789abcdef");
	nla_nest_end(msg, nest);
	nest = nla_nest_start(msg, KSC_M_DETAILS);
	nla_put_u16(msg, KSC_M_DETAILS_GROUP, 29);
	nla_put(msg, KSC_M_DETAILS_SESSION_ID, 3, "ids");
	nla_put(msg, KSC_M_DETAILS_END_POINT, 4, "hash");
	nla_put_u32(msg, KSC_M_DETAILS_TRAITS, KSC_TRAIT_ACCEPTED);
	nla_nest_end(msg, nest);
	nla_put(msg, KSC_M_LOCAL_CHAIN, chain_len, chain);
	return msg;
}

void reply_error(uint32_t seq, uint32_t error, unsigned int rights)
{
	struct nl_msg *msg = ksc_message_new(KSC_MESSAGE_ERROR, seq, 0);

	nla_put_u32(msg, KSC_M_ERROR, error);
	reply_with(msg, rights);
}

/* ---- the application ---- */

/* A step whose request the daemon has taken */
void begin_step(const void *token, size_t len)
{
	assert_int_equal(kschannel_initialize_context(&ctx, cred, "server.test",
						      KSCHANNEL_NONBLOCK, token, len, &step),
			 -EAGAIN);
	take_request();
}

void begin_anew(void)
{
	kschannel_delete_context(ctx);
	ctx = NULL;
	drop(&peer);
	begin_step("token", 5);
}

/* A handshake that is done */
void make_done(void)
{
	begin_anew();
	reply_with(make_ok(), 1);
	assert_int_equal(kschannel_result(ctx, &step), 0);
	assert_int_equal(step.status, KSC_STATUS_OK);
}
