// SPDX-License-Identifier: GPL-2.0-only
/* The daemon's side of the reader: requests a load, and receives what is handed over. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "reload/handover.h"
#include "reload/intake.h"

/* Messages that are received before other events of the daemon's loop are handled. */
#define AT_ONCE		16

/**
 * struct ksc_intake - the daemon's side
 * @fd: socket to the reader; -1 if the reader is gone
 * @load: number of the last load
 * @handed: what has been received of it, until it is complete
 * @changed: a file has changed since it was requested
 * @buf: buffer for a message
 */
struct ksc_intake {
	int fd;
	uint32_t load;
	struct ksc_handed *handed;
	bool changed;
	union {
		struct ksc_handover head;
		char bytes[KSC_HANDOVER_SIZE];
	} buf;
};

/**
 * ksc_intake_new() - allocate
 * @fd: socket to the reader; closed with the intake
 *
 * Return: the intake, or NULL if out of memory
 */
struct ksc_intake *ksc_intake_new(int fd)
{
	struct ksc_intake *intake = calloc(1, sizeof(*intake));

	if (intake)
		intake->fd = fd;
	return intake;
}

/**
 * ksc_intake_free() - free, which makes the reader exit
 * @intake: the intake, or NULL
 */
void ksc_intake_free(struct ksc_intake *intake)
{
	if (!intake)
		return;
	ksc_handed_free(intake->handed);
	if (intake->fd >= 0)
		close(intake->fd);
	free(intake);
}

/**
 * ksc_intake_fd() - get the descriptor to poll for messages
 * @intake: the intake
 *
 * Return: a descriptor, or -1 if the reader is gone
 */
int ksc_intake_fd(const struct ksc_intake *intake)
{
	return intake->fd;
}

/**
 * ksc_intake_fault() - describe why a load failed
 * @error: a positive errno
 *
 * Return: the text
 */
const char *ksc_intake_fault(int error)
{
	switch (error) {
	case EPIPE:
		return "the process that reads files has exited";
	case ECHILD:
		return "the process that loads it has failed: an account service may be at fault";
	case ETIMEDOUT:
		return "opening its files and looking up its accounts timed out";
	case EBADMSG:
		return "the process that reads files has sent a malformed message";
	}
	return strerror(error);
}

/**
 * ksc_intake_cancel() - discard what was received, including keys; the rest is ignored
 * @intake: the intake
 */
void ksc_intake_cancel(struct ksc_intake *intake)
{
	ksc_handed_free(intake->handed);
	intake->handed = NULL;
}

/* After a malformed message, the reader is treated as gone. */
static int give_up(struct ksc_intake *intake, int error)
{
	ksc_intake_cancel(intake);
	close(intake->fd);
	intake->fd = -1;
	return error;
}

/**
 * ksc_intake_ask() - request a load, which replaces an earlier request
 * @intake: the intake
 *
 * Return: 0 or a negative errno: -EPIPE if the reader is gone
 */
