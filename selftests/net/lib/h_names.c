// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_names [-t] PORT NAME...: looks all names up, then connects to the address of the first,
 * and fetches a page. With -t it converts the address to text and back in between.
 */
#include <err.h>
#include <netdb.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct addrinfo *look_up(const char *name, const char *port)
{
	const struct addrinfo hints = { .ai_family = AF_INET, .ai_socktype = SOCK_STREAM };
	struct addrinfo *ai;
	int rc = getaddrinfo(name, port, &hints, &ai);

	if (rc)
		errx(1, "%s: %s", name, gai_strerror(rc));
	return ai;
}

static int fetch(const struct addrinfo *ai)
{
	static const char request[] = "GET /page.html HTTP/1.0\r\n\r\n";
	int fd = socket(ai->ai_family, ai->ai_socktype, ai->ai_protocol);
	char buf[4096];
	ssize_t n;

	if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen))
		err(1, "connect");
	if (write(fd, request, strlen(request)) != (ssize_t)strlen(request))
		err(1, "write");
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (write(STDOUT_FILENO, buf, (size_t)n) != n)
			err(1, "write");
	if (n)
		err(1, "read");
	return 0;
}

int main(int argc, char **argv)
{
	int text = argc > 1 && !strcmp(argv[1], "-t");
	char **names = argv + 2 + text, host[NI_MAXHOST];
	const char *port = argv[1 + text];
	struct addrinfo *first;

	if (argc < 3 + text)
		errx(2, "wrong usage");
	first = look_up(*names, port);
	while (*++names)
		look_up(*names, port);
	if (text) {
		if (getnameinfo(first->ai_addr, first->ai_addrlen, host, sizeof(host), NULL, 0,
				NI_NUMERICHOST))
			errx(1, "getnameinfo");
		first = look_up(host, port);
	}
	return fetch(first);
}
