// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_inherit listen PORT CMD ARG...: starts CMD with a listener as descriptor 3,
 * as socket activation does. h_inherit serve: echoes one connection of it.
 * h_inherit hand CMD ARG...: starts CMD with a socket that is nothing yet as descriptor 3.
 * h_inherit join PORT CMD ARG...: starts CMD with a connection as descriptor 3.
 * h_inherit pass PORT CMD ARG...: starts CMD with a UNIX socket as descriptor 3, from which
 * h_inherit take CMD ARG... gets a listener, and has it there instead.
 * h_inherit connect PORT: connects what is there. h_inherit listen-there PORT: has it listen,
 * and is done. h_inherit smc: makes sockets of SMC.
 * h_inherit smc-listen: listens at one; the status is 77 where there are none.
 * A protocol's number before any of them is that of the TCP sockets it makes.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LISTENER 3
#ifndef IPPROTO_SMC
#define IPPROTO_SMC 256
#endif

static int protocol;

static struct sockaddr_in at(const char *port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET,
				     .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
}

static int make_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, protocol);

	if (fd < 0)
		err(1, "socket");
	return fd;
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
	if (n < 0)
		err(1, "read");
	return 0;
}

static int listen_at(int fd, const char *port)
{
	struct sockaddr_in in = at(port);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1))
		err(1, "listen");
	return fd;
}

static int make_listener(const char *port)
{
	return listen_at(make_socket(), port);
}

static int join(int fd, const char *port)
{
	struct sockaddr_in in = at(port);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (connect(fd, (struct sockaddr *)&in, sizeof(in)))
		err(1, "connect");
	return fd;
}

/* What SCM_RIGHTS carries, with its byte */
struct parcel {
	union {
		struct cmsghdr header;
		char control[CMSG_SPACE(sizeof(int))];
	};
	struct iovec iov;
	struct msghdr msg;
	char byte;
};

static void wrap(struct parcel *p)
{
	*p = (struct parcel){
		.header = {
			.cmsg_len = CMSG_LEN(sizeof(int)),
			.cmsg_level = SOL_SOCKET,
			.cmsg_type = SCM_RIGHTS,
		},
	};
	p->iov = (struct iovec){ &p->byte, 1 };
	p->msg = (struct msghdr){
		.msg_iov = &p->iov,
		.msg_iovlen = 1,
		.msg_control = p->control,
		.msg_controllen = sizeof(p->control),
	};
}

/* Returns the command's status. */
static int pass(int fd, char **command)
{
	struct parcel p;
	int ends[2], status;
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		err(1, "socketpair");
	pid = fork();
	if (!pid) {
		close(fd);
		close(ends[0]);
		start(ends[1], command);
	}
	close(ends[1]);
	wrap(&p);
	memcpy(CMSG_DATA(&p.header), &fd, sizeof(fd));
	if (pid < 0 || sendmsg(ends[0], &p.msg, 0) != 1)
		err(1, "sendmsg");
	close(fd);
	if (waitpid(pid, &status, 0) != pid)
		err(1, "waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int take(void)
{
	struct parcel p;
	int fd;

	wrap(&p);
	if (recvmsg(LISTENER, &p.msg, 0) != 1 || !p.msg.msg_controllen)
		err(1, "recvmsg");
	memcpy(&fd, CMSG_DATA(&p.header), sizeof(fd));
	return fd;
}

static int listen_by_smc(void)
{
	int fd = socket(AF_SMC, SOCK_STREAM, 0);

	if (fd < 0 && errno == EAFNOSUPPORT)
		return 77;
	if (fd < 0 || listen(fd, 1))
		err(1, "SMC");
	return 0;
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
	if (argc > 1 && isdigit((unsigned char)argv[1][0])) {
		protocol = (int)strtol(argv[1], NULL, 10);
		argv++;
		argc--;
	}
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc == 2 && !strcmp(argv[1], "smc"))
		return make_smc();
	if (argc == 2 && !strcmp(argv[1], "smc-listen"))
		return listen_by_smc();
	if (argc == 3 && !strcmp(argv[1], "connect"))
		return join(LISTENER, argv[2]) != LISTENER;
	if (argc == 3 && !strcmp(argv[1], "listen-there"))
		return listen_at(LISTENER, argv[2]) != LISTENER;
	if (argc >= 4 && !strcmp(argv[1], "join"))
		start(join(make_socket(), argv[2]), argv + 3);
	if (argc >= 4 && !strcmp(argv[1], "pass"))
		return pass(make_listener(argv[2]), argv + 3);
	if (argc >= 3 && !strcmp(argv[1], "take"))
		start(take(), argv + 2);
	if (argc >= 3 && !strcmp(argv[1], "hand"))
		start(make_socket(), argv + 2);
	if (argc < 4 || strcmp(argv[1], "listen") != 0)
		errx(2, "wrong usage");
	start(make_listener(argv[2]), argv + 3);
}
