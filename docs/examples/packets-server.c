// SPDX-License-Identifier: GPL-2.0-only
/* Greets one client and echoes its data: packets-server PORT. */
#include <stdio.h>
#include <unistd.h>

#include "packets.h"

int main(int argc, char **argv)
{
	static struct session s = { .role = KSC_ROLE_SERVER };
	char buf[4096];
	ssize_t n;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: packets-server PORT\n");
		return 2;
	}
	fd = listen_once(argv[1]);
	/* sent at once: the client may receive it together with the last packet */
	if (fd < 0 || packets_handshake(&s, fd) || send_all(fd, "welcome\n", 8))
		return 1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (send_all(fd, buf, (size_t)n))
			return 1;
	close(fd);
	return n < 0;
}