int ksc_intake_ask(struct ksc_intake *intake)
{
	ksc_intake_cancel(intake);
	intake->changed = false;
	if (intake->fd < 0)
		return -EPIPE;
	intake->handed = ksc_handed_new();
	if (!intake->handed)
		return -ENOMEM;
	/* 0 is not a valid number */
	intake->load += intake->load == UINT32_MAX ? 2 : 1;
	if (send(intake->fd, &intake->load, sizeof(intake->load), MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    sizeof(intake->load))
		return 0;
	/* the reader has not read earlier requests: it hangs */
	if (errno == EAGAIN) {
		ksc_intake_cancel(intake);
		return -ETIMEDOUT;
	}
	return give_up(intake, -EPIPE);
}

static int take_file(struct ksc_intake *intake, const char *name, int fd, const char *items)
{
	const struct ksc_handover *head = &intake->buf.head;
	struct ksc_way way = { .known = head->known, .file = head->file, .n = head->n };
	int error = head->error, rc;

	if (!error && fd < 0)
		error = -EMFILE;
	if (way.n) {
		way.doors = calloc(way.n, sizeof(*way.doors));
		if (!way.doors)
			return -ENOMEM;
		memcpy(way.doors, items, way.n * sizeof(*way.doors));
	}
	rc = ksc_handed_add_file(intake->handed, name, error, fd, &way);
	ksc_way_free(&way);
	return rc;
}

static int take_part(struct ksc_intake *intake, size_t len, int fd)
{
	const struct ksc_handover *head = &intake->buf.head;
	const size_t size = head->kind == KSC_KIND_FILE ? sizeof(struct ksc_door) : sizeof(uid_t);
	char name[KSC_HANDOVER_NAME + 1];
	const char *text = intake->buf.bytes + sizeof(*head);

	if (head->name_len > KSC_HANDOVER_NAME || head->n > KSC_HANDOVER_MEMBERS ||
	    len != sizeof(*head) + head->name_len + head->n * size || head->error > 0 ||
	    memchr(text, '\0', head->name_len))
		return -EBADMSG;
	memcpy(name, text, head->name_len);
	name[head->name_len] = '\0';
	text += head->name_len;
	switch (head->kind) {
	case KSC_KIND_FILE:
		return take_file(intake, name, fd, text);
	case KSC_KIND_ACCOUNT:
		return ksc_handed_add_account(intake->handed, name, head->error, head->uid,
					      head->gid);
	case KSC_KIND_GROUP:
		return ksc_handed_add_group(intake->handed, name, head->error, head->gid);
	case KSC_KIND_MEMBERS:
		/* without a name before them, the IDs are aligned */
		return head->name_len ? -EBADMSG :
		       ksc_handed_add_members(intake->handed, head->gid, head->error,
					      (const uid_t *)text, head->n);
	}
	return -EBADMSG;
}

/* Returns the message's size in bytes, or a negative errno; @fd is set to its file, or -1. */
static ssize_t receive(struct ksc_intake *intake, int *fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = { .iov_base = &intake->buf, .iov_len = sizeof(intake->buf) };
	/* CMSG_SPACE() of one descriptor has room for two, and the second would leak */
	struct msghdr msg = {
		.msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.buf, .msg_controllen = CMSG_LEN(sizeof(int)),
	};
	const ssize_t len = recvmsg(intake->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *cmsg;

	*fd = -1;
	if (len < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_type == SCM_RIGHTS && cmsg->cmsg_len == CMSG_LEN(sizeof(*fd)))
		memcpy(fd, CMSG_DATA(cmsg), sizeof(*fd));
	if (!len)
		return -EPIPE;
	return msg.msg_flags & MSG_TRUNC || (size_t)len < sizeof(intake->buf.head) ? -EBADMSG : len;
}

/* The load's result; errnos that mean "wait" to the caller are not valid. */
static int take_end(const struct ksc_handover *head)
{
	return head->error > 0 || head->error == -EAGAIN || head->error == -EINPROGRESS ?
	       -EBADMSG : head->error;
}

/* Changes before the last request are part of its load. */
static int take_change(struct ksc_intake *intake)
{
	if (intake->buf.head.load == intake->load)
		intake->changed = true;
	return -EINPROGRESS;
}

/* Returns 0 for the last message of the requested load, -EINPROGRESS for another message. */
static int take_one(struct ksc_intake *intake)
{
	const struct ksc_handover *head = &intake->buf.head;
	int fd, rc;
	const ssize_t len = receive(intake, &fd);

	if (len < 0)
		rc = (int)len;
	else if (head->kind == KSC_HANDOVER_CHANGED)
		rc = take_change(intake);
	else if (!intake->handed || head->load != intake->load)
		rc = -EINPROGRESS;
	else if (head->kind == KSC_HANDOVER_END)
		rc = take_end(head);
	else
		rc = take_part(intake, (size_t)len, fd) ?: -EINPROGRESS;
	if (fd >= 0)
		close(fd);
	return rc;
}

/**
 * ksc_intake_take() - receive what the reader hands over
 * @intake: the intake
 * @handed: set to all of it once it is complete; the caller frees it
 *
 * Return: 0 if it is complete, -EAGAIN if more follows; or another negative errno if the load
 * failed, with -EPIPE and -EBADMSG all later loads as well
 */
int ksc_intake_take(struct ksc_intake *intake, struct ksc_handed **handed)
{
	int rc = -EINPROGRESS, i;

	if (intake->fd < 0)
		return -EPIPE;
	for (i = 0; rc == -EINPROGRESS && i < AT_ONCE; i++)
		rc = take_one(intake);
	if (rc == -EINPROGRESS || rc == -EAGAIN)
		return -EAGAIN;
	if (rc == -EPIPE || rc == -EBADMSG)
		return give_up(intake, rc);
	if (rc) {
		ksc_intake_cancel(intake);
		return rc;
	}
	*handed = intake->handed;
	intake->handed = NULL;
	return 0;
}

/**
 * ksc_intake_changed() - check whether a file of the last load has changed
 * @intake: the intake
 *
 * ksc_intake_take() receives that.
 *
 * Return: whether a file has changed; true once for each message of the reader
 */
bool ksc_intake_changed(struct ksc_intake *intake)
{
	const bool changed = intake->changed;

	intake->changed = false;
	return changed;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/**
 * ksc_intake_load() - request a load, and wait for it
 * @intake: the intake
 * @ms: time limit in milliseconds
 * @handed: set to what was handed over; the caller frees it
 *
 * Return: 0 or a negative errno, for ksc_intake_fault()
 */
int ksc_intake_load(struct ksc_intake *intake, int ms, struct ksc_handed **handed)
{
	const long long end = now_ms() + ms;
	int rc = ksc_intake_ask(intake);

	if (rc)
		return rc;
	while ((rc = ksc_intake_take(intake, handed)) == -EAGAIN) {
		struct pollfd p = { .fd = intake->fd, .events = POLLIN };
		const long long left = end - now_ms();

		if (left <= 0) {
			ksc_intake_cancel(intake);
			return -ETIMEDOUT;
		}
		poll(&p, 1, (int)left);
	}
	return rc;
}
