// SPDX-License-Identifier: GPL-2.0
/*
 * h_inherit listen PORT CMD ARG...: starts CMD with a listener as descriptor 3,
 * as socket activation does. h_inherit serve: echoes one connection of it.
 */
#include <arpa/inet.h>
#include <err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER 3

static void start(const char *port, char **command)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (bind(fd, (struct sockaddr *)&in, sizeof(in)) || listen(fd, 1))
		err(1, "listen");
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

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "serve"))
		return serve();
	if (argc < 4 || strcmp(argv[1], "listen") != 0)
		errx(2, "wrong usage");
	start(argv[2], argv + 3);
}
