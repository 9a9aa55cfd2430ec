// SPDX-License-Identifier: GPL-2.0
/*
 * h_inherit listen PORT CMD ARG...: starts CMD with a listener as descriptor 3,
 * as socket activation does. h_inherit serve: echoes one connection of it.
 * h_inherit hand CMD ARG...: starts CMD with a socket that is nothing yet as descriptor 3.
 * h_inherit join PORT CMD ARG...: starts CMD with a connection as descriptor 3.
 * h_inherit connect PORT: connects what is there. h_inherit smc: makes sockets of SMC.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 3
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif

static struct sockaddr_in at(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
}

static _Noreturn void start(int fd, char **command)
{
	if (fd != LISTENER && dup2(fd, LISTENER) < 0)
		err(1, "dup2");
	execvp(command[0], command);
	err(127, "%s", command[0]);
}

static int serve(void)
{
	int fd = accept(LISTENER, NULL, NULL);
	char buf[256];
	ssize_t n;

	if (fd < 0)
		err(1, "accept");
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		if (write(fd, buf, (size_t)n) != n)
			err(1, "write");
	}
	return n ? 1 : 0;
}

static int make_listener(const char *port)
{
	struct sockaddr_in in = at(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1))
		err(1, "listen");
	return fd;
}

static int join(int fd, const char *port)
{
	struct sockaddr_in in = at(port);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		err(1, "connect");
	return fd;
}

/* Where there is none, each of them fails in its own way. */
static int make_smc(void)
{
	int a = socket(AF_SMC, SOCK_STREAM, 0);

	if (a < 0)
		warn("AF_SMC");
	if (socket(AF_INET, SOCK_STREAM, IPPROTO_SMC) < 0)
		err(1, "IPPROTO_SMC");
	return a < 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc == 2 && !strcmp(argv[1], "smc"))
		return make_smc();
	if (argc == 3 && !strcmp(argv[1], "connect"))
		return join(LISTENER, argv[2]) != LISTENER;
	if (argc >= 4 && !strcmp(argv[1], "join"))
		start(join(socket(AF_INET, SOCK_STREAM, 0), argv[2]), argv + 3);
	if (argc >= 3 && !strcmp(argv[1], "hand"))
		start(socket(AF_INET, SOCK_STREAM, 0), argv + 2);
	if (argc < 4 || strcmp(argv[1], "listen") != 0)
		errx(2, "wrong usage");
	start(make_listener(argv[2]), argv + 3);
}
