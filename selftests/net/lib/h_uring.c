// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_uring ADDRESS PORT [PROTOCOL]: asks a web server for its page over a socket that
 * io_uring has made, and prints what comes.
 * h_uring accept: has io_uring accept a connection of a listener that is descriptor 3, and
 * prints what comes.
 */
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LISTENER 3

static struct io_uring ring;

/* Waits for the one pending operation, and returns its result */
static int result(const char *what)
{
	struct io_uring_cqe *cqe;
	int n = io_uring_submit_and_wait(&ring, 1);

	if (n >= 0)
		n = io_uring_peek_cqe(&ring, &cqe);
	if (n >= 0) {
		n = cqe->res;
		io_uring_cqe_seen(&ring, cqe);
	}
	if (n < 0) {
		errno = -n;
		err(1, "%s", what);
	}
	return n;
}

static void print_all(int fd)
{
	char buf[512];
	int n;

	do {
		io_uring_prep_recv(io_uring_get_sqe(&ring), fd, buf, sizeof(buf), 0);
		n = result("recv");
		if (n && write(STDOUT_FILENO, buf, (size_t)n) != n)
			err(1, "write");
	} while (n);
}

static int make_connection(const char *host, const char *port, int protocol)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	struct addrinfo *at;
	int fd;

	if (getaddrinfo(host, port, &hints, &at))
		errx(2, "wrong usage");
	io_uring_prep_socket(io_uring_get_sqe(&ring), at->ai_family, SOCK_STREAM, protocol, 0);
	fd = result("socket");
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, at->ai_addr, at->ai_addrlen);
	result("connect");
	freeaddrinfo(at);
	return fd;
}

int main(int argc, char **argv)
{
	static const char request[] = "GET /page.html HTTP/1.0\r\n\r\n";
	const bool more = argc > 2;
	int fd, n;

	if (argc < 2 || argc > 4 || more == !strcmp(argv[1], "accept"))
		errx(2, "wrong usage");
	n = io_uring_queue_init(4, &ring, 0);
	if (n) {
		errno = -n;
		err(1, "io_uring");
	}
	if (argc == 2) {
		io_uring_prep_accept(io_uring_get_sqe(&ring), LISTENER, NULL, NULL, 0);
		fd = result("accept");
	} else {
		fd = make_connection(argv[1], argv[2], argc == 4 ? atoi(argv[3]) : 0);
		io_uring_prep_send(io_uring_get_sqe(&ring), fd, request, sizeof(request) - 1, 0);
		result("send");
	}
	print_all(fd);
	io_uring_queue_exit(&ring);
	return 0;
}
