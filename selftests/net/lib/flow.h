/* SPDX-License-Identifier: GPL-2.0-only */
/* Data that is verified on arrival, and threads that send and receive it. */
#ifndef KSC_TEST_FLOW_H
#define KSC_TEST_FLOW_H

#include "net.h"

/* How much data there is to choose from. */
#define FLOW_MAX (1 << 20)

/**
 * struct flow - one end of a transfer, in a thread of its own
 * @fd: the socket
 * @data: what is to be sent, or has to arrive
 * @len: how much of it
 * @step: at most this much in one call; 0: all at once
 * @pause_ms: between calls
 * @flags: for send() or recv()
 * @done: how much was sent or received
 * @error: the error, or empty
 * @thread: the thread
 */
struct flow {
	int fd;
	const uint8_t *data;
	size_t len;
	size_t step;
	unsigned int pause_ms;
	int flags;
	size_t done;
	char error[128];
	pthread_t thread;
};

const uint8_t *flow_data(uint64_t seed);

void flow_send(struct flow *flow);
void flow_recv(struct flow *flow);
void flow_join(struct flow *flow);
void flow_expect(int fd, const uint8_t *data, size_t len);

void flow_pair(int fds[2]);
void flow_close(int fds[2]);
void flow_small_buffers(int fds[2], int size);
size_t flow_fill(int fd, const uint8_t *data);

#endif /* KSC_TEST_FLOW_H */
