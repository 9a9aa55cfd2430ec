// SPDX-License-Identifier: GPL-2.0-only
/*
 * A statically linked server that gives back what it gets, and a client of it that
 * says whether that is so: "static serve PORT", "static ask PORT BYTES", by 127.0.0.1.
 * "static inherit" serves the listener that it is started with, as descriptor 3; "static
 * uring PORT" one whose socket io_uring has made.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CHUNK 4096
#define LISTENER 3

static struct sockaddr_in at(const char *port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((in_port_t)strtoul(port, NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

static int open_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

static void *map(int ring, size_t size, off_t what)
{
	void *area = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring, what);

	if (area == MAP_FAILED)
		err(1, "mmap");
	return area;
}

/* By one operation, without a library that would have to be static, too */
static int open_by_uring(void)
{
	struct io_uring_params params = { 0 };
	int ring = (int)syscall(SYS_io_uring_setup, 1, &params);
	struct io_uring_sqe *entries;
	struct io_uring_cqe *done;
	char *submitted, *completed;

	if (ring < 0)
		err(1, "io_uring");
	submitted = map(ring, params.sq_off.array + sizeof(unsigned int), IORING_OFF_SQ_RING);
	completed = map(ring, params.cq_off.cqes + sizeof(*done), IORING_OFF_CQ_RING);
	entries = map(ring, sizeof(*entries), IORING_OFF_SQES);
	entries[0] = (struct io_uring_sqe){
		.opcode = IORING_OP_SOCKET,
		.fd = AF_INET,
		.off = SOCK_STREAM,
	};
	*(unsigned int *)(submitted + params.sq_off.array) = 0;
	atomic_store((_Atomic unsigned int *)(submitted + params.sq_off.tail), 1);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) != 1)
		err(1, "io_uring_enter");
	done = (struct io_uring_cqe *)(completed + params.cq_off.cqes);
	if (done->res < 0) {
		errno = -done->res;
		err(1, "socket by io_uring");
	}
	return done->res;
}

static void send_all(int fd, const char *data, size_t len)
{
	while (len) {
		ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);

		if (sent < 0)
			err(1, "send");
		data += sent;
		len -= (size_t)sent;
	}
}

static void echo(int fd)
{
	char data[CHUNK];
	ssize_t len;

	while ((len = recv(fd, data, sizeof(data), 0)) > 0)
		send_all(fd, data, (size_t)len);
	if (len < 0)
		warn("recv");
	close(fd);
}

static int serve_all(int fd)
{
	for (;;) {
		int client = accept(fd, NULL, NULL);

		if (client < 0)
			err(1, "accept");
		echo(client);
	}
}

static int serve(int fd, const char *port)
{
	struct sockaddr_in addr = at(port);

	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 16))
		err(1, "port %s", port);
	return serve_all(fd);
}

static int ask(const char *port, size_t count)
{
	static const char text[] = "This sentence is not for everybody. ";
	char sent[CHUNK], got[CHUNK];
	struct sockaddr_in addr = at(port);
	int fd = open_socket();

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "connect");
	for (size_t i = 0; i < sizeof(sent); i++)
		sent[i] = text[i % (sizeof(text) - 1)];
	for (; count >= sizeof(sent); count -= sizeof(sent)) {
		send_all(fd, sent, sizeof(sent));
		if (recv(fd, got, sizeof(got), MSG_WAITALL) != sizeof(got) ||
		    memcmp(sent, got, sizeof(got)) != 0)
			errx(1, "something else came back");
	}
	puts("came back");
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(open_socket(), argv[2]);
	if (argc == 3 && !strcmp(argv[1], "uring"))
		return serve(open_by_uring(), argv[2]);
	if (argc == 2 && !strcmp(argv[1], "inherit"))
		return serve_all(LISTENER);
	if (argc == 4 && !strcmp(argv[1], "ask"))
		return ask(argv[2], strtoul(argv[3], NULL, 10));
	errx(64, "serve PORT, uring PORT, inherit, or ask PORT BYTES");
}
