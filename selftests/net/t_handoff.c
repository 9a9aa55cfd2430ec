// SPDX-License-Identifier: GPL-2.0-only
/* libkschannel: contexts that go to another process. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/message.h"
#include "lib/lib.h"
#include "lib/nl.h"

/* After the handshake, and not before; all facts about the session are passed along. */
static void pass_it_on(int type)
{
	struct kschannel_session session, was;
	const void *chains[2], *chain;
	struct ksc_info info;
	size_t lens[2], len;
	int pair[2];

	SYS(socketpair(AF_UNIX, type, 0, pair));
	lib_credentials("client", "mutual");
	assert_int_equal(side_step(&client, 0), 0);
	side_take(&server, &client.step);
	assert_int_equal(kschannel_export_context(client.ctx, pair[0]), -EINPROGRESS);
	assert_int_equal(side_step(&server, 0), 0);
	side_take(&client, &server.step);
	assert_int_equal(side_step(&client, 0), 0);
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	side_take(&server, &client.step);
	assert_int_equal(side_step(&server, 0), 0);
	assert_int_equal(server.step.status, KSC_STATUS_OK);
	assert_int_equal(kschannel_query_session(server.ctx, &was), 0);
	for (int local = 0; local < 2; local++) {
		assert_int_equal(kschannel_query_chain(client.ctx, local, &chains[local],
						       &lens[local]), 0);
		chains[local] = memcpy(malloc(lens[local]), chains[local], lens[local]);
	}

	assert_int_equal(kschannel_export_context(client.ctx, pair[0]), 0);
	client.ctx = NULL;
	assert_int_equal(kschannel_export_context(server.ctx, pair[1]), 0);
	server.ctx = NULL;
	assert_int_equal(kschannel_import_context(&client.ctx, pair[1], &client.step), 0);
	assert_int_equal(kschannel_import_context(&server.ctx, pair[0], &server.step), 0);
	assert_int_equal(client.step.status, KSC_STATUS_OK);
	assert_int_equal(client.step.token_len, 0);
	assert_int_equal(side_step(&client, 0), -EISCONN);
	assert_int_equal(kschannel_accept_context(&client.ctx, server.cred, 0, NULL, 0,
						  &client.step), -EPROTOTYPE);
	assert_int_equal(kschannel_query_info(client.ctx, &info), 0);
	assert_string_equal(info.peer_subject, "CN=server.test");
	assert_int_equal(info.role, KSC_ROLE_CLIENT);
	assert_int_equal(kschannel_query_session(server.ctx, &session), 0);
	assert_memory_equal(&session, &was, sizeof(was));
	for (int local = 0; local < 2; local++) {
		assert_int_equal(kschannel_query_chain(client.ctx, local, &chain, &len), 0);
		assert_int_equal(len, lens[local]);
		assert_memory_equal(chain, chains[local], len);
		free((void *)chains[local]);
	}
	close(pair[0]);
	close(pair[1]);
}

static void test_handoff(void **state)
{
	int fds[2];

	pass_it_on(*(int *)*state);
	lib_attach(fds);
	t_exchange(fds[0], fds[1]);
	assert_int_equal(kschannel_export_context(client.ctx, -1), -ESTALE);
	close(fds[0]);
	close(fds[1]);
}

/* The importer's part, as another user. */
static void serve_imported(int sock, int fd)
{
	struct kschannel_context *ctx;
	struct kschannel_step step;
	char buf[5];

	if (setresuid(65534, 65534, 65534) || kschannel_import_context(&ctx, sock, &step) ||
	    step.status != KSC_STATUS_OK || kschannel_attach(ctx, fd, NULL, 0) ||
	    recv(fd, buf, sizeof(buf), MSG_WAITALL) != sizeof(buf) ||
	    send(fd, buf, sizeof(buf), MSG_NOSIGNAL) != sizeof(buf))
		_exit(1);
	_exit(0);
}

static void test_process(void **state)
{
	struct t_addr addr;
	int listener, fds[2], pair[2], status;
	pid_t pid;

	(void)state;
	lib_handshake();
	assert_int_equal(server.len, 0);
	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	close(listener);
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	pid = (pid_t)SYS(fork());
	if (!pid)
		serve_imported(pair[1], fds[1]);
	assert_int_equal(kschannel_export_context(server.ctx, pair[0]), 0);
	server.ctx = NULL;
	assert_int_equal(kschannel_attach(client.ctx, fds[0], client.in, client.len), 0);
	assert_int_equal(SYS(send(fds[0], "hello", 5, 0)), 5);
	t_expect(fds[0], "hello");
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(pair[i]);
	}
}

/* A parcel that was opened on the way, and its descriptor. */
static int intercept(int sock, void *data, size_t *len)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec iov = { .iov_base = data, .iov_len = *len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = room,
			      .msg_controllen = sizeof(room) };
	const struct cmsghdr *cmsg;
	int fd = -1;

	*len = (size_t)SYS(recvmsg(sock, &msg, 0));
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg)
		memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	assert_true(fd >= 0);
	return fd;
}

