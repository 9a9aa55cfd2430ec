/* SPDX-License-Identifier: GPL-2.0-only */
/* stall.c: a thread that stays in the kernel with a socket's lock. */
#ifndef KSC_TEST_STALL_H
#define KSC_TEST_STALL_H

#include <pthread.h>

/**
 * struct stall - the thread that has a socket's lock
 * @fd: the socket
 * @uffd: reports the fault that the thread waits in
 * @page: memory that is not mapped in
 * @thread: the thread
 * @error: errno of its call
 */
struct stall {
	int fd;
	int uffd;
	void *page;
	pthread_t thread;
	int error;
};

void stall_needed(void);
void stall_begin(struct stall *s, int fd);
void stall_send(struct stall *s, int fd);
void stall_end(struct stall *s);

#endif
