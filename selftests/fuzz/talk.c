// SPDX-License-Identifier: GPL-2.0-only
/*
 * An application that is connected to the daemon's part. Randomness and the clock are fixed,
 * so that answers that one received fit another, and a recorded handshake completes.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "context/contexts.h"
#include "context/requests.h"
#include "engine/name.h"
#include "fixed.h"
#include "process/log.h"
#include "talk.h"

/* ---- what contexts are begun with ---- */

static void add_credential(struct ksc_credentials *set, const char *name, enum ksc_role role,
			   bool cert)
{
	struct ksc_credential *cred = ksc_credential_new(name, KSC_ROLE_BIT(role));

	REQUIRE(cred);
	fixed_trust(cred);
	if (cert && role == KSC_ROLE_SERVER)
		fixed_cert(cred, KSC_TEST_CERTS "/server.pem", KSC_TEST_CERTS "/server.key");
	else if (cert)
		fixed_cert(cred, KSC_TEST_CERTS "/client.pem", KSC_TEST_CERTS "/client.key");
	cred->is_default = role == KSC_ROLE_SERVER || !cert;
	cred->verify = role == KSC_ROLE_SERVER ? KSC_VERIFY_REQUEST : KSC_VERIFY_DEFAULT;
	REQUIRE(!ksc_credential_finish(cred));
	REQUIRE(!ksc_credentials_add(set, cred));
}

static void make_config(struct ksc_config *config)
{
	fixed_begin();
	config->contexts = (struct ksc_allowance) {
		.total = 64, .per_user = 16, .per_connection = 8, .connections_per_user = 2,
		.bytes = 1 << 20, .bytes_per_user = 1 << 19, .handshake_bytes = 65536,
	};
	config->credentials = ksc_credentials_new();
	REQUIRE(config->credentials);
	add_credential(config->credentials, "s", KSC_ROLE_SERVER, true);
	add_credential(config->credentials, "c", KSC_ROLE_CLIENT, false);
	add_credential(config->credentials, "cc", KSC_ROLE_CLIENT, true);
}

/* ---- the kernel ---- */

static struct {
	uint32_t n;
	uint32_t told;
	uint64_t first_id;
} kernel;

int ksc_netlink_fd(const struct ksc_netlink *nl)
{
	(void)nl;
	return -1;
}

int ksc_netlink_key(struct ksc_netlink *nl, const struct ksc_key_request *request, uint32_t *msg)
{
	(void)nl;
	REQUIRE(request->step->keys.version);
	*msg = ++kernel.n;
	return 0;
}

/* Every fourth is refused, and every seventh answer lost. */
static void answer(struct ksc_contexts *contexts)
{
	while (kernel.told < kernel.n) {
		const uint32_t msg = ++kernel.told;

		if (msg % 7 == 0)
			ksc_contexts_lost(contexts);
		else if (msg % 4 == 0)
			ksc_contexts_refused(contexts, msg, EDQUOT, "");
		else
			ksc_contexts_key(contexts, msg, eventfd(0, EFD_CLOEXEC));
	}
}

/* ---- the application ---- */

static struct ksc_config config;
static struct ksc_place place;
static struct ksc_contexts *contexts;
static int fd;

static void nothing(void *ptr)
{
	(void)ptr;
}

static void start(void)
{
	ksc_log_set_level((enum ksc_log_level)0);
	make_config(&config);
	place.loop = ev_default_loop(0);
	place.pool = ksc_pool_new(place.loop, 0);
	place.cache = ksc_cache_new();
	REQUIRE(place.pool && place.cache);
	contexts = ksc_contexts_new(&place, nothing, NULL);
	REQUIRE(contexts);
	ksc_contexts_configure(contexts, &config);
	REQUIRE(!ksc_contexts_start(contexts));
}

static void turn(void)
{
	do {
		ev_run(place.loop, EVRUN_NOWAIT);
		answer(contexts);
	} while (ev_is_active(&contexts->again));
}

void talk_begin(void)
{
	int ends[2];

	if (!contexts)
		start();
	memset(&kernel, 0, sizeof(kernel));
	kernel.first_id = contexts->last_id + 1;
	fixed_generator = 0x9e3779b97f4a7c15;
	REQUIRE(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends));
	fd = ends[0];
	ksc_application_new(contexts, ends[1]);
}

/* Whether the connection is still there afterwards. */
bool talk_say(const void *data, size_t len, unsigned int rights)
{
	char room[CMSG_SPACE(2 * sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec part = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	struct cmsghdr *cmsg = (struct cmsghdr *)room;
	unsigned int i;

	REQUIRE(rights <= 2);
	if (rights) {
		msg.msg_control = room;
		msg.msg_controllen = CMSG_SPACE(rights * sizeof(int));
		*cmsg = (struct cmsghdr){ .cmsg_len = CMSG_LEN(rights * sizeof(int)),
					  .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
		for (i = 0; i < rights; i++)
			memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &fd, sizeof(int));
	}
	sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	turn();
	turn();
	return !TAILQ_EMPTY(&contexts->apps);
}

/* Whether there was something; it is what the specification says. */
bool talk_hear(struct talk_reply *reply)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = { .iov_base = reply->buf, .iov_len = sizeof(reply->buf) };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	const ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	const char *why;
	bool done;
	int key = -1;

	if (len <= 0)
		return len < 0 && errno == ECONNRESET ? talk_hear(reply) : false;
	if (CMSG_FIRSTHDR(&msg))
		memcpy(&key, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(key));
	reply->kind = ksc_message_parse(reply->buf, (size_t)len, true, reply->tb, &why);
	REQUIRE(reply->kind == KSC_MESSAGE_RESULT || reply->kind == KSC_MESSAGE_ERROR);
	done = reply->kind == KSC_MESSAGE_RESULT &&
	       nla_get_u32(reply->tb[KSC_M_STATUS]) == KSC_STATUS_OK;
	REQUIRE(done == (key >= 0));
	REQUIRE(!done || (reply->tb[KSC_M_VERSION] && reply->tb[KSC_M_SUITE] &&
			  reply->tb[KSC_M_SESSION]));
	if (key >= 0)
		close(key);
	return true;
}

/* Nothing is left of it. */
void talk_end(void)
{
	uint64_t id;

	close(fd);
	turn();
	while (!TAILQ_EMPTY(&contexts->apps) || ksc_closer_count(contexts->closer))
		turn();
	for (id = kernel.first_id; id <= contexts->last_id; id++)
		ksc_contexts_gone(contexts, id | UINT64_C(1) << 63);
	turn();
	REQUIRE(!contexts->users.contexts && !contexts->users.kept);
	REQUIRE(!contexts->users.bytes && !contexts->users.table);
	ksc_cache_flush(place.cache);
}
