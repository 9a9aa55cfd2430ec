// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that stays in the kernel with a socket's lock: its buffer is not mapped, and the
 * page fault is not resolved.
 */
#include <fcntl.h>
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net.h"
#include "stall.h"

/* Bytes that a sender has */
#define STALL_SENT 100

static uint8_t page[4096] __attribute__((aligned(4096)));

static void *attach(void *arg)
{
	struct stall *s = arg;
	const struct sock_fprog prog = { .len = 1, .filter = s->page };

	if (setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)))
		s->error = errno;
	return NULL;
}

static void *send_it(void *arg)
{
	struct stall *s = arg;
	ssize_t n = send(s->fd, s->page, STALL_SENT, MSG_NOSIGNAL);

	if (n != STALL_SENT)
		s->error = n < 0 ? errno : EMSGSIZE;
	return NULL;
}

/**
 * stall_needed() - skip the test if userfaultfd is not available
 */
void stall_needed(void)
{
	int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);

	if (fd < 0 && errno == ENOSYS) {
		print_message("no userfaultfd\n");
		skip();
	}
	SYS(fd);
	close(fd);
}

static void start(struct stall *s, int fd, void *(*call)(void *))
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };
	struct uffd_msg msg;

	*s = (struct stall){ .fd = fd };
	s->page = mmap(NULL, sizeof(page), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		       -1, 0);
	assert_true(s->page != MAP_FAILED);
	s->uffd = (int)SYS(syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
	SYS(ioctl(s->uffd, UFFDIO_API, &api));
	reg.range.start = (uintptr_t)s->page;
	reg.range.len = sizeof(page);
	SYS(ioctl(s->uffd, UFFDIO_REGISTER, &reg));
	t_thread(&s->thread, call, s);
	t_wait(s->uffd, POLLIN);
	assert_int_equal(SYS(read(s->uffd, &msg, sizeof(msg))), sizeof(msg));
	assert_int_equal(msg.event, UFFD_EVENT_PAGEFAULT);
}

/**
 * stall_begin() - make a thread take a socket's lock, and keep it
 * @s: filled in
 * @fd: the socket
 *
 * The thread holds the lock when this returns.
 */
void stall_begin(struct stall *s, int fd)
{
	start(s, fd, attach);
}

/**
 * stall_send() - the same by a sender whose data can't be read
 * @s: filled in
 * @fd: the socket
 */
void stall_send(struct stall *s, int fd)
{
	start(s, fd, send_it);
}

/**
 * stall_end() - make the thread release the lock, and check that its call succeeds
 * @s: of stall_begin() or stall_send()
 */
void stall_end(struct stall *s)
{
	/* a filter that lets everything pass, or any data */
	const struct sock_filter all = BPF_STMT(BPF_RET | BPF_K, 0xffff);
	struct uffdio_copy copy = {
		.dst = (uintptr_t)s->page,
		.src = (uintptr_t)page,
		.len = sizeof(page),
	};

	memcpy(page, &all, sizeof(all));
	SYS(ioctl(s->uffd, UFFDIO_COPY, &copy));
	t_join(s->thread);
	assert_int_equal(s->error, 0);
	munmap(s->page, sizeof(page));
	close(s->uffd);
}
