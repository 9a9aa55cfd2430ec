// SPDX-License-Identifier: GPL-2.0-only
/* fetch NAME ADDRESS PORT: gets a page from a TLS server, without a TLS library. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/kschannel.h>

int main(int argc, char **argv)
{
	struct sockaddr_in to = { .sin_family = AF_INET };
	struct ksc_error why = { 0 };
	char buf[4096];
	ssize_t n;
	int fd;

	if (argc != 4 || inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	to.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));

	fd = socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL);
	setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, argv[1], (socklen_t)strlen(argv[1]));
	if (connect(fd, (struct sockaddr *)&to, sizeof(to))) {
		perror("connect");
		getsockopt(fd, SOL_KSCHANNEL, KSC_ERROR, &why, &(socklen_t){ sizeof(why) });
		fprintf(stderr, "%s\n", why.text);
		return 1;
	}
	dprintf(fd, "GET / HTTP/1.0\r\n\r\n");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, stdout);
	return n < 0;
}
