// SPDX-License-Identifier: GPL-2.0-only
/* Data that is verified on arrival, and threads that send and receive it. */
#include <netinet/tcp.h>
#include <stdlib.h>
#include <unistd.h>

#include "flow.h"

/**
 * flow_data() - data of which no two parts are alike
 * @seed: which, 0 to 3
 * Return: FLOW_MAX bytes
 */
const uint8_t *flow_data(uint64_t seed)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static uint8_t data[4][FLOW_MAX];
	static bool filled[4];

	/* the other end may want them at the same time */
	pthread_mutex_lock(&lock);
	if (!filled[seed])
		t_fill(data[seed], FLOW_MAX, seed + 1);
	filled[seed] = true;
	pthread_mutex_unlock(&lock);
	return data[seed];
}

static void flow_error(struct flow *flow, const char *what)
{
	snprintf(flow->error, sizeof(flow->error), "%s at byte %zu of %zu: %s", what, flow->done,
		 flow->len, strerror(errno));
}

static size_t flow_next(const struct flow *flow)
{
	size_t left = flow->len - flow->done;

	if (flow->pause_ms)
		usleep(flow->pause_ms * 1000);
	return flow->step && flow->step < left ? flow->step : left;
}

static void *send_all(void *arg)
{
	struct flow *flow = arg;

	while (flow->done < flow->len) {
		ssize_t n = send(flow->fd, flow->data + flow->done, flow_next(flow),
				 flow->flags | MSG_NOSIGNAL);

		if (n <= 0) {
			flow_error(flow, "send");
			break;
		}
		flow->done += (size_t)n;
	}
	return NULL;
}

static void *recv_all(void *arg)
{
	struct flow *flow = arg;
	uint8_t *buf = malloc(flow->step ? flow->step : flow->len);

	while (flow->done < flow->len) {
		ssize_t n = recv(flow->fd, buf, flow_next(flow), flow->flags);

		if (n <= 0) {
			flow_error(flow, n ? "recv" : "end of file");
			break;
		}
		if (memcmp(buf, flow->data + flow->done, (size_t)n) != 0) {
			errno = EILSEQ;
			flow_error(flow, "compare");
			break;
		}
		flow->done += (size_t)n;
	}
	free(buf);
	return NULL;
}

/**
 * flow_send() - start to send
 * @flow: what and how
 */
void flow_send(struct flow *flow)
{
	t_thread(&flow->thread, send_all, flow);
}

/**
 * flow_recv() - start to receive and compare
 * @flow: what and how
 */
void flow_recv(struct flow *flow)
{
	t_thread(&flow->thread, recv_all, flow);
}

/**
 * flow_join() - wait for the end and insist on success
 * @flow: the flow
 */
void flow_join(struct flow *flow)
{
	t_join(flow->thread);
	if (flow->error[0])
		fail_msg("%s", flow->error);
	assert_int_equal(flow->done, flow->len);
}

/**
 * flow_expect() - receive and compare, in the calling thread
 * @fd: the socket
 * @data: what has to arrive
 * @len: how much
 */
void flow_expect(int fd, const uint8_t *data, size_t len)
{
	struct flow flow = { .fd = fd, .data = data, .len = len };

	recv_all(&flow);
	if (flow.error[0])
		fail_msg("%s", flow.error);
}

/**
 * flow_pair() - two protected sockets, connected with each other
 * @fds: one made by IPPROTO_KSCHANNEL, and one accepted from a listener with TCP_ULP
 */
void flow_pair(int fds[2])
{
	const struct t_opts client = { .by_proto = true, .server_name = "server.test" };

	t_pair_opts(AF_INET, &client, &t_server, fds);
}

/**
 * flow_close() - close both
 * @fds: the sockets
 */
void flow_close(int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/**
 * flow_small_buffers() - make buffers so small that records don't fit in whole
 * @fds: two sockets
 * @size: of all their buffers
 */
void flow_small_buffers(int fds[2], int size)
{
	for (int i = 0; i < 2; i++) {
		SYS(setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
		SYS(setsockopt(fds[i], SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	}
}

/*
 * Is the peer's window shut? Nothing is on its way, and TCP has asked the peer for room: with
 * that it sends what goes into a window that is too small for more.
 */
static bool shut(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	SYS(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len));
	return !info.tcpi_unacked && info.tcpi_backoff;
}

/**
 * flow_fill() - send until the socket takes no more, and will not unless the peer reads
 * @fd: the socket
 * @data: FLOW_MAX bytes, which are sent repeatedly
 * Return: bytes sent
 */
size_t flow_fill(int fd, const uint8_t *data)
{
	size_t total = 0, at;
	int idle = 0;
	ssize_t n;

	/* what is on its way to the peer's buffer still makes room here, however late it is */
	while (idle < 5 || (idle < 100 && !shut(fd))) {
		at = total % FLOW_MAX;
		n = send(fd, data + at, FLOW_MAX - at, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0) {
			assert_int_equal(errno, EAGAIN);
			usleep(50 * 1000);
			idle++;
			continue;
		}
		total += (size_t)n;
		idle = 0;
	}
	return total;
}
