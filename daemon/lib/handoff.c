// SPDX-License-Identifier: GPL-2.0-only
/*
 * A context goes to another process. The netlink socket that has it is passed, and
 * whoever gets that has the kernel move the context to a socket of its own: then the
 * first one is of no use, whoever still has it. What lies between goes with the last
 * descriptor.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define MAGIC 0x4b534348
#define VERSION 1

/**
 * struct parcel - what goes with the descriptor
 * @magic: MAGIC
 * @version: VERSION
 * @pad: zero
 * @id: the context's number
 */
struct parcel {
	uint32_t magic;
	uint16_t version;
	uint16_t pad;
	uint64_t id;
};

/* Room for one descriptor, aligned as the head has to be. */
union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(sizeof(int))];
};

/**
 * kschannel_export_context() - pass a context on to another process
 * @context: the context, with no step under way; deleted here by success
 * @sock: connected AF_UNIX socket, which keeps messages whole or has nothing else on its way
 *
 * The last step's token has to be sent before, and the bytes that no step has used up
 * are the caller's to pass. Until it is imported, the context is deleted when what is
 * on its way is.
 *
 * Return: 0; -EBUSY while a step is under way; or a negative errno of sendmsg(), and
 * the context is as it was
 */
int kschannel_export_context(struct kschannel_context *context, int sock)
{
	struct parcel parcel = { MAGIC, VERSION, 0, context->id };
	struct iovec iov = { .iov_base = &parcel, .iov_len = sizeof(parcel) };
	union control control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof(control),
	};
	const int fd = kschannel_fd(context);

	if (context->pending)
		return -EBUSY;
	control.head.cmsg_len = CMSG_LEN(sizeof(fd));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	/* so little goes as a whole or not at all */
	if (sendmsg(sock, &msg, MSG_NOSIGNAL) < 0)
		return -errno;
	kschannel_delete_context(context);
	return 0;
}

/* Takes a parcel and its descriptor, which is a new one. */
static int receive_parcel(int sock, struct parcel *parcel)
{
	struct iovec iov = { .iov_base = parcel, .iov_len = sizeof(*parcel) };
	union control control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t got = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	int fd = -1;

	if (got < 0)
		return -errno;
	/* there is room for no more than one */
	if (CMSG_FIRSTHDR(&msg) && control.head.cmsg_level == SOL_SOCKET &&
	    control.head.cmsg_type == SCM_RIGHTS && control.head.cmsg_len == CMSG_LEN(sizeof(fd)))
		memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	if (fd >= 0 && got == sizeof(*parcel) && !(msg.msg_flags & MSG_TRUNC) &&
	    parcel->magic == MAGIC && parcel->version == VERSION)
		return fd;
	if (fd >= 0)
		close(fd);
	return got ? -EBADMSG : -ENODATA;
}

/* The sender could say anything, so the kernel is asked. */
static int take_over(struct kschannel_context *c, const struct parcel *parcel, int fd)
{
	int rc;

	rc = kschannel_msg_connect(c);
	if (rc)
		return rc;
	c->id = parcel->id;
	rc = kschannel_msg_move(c, fd);
	if (rc)
		return rc;
	c->pending = true;
	rc = kschannel_msg_get(c);
	return rc || !c->pending ? rc : -EIO;
}

/**
 * kschannel_import_context() - take a context that another process passes on
 * @context: set to the context
 * @sock: AF_UNIX socket that kschannel_export_context() was called with the other end of
 * @step: gets what the last step came to; there is no token, since that was sent
 *
 * From then on it is this process's alone: whoever had it before gets -EPERM. It still
 * counts for the user that began it, and uses the credential that this user may use.
 *
 * Return: 0; -ENODATA when the other end was closed; -EBADMSG for what is no context;
 * -EBUSY when a step is under way, -EPERM or -ESTALE when the sender did not have it any
 * more, -EINVAL when it is of another network namespace; or another negative errno, of
 * recvmsg() too. But for the last, what was passed is gone.
 */
int kschannel_import_context(struct kschannel_context **context, int sock,
			     struct kschannel_step *step)
{
	struct kschannel_context *c;
	struct parcel parcel;
	int fd, rc;

	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	fd = receive_parcel(sock, &parcel);
	rc = fd < 0 ? fd : take_over(c, &parcel, fd);
	if (fd >= 0)
		close(fd);
	if (rc) {
		kschannel_delete_context(c);
		return rc;
	}
	*context = c;
	*step = c->step;
	return 0;
}
