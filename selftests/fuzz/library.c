// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's entry for libkschannel: the input is what the daemon sends. A byte selects
 * whether a context's handshake continues, or one is imported from another process; then
 * messages, each preceded by a byte for the descriptors that come along and two of its length.
 * A step is made before each of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/message.h"
#include "lib/kschannel.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* The daemon's end of the next connection, and the library's. */
static int ends[2] = { -1, -1 };

int __wrap_connect(int fd, const void *addr, socklen_t len);
int __wrap_connect(int fd, const void *addr, socklen_t len)
{
	(void)addr;
	(void)len;
	require(dup2(ends[1], fd) == fd);
	close(ends[1]);
	ends[1] = -1;
	return 0;
}

/* The kernel's answers about keys; those are any file without a type here. */
int __real_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	static const struct ksc_info info = {
		.version = 0x0304, .cipher_suite = 0x1301, .role = KSC_ROLE_CLIENT,
	};

	if (request != KSC_KEY_INFO)
		return __real_ioctl(fd, request, arg);
	memcpy(arg, &info, sizeof(info));
	return 0;
}

static void say(int sock, unsigned int rights, const uint8_t *data, size_t len)
{
	char room[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)room;
	int key = -1;
	unsigned int i;

	if (rights) {
		key = eventfd(0, EFD_CLOEXEC);
		require(key >= 0);
		msg.msg_control = room;
		msg.msg_controllen = CMSG_SPACE(rights * sizeof(int));
		*cmsg = (struct cmsghdr){ .cmsg_len = CMSG_LEN(rights * sizeof(int)),
					  .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (i = 0; i < rights; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &key, sizeof(int));
	}
	sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (key >= 0)
		close(key);
}

/* Says the next thing; false when there is none. */
static bool say_next(int sock, const uint8_t **data, size_t *size)
{
	unsigned int rights;
	size_t len;

	if (*size < 3)
		return false;
	rights = (*data)[0] % 3;
	len = (size_t)(*data)[1] << 8 | (*data)[2];
	*data += 3;
	*size -= 3;
	if (len > *size)
		len = *size;
	say(sock, rights, *data, len);
	*data += len;
	*size -= len;
	return true;
}

/* The library, too, sends only messages that are in the specification. */
static void hear(int sock)
{
	static uint8_t buf[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
	struct nlattr *tb[KSC_M_MAX + 1];
	const char *why;
	ssize_t n;

	while ((n = recv(sock, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		require(ksc_message_parse(buf, (size_t)n, false, tb, &why) == KSC_MESSAGE_STEP);
}

static void read_all(const void *data, size_t len)
{
	size_t i, sum = 0;

	for (i = 0; i < len; i++)
		sum += ((const uint8_t *)data)[i];
	require(sum <= UINT8_MAX * len);
}

static void check_step(const struct kschannel_step *step, size_t offered)
{
	require(step->consumed <= offered);
	require(step->token_len <= KSC_MAX_TOKEN);
	require(memchr(step->text, '\0', sizeof(step->text)));
	read_all(step->token, step->token_len);
	read_all(step->chain, step->chain_len);
	read_all(step->issuers, step->issuers_len);
}

/* What is known of a session, or why it is not */
struct known {
	int rc[5];
	struct kschannel_cipher cipher;
	struct kschannel_session session;
	const void *chain[2];
	size_t len[2];
	uint8_t end_point[KSCHANNEL_END_POINT_MAX];
	size_t end_point_len;
};

static void ask(struct kschannel_context *ctx, struct known *k)
{
	memset(k, 0, sizeof(*k));
	k->end_point_len = sizeof(k->end_point);
	k->rc[0] = kschannel_query_cipher(ctx, &k->cipher);
	k->rc[1] = kschannel_query_session(ctx, &k->session);
	k->rc[2] = kschannel_query_chain(ctx, false, &k->chain[0], &k->len[0]);
	k->rc[3] = kschannel_query_chain(ctx, true, &k->chain[1], &k->len[1]);
	k->rc[4] = kschannel_query_end_point(ctx, k->end_point, &k->end_point_len);
}

/* Another process knows as much. */
static void hand_over(struct kschannel_context *ctx)
{
	struct kschannel_context *taken = NULL;
	struct kschannel_step step;
	struct known before, after;
	uint8_t *chains[2];
	int pair[2], i;

	ask(ctx, &before);
	for (i = 0; i < 2; i++) {
		chains[i] = malloc(before.len[i] + 1);
		require(chains[i]);
		if (before.len[i])
			memcpy(chains[i], before.chain[i], before.len[i]);
	}
	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	require(!kschannel_export_context(ctx, pair[0]));
	require(!kschannel_import_context(&taken, pair[1], &step));
	ask(taken, &after);
	for (i = 1; i < 5; i++)
		require(before.rc[i] == after.rc[i]);
	require(before.session.traits == after.session.traits);
	require(before.end_point_len == after.end_point_len);
	for (i = 0; i < 2; i++) {
		require(before.len[i] == after.len[i]);
		require(!before.len[i] || !memcmp(chains[i], after.chain[i], after.len[i]));
		free(chains[i]);
	}
	kschannel_delete_context(taken);
	close(pair[0]);
	close(pair[1]);
}

static const struct kschannel_credential *credential(void)
{
	const struct kschannel_params params = {
		.role = KSC_ROLE_CLIENT, .verify = KSC_VERIFY_MANUAL, .flags = KSCHANNEL_PICK,
	};
	static struct kschannel_credential *cred;

	if (!cred)
		require(!kschannel_acquire_credential(&cred, &params));
	return cred;
}

/* The step that the last one asks for; the same each time, so that answers fit. */
static int make_step(struct kschannel_context **ctx, const struct kschannel_step *last,
		     const uint8_t *token, size_t len, struct kschannel_step *step)
{
	if (*ctx && last->status == KSC_STATUS_VERIFY_NEEDED)
		return kschannel_judge_peer(*ctx, KSC_VERDICT_ACCEPT, 0, KSCHANNEL_NONBLOCK,
					    token, len, step);
	if (*ctx && last->status == KSC_STATUS_INCOMPLETE_CREDENTIALS)
		return kschannel_pick_credential(*ctx, NULL, KSCHANNEL_NONBLOCK, token, len, step);
	return kschannel_initialize_context(ctx, credential(), "server.test", KSCHANNEL_NONBLOCK,
					    token, len, step);
}

/* More than a flight of the seeds */
#define ROOM 16384

static void carry(const uint8_t *data, size_t size)
{
	static const uint8_t token[ROOM];
	struct kschannel_step last = { .status = KSC_STATUS_CONTINUE_NEEDED }, step;
	struct kschannel_context *ctx = NULL;
	int rc;

	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends));
	for (;;) {
		memset(&step, 0, sizeof(step));
		rc = make_step(&ctx, &last, token, sizeof(token), &step);
		if (rc != -EAGAIN)
			break;
		hear(ends[0]);
		if (!say_next(ends[0], &data, &size)) {
			close(ends[0]);
			ends[0] = -1;
		}
		rc = kschannel_result(ctx, &step);
		require(rc != -EAGAIN);
		if (rc)
			continue;
		check_step(&step, sizeof(token));
		last = step;
	}
	if (rc == -EISCONN)
		hand_over(ctx);
	else
		kschannel_delete_context(ctx);
	if (ends[0] >= 0)
		close(ends[0]);
}

/* Another process passes something on. */
static void import(const uint8_t *data, size_t size)
{
	struct kschannel_context *ctx = NULL;
	struct kschannel_step step;
	struct known k;
	int pair[2];

	require(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
	while (say_next(pair[0], &data, &size))
		;
	close(pair[0]);
	while (kschannel_import_context(&ctx, pair[1], &step) != -ENODATA) {
		if (!ctx)
			continue;
		ask(ctx, &k);
		hand_over(ctx);
		ctx = NULL;
	}
	close(pair[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const int before = dup(0);
	int after;

	close(before);
	if (!size)
		return 0;
	if (*data & 1)
		import(data + 1, size - 1);
	else
		carry(data + 1, size - 1);
	after = dup(0);
	close(after);
	/* no descriptor is left */
	require(before == after);
	return 0;
}