static void pass_on(int sock, const void *data, size_t len, int fd)
{
	char room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8))) = "";
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		msg.msg_control = room;
		msg.msg_controllen = sizeof(room);
		*CMSG_FIRSTHDR(&msg) = (struct cmsghdr) { .cmsg_len = CMSG_LEN(sizeof(fd)),
							  .cmsg_level = SOL_SOCKET,
							  .cmsg_type = SCM_RIGHTS };
		memcpy(CMSG_DATA(CMSG_FIRSTHDR(&msg)), &fd, sizeof(fd));
	}
	SYS(sendmsg(sock, &msg, 0));
}

/* A parcel of which one attribute has another value */
static void alter(uint8_t *parcel, int type, uint32_t value)
{
	struct nlattr *attr = nlmsg_find_attr((struct nlmsghdr *)parcel, 0, type);

	assert_non_null(attr);
	memcpy(nla_data(attr), &value, (size_t)nla_len(attr));
}

/* Nothing else is a context, and each mistake has a name of its own. */
static void test_misuse(void **state)
{
	static uint8_t parcel[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
	struct kschannel_context *ctx = NULL;
	struct kschannel_step step;
	size_t len = sizeof(parcel);
	int pair[2], fds[2], fd, other, wrong;

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair));
	lib_handshake();
	assert_int_equal(kschannel_export_context(client.ctx, -1), -EBADF);
	assert_int_equal(kschannel_export_context(client.ctx, pair[0]), 0);
	client.ctx = NULL;
	fd = intercept(pair[1], parcel, &len);

	pass_on(pair[0], parcel, len, -1);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADMSG);
	pass_on(pair[0], "x", 1, fd);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADMSG);
	for (size_t cut = len; --cut >= NLMSG_HDRLEN;) {
		pass_on(pair[0], parcel, cut, fd);
		assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADMSG);
	}
	other = SYS(socket(AF_INET, SOCK_DGRAM, 0));
	wrong = (int)SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
	pass_on(pair[0], parcel, len, other);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADFD);
	pass_on(pair[0], parcel, len, wrong);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADFD);
	pass_on(pair[0], parcel, len, pair[0]);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADFD);
	close(other);
	close(wrong);
	((struct nlmsghdr *)parcel)->nlmsg_type = KSC_MESSAGE_RESULT;
	pass_on(pair[0], parcel, len, fd);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EBADMSG);
	((struct nlmsghdr *)parcel)->nlmsg_type = KSC_MESSAGE_HANDOVER;
	alter(parcel, KSC_M_FORMAT, 2);
	pass_on(pair[0], parcel, len, fd);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -EPROTONOSUPPORT);
	alter(parcel, KSC_M_FORMAT, 1);
	assert_null(ctx);

	/* its description of the keys is not what counts */
	alter(parcel, KSC_M_VERSION, 0x0303);
	alter(parcel, KSC_M_SUITE, 0xc02f);
	pass_on(pair[0], parcel, len, fd);
	assert_int_equal(kschannel_import_context(&client.ctx, pair[1], &step), 0);
	pass_on(pair[0], parcel, len, fd);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), 0);
	lib_attach(fds);
	assert_int_equal(t_info(fds[0]).version, 0x0304);
	/* a descriptor that was kept is stale */
	assert_int_equal(kschannel_attach(ctx, fds[0], NULL, 0), -ESTALE);
	kschannel_delete_context(ctx);
	ctx = NULL;
	pass_on(pair[0], parcel, len, fd);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -ESTALE);
	close(fd);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	close(pair[0]);
	assert_int_equal(kschannel_import_context(&ctx, pair[1], &step), -ENODATA);
	assert_null(ctx);
	close(pair[1]);
}

/* A context dies with the process that holds it, or with the message that carries it. */
static void test_lost(void **state)
{
	int pair[2];

	(void)state;
	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	lib_handshake();
	assert_int_equal(kschannel_export_context(client.ctx, pair[0]), 0);
	client.ctx = NULL;
	assert_int_equal(kschannel_export_context(server.ctx, pair[0]), 0);
	server.ctx = NULL;
	assert_int_equal(tnl_counter(KSC_A_STATS_KEYS), 2);
	close(pair[0]);
	close(pair[1]);
	/* teardown waits until there is none */
}

int main(void)
{
	static int packets = SOCK_SEQPACKET, stream = SOCK_STREAM;
	const struct CMUnitTest tests[] = {
		{ "test_handoff packets", test_handoff, lib_setup, lib_teardown, &packets },
		{ "test_handoff stream", test_handoff, lib_setup, lib_teardown, &stream },
		cmocka_unit_test_setup_teardown(test_process, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_misuse, lib_setup, lib_teardown),
		cmocka_unit_test_setup_teardown(test_lost, lib_setup, lib_teardown),
	};

	return T_RUN(tests);
}
