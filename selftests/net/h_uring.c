// SPDX-License-Identifier: GPL-2.0
/*
 * h_uring ADDRESS PORT: asks a web server for its page over a socket that io_uring has
 * made, and prints what comes.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct io_uring ring;

/* The result of the one operation under way */
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

int main(int argc, char **argv)
{
	static const char request[] = "GET /page.html HTTP/1.0\r\n\r\n";
	struct sockaddr_in in = { .sin_family = AF_INET };
	char buf[512];
	int fd, n;

	if (argc != 3 || inet_pton(AF_INET, argv[1], &in.sin_addr) != 1)
		errx(2, "wrong usage");
	in.sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10));
	n = io_uring_queue_init(4, &ring, 0);
	if (n) {
		errno = -n;
		err(1, "io_uring");
	}
	io_uring_prep_socket(io_uring_get_sqe(&ring), AF_INET, SOCK_STREAM, 0, 0);
	fd = result("socket");
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, (struct sockaddr *)&in, sizeof(in));
	result("connect");
	io_uring_prep_send(io_uring_get_sqe(&ring), fd, request, sizeof(request) - 1, 0);
	result("send");
	do {
		io_uring_prep_recv(io_uring_get_sqe(&ring), fd, buf, sizeof(buf), 0);
		n = result("recv");
		if (n && write(STDOUT_FILENO, buf, (size_t)n) != n)
			err(1, "write");
	} while (n);
	io_uring_queue_exit(&ring);
	return 0;
}
