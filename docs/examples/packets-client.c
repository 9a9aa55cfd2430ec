// SPDX-License-Identifier: GPL-2.0-only
/* Sends stdin and prints the reply: packets-client HOST PORT NAME. */
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "packets.h"

int main(int argc, char **argv)
{
	static struct session s = { .role = KSC_ROLE_CLIENT };
	char buf[4096];
	ssize_t n;
	int fd;

	if (argc != 4) {
		fprintf(stderr, "usage: packets-client HOST PORT NAME\n");
		return 2;
	}
	s.target = argv[3];
	fd = connect_to(argv[1], argv[2]);
	if (fd < 0 || packets_handshake(&s, fd))
		return 1;
	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0)
		if (send_all(fd, buf, (size_t)n))
			return 1;
	shutdown(fd, SHUT_WR);
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n < 0;
}
