// SPDX-License-Identifier: GPL-2.0-only
/* intake.c, handed.c: what the daemon accepts from its reader, which the test plays. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "reload/handover.h"
#include "reload/intake.h"

/* ---- a reader that answers nonsense ---- */

/* The next that is free; what is open stays so. */
static int next_fd(void)
{
	const int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

/* Of descriptors that are no file of a message, none stays. */
static void descriptors(void **state)
{
	const struct ksc_handover head = { .load = 1, .kind = KSC_KIND_FILE, .name_len = 1 };
	struct iovec parts[] = { { (void *)&head, sizeof(head) }, { "x", 1 } };
	char control[CMSG_SPACE(8 * sizeof(int))];
	struct ksc_handed *handed;
	int ends[2], free_fd, n, i;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	for (n = 1; n <= 8; n++) {
		struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2, .msg_control = control,
				      .msg_controllen = CMSG_SPACE((size_t)n * sizeof(int)) };
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		struct ksc_intake *intake = ksc_intake_new(dup(ends[0]));

		assert_non_null(intake);
		assert_int_equal(ksc_intake_ask(intake), 0);
		free_fd = next_fd();
		memset(control, 0, sizeof(control));
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN((size_t)n * sizeof(int));
		for (i = 0; i < n; i++)
			memcpy(CMSG_DATA(cmsg) + (size_t)i * sizeof(int), &ends[1], sizeof(int));
		assert_true(sendmsg(ends[1], &msg, 0) > 0);
		assert_int_equal(ksc_intake_take(intake, &handed), -EAGAIN);
		assert_int_equal(next_fd(), free_fd);
		ksc_intake_free(intake);
	}
	close(ends[0]);
	close(ends[1]);
}

static void answer(int error, struct ksc_handover head, const char *name, size_t name_len,
		   size_t more)
{
	static char buf[2 * KSC_HANDOVER_SIZE];
	struct ksc_handed *handed = NULL;
	struct ksc_intake *intake;
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	intake = ksc_intake_new(ends[0]);
	assert_non_null(intake);
	assert_int_equal(ksc_intake_ask(intake), 0);
	head.load = 1;
	memset(buf, 0, sizeof(buf));
	memcpy(buf, &head, sizeof(head));
	memcpy(buf + sizeof(head), name, name_len);
	assert_true(send(ends[1], buf, sizeof(head) + name_len + more, 0) > 0);
	assert_int_equal(ksc_intake_take(intake, &handed), error);
	if (error == -EBADMSG)
		assert_int_equal(ksc_intake_fd(intake), -1);
	ksc_handed_free(handed);
	ksc_intake_free(intake);
	close(ends[1]);
}

static void nonsense(void **state)
{
	(void)state;
#define HEAD(...)	((struct ksc_handover) { __VA_ARGS__ })
	answer(0, HEAD(.kind = KSC_HANDOVER_END), "", 0, 0);
	answer(-ENOMEM, HEAD(.kind = KSC_HANDOVER_END, .error = -ENOMEM), "", 0, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_HANDOVER_END, .error = 5), "", 0, 0);
	/* -EAGAIN would have the caller wait for more, which never comes */
	answer(-EBADMSG, HEAD(.kind = KSC_HANDOVER_END, .error = -EAGAIN), "", 0, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_HANDOVER_END, .error = -EINPROGRESS), "", 0, 0);
	answer(-EAGAIN, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = 1), "x", 1, 0);
	answer(-EAGAIN, HEAD(.kind = KSC_KIND_MEMBERS, .n = 2), "", 0, 8);
	answer(-EAGAIN, HEAD(.kind = KSC_KIND_FILE, .name_len = 1, .n = 1), "x", 1,
	       sizeof(struct ksc_door));
	answer(-EBADMSG, HEAD(.kind = 77), "", 0, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = 2), "x", 1, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = 0), "x", 1, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = 2), "x\0", 2, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = 5000), "", 0, 5000);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .name_len = UINT32_MAX), "", 0, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT, .error = 1, .name_len = 1), "x", 1, 0);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_MEMBERS, .n = 9000), "", 0, 36000);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_MEMBERS, .n = 3), "", 0, 8);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_MEMBERS, .name_len = 1, .n = 1), "x", 1, 4);
	answer(-EBADMSG, HEAD(.kind = KSC_KIND_ACCOUNT), "", 0, KSC_HANDOVER_SIZE);
#undef HEAD
}

/* ---- what is kept ---- */

static void many_members(void **state)
{
	static uid_t uids[8192];
	struct ksc_handed *handed = ksc_handed_new();
	uid_t *found = NULL;
	size_t n = 0, i;

	(void)state;
	assert_non_null(handed);
	for (i = 0; i < KSC_MAX_MEMBERS / 8192; i++)
		assert_int_equal(ksc_handed_add_members(handed, 5, 0, uids, 8192), 0);
	assert_int_equal(ksc_handed_add_members(handed, 5, 0, uids, 1), -E2BIG);
	assert_int_equal(ksc_handed_members(handed, 5, &found, &n), 0);
	assert_int_equal(n, KSC_MAX_MEMBERS);
	free(found);
	assert_int_equal(ksc_handed_members(handed, 6, &found, &n), -ESTALE);
	ksc_handed_free(handed);
}

static void many_bytes(void **state)
{
	struct ksc_handed *handed = ksc_handed_new();
	struct ksc_way way = { 0 };
	struct ksc_file file;
	char name[16];
	int fd, i;

	(void)state;
	fd = memfd_create("", MFD_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, 16 << 20), 0);
	for (i = 0; i < 17; i++) {
		snprintf(name, sizeof(name), "%d", i);
		assert_int_equal(ksc_handed_add_file(handed, name, 0, fd, &way), 0);
	}
	/* no more of it */
	assert_int_equal(ksc_handed_add_file(handed, "1", -ENOENT, -1, &way), 0);
	memset(&file, 0, sizeof(file));
	assert_int_equal(ksc_handed_file(handed, "1", &file), 0);
	ksc_file_free(&file);
	memset(&file, 0, sizeof(file));
	assert_int_equal(ksc_handed_file(handed, "15", &file), 0);
	assert_int_equal(file.data.size, 16 << 20);
	ksc_file_free(&file);
	assert_int_equal(ksc_handed_file(handed, "16", &file), -EDQUOT);
	close(fd);
	ksc_handed_free(handed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descriptors),
		cmocka_unit_test(nonsense),
		cmocka_unit_test(many_members),
		cmocka_unit_test(many_bytes),
	};

	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
