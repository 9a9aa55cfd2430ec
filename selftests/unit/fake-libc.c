// SPDX-License-Identifier: GPL-2.0-only
/*
 * A shared library before the C library: names have the addresses that the test sets, sockets
 * are new TCP sockets, and calls are recorded.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "fake-libc.h"

struct fake fake;

/* The port, which no test is about, is of no interest. */
static socklen_t address_of(const char *text, struct sockaddr_storage *addr)
{
	struct sockaddr_in *in = (struct sockaddr_in *)addr;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)addr;

	memset(addr, 0, sizeof(*addr));
	if (inet_aton(text, &in->sin_addr)) {
		addr->ss_family = AF_INET;
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return 0;
	addr->ss_family = AF_INET6;
	return sizeof(*in6);
}

int getaddrinfo(const char *restrict node, const char *restrict service,
		const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	struct addrinfo *ai = calloc(1, sizeof(*ai) + sizeof(struct sockaddr_storage));
	char text[64];

	(void)service;
	if (!ai)
		return EAI_MEMORY;
	ai->ai_addr = (struct sockaddr *)(ai + 1);
	ai->ai_socktype = hints && hints->ai_socktype ? hints->ai_socktype : SOCK_STREAM;
	/* a zone is passed over */
	strncpy(text, node, sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	text[strcspn(text, "%")] = '\0';
	ai->ai_addrlen = address_of(text, (struct sockaddr_storage *)ai->ai_addr);
	if (!ai->ai_addrlen)
		ai->ai_addrlen = address_of(fake.answer, (struct sockaddr_storage *)ai->ai_addr);
	ai->ai_family = ai->ai_addr->sa_family;
	*result = ai;
	return 0;
}

void freeaddrinfo(struct addrinfo *ai)
{
	free(ai);
}

struct hostent *gethostbyname(const char *name)
{
	static struct in_addr addr;
	static char *list[2] = { (char *)&addr, NULL }, *none[1] = { NULL };
	static char host_name[5];
	static struct hostent host = { .h_name = host_name, .h_aliases = none, .h_length = 4,
				       .h_addrtype = AF_INET, .h_addr_list = list };

	memcpy(host_name, "host", sizeof(host_name));

	if (!inet_aton(name, &addr))
		inet_aton(fake.answer, &addr);
	return &host;
}

int getsockopt(int fd, int level, int option, void *restrict value, socklen_t *restrict len)
{
	(void)fd;
	if (level == SOL_SOCKET && option == SO_COOKIE) {
		memcpy(value, &fake.cookie, sizeof(fake.cookie));
	} else if (level == SOL_SOCKET) {
		*(int *)value = option == SO_DOMAIN ? AF_INET :
				option == SO_TYPE ? SOCK_STREAM : IPPROTO_TCP;
	} else if (level == IPPROTO_TCP && option == TCP_INFO) {
		memset(value, 0, *len);
		((struct tcp_info *)value)->tcpi_state = TCP_CLOSE;
	} else if (level == IPPROTO_TCP && option == TCP_ULP && fake.ulp) {
		memcpy(value, KSC_ULP_NAME, sizeof(KSC_ULP_NAME));
	} else if (level == SOL_KSCHANNEL && option == KSC_SERVER_NAME && fake.ulp) {
		*len = (socklen_t)strlen(fake.name);
		memcpy(value, fake.name, *len);
	} else {
		errno = ENOPROTOOPT;
		return -1;
	}
	return 0;
}

int setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	(void)fd;
	if (level == SOL_KSCHANNEL && option == KSC_SERVER_NAME) {
		if (len >= sizeof(fake.name)) {
			errno = ENAMETOOLONG;
			return -1;
		}
		memcpy(fake.name, value, len);
		fake.name[len] = '\0';
	}
	if (level == IPPROTO_TCP && option == TCP_ULP)
		fake.ulp = fake.stays;
	return 0;
}

static void connected(const struct sockaddr *addr, socklen_t len)
{
	memset(&fake.addr, 0, sizeof(fake.addr));
	memcpy(&fake.addr, addr, len);
	fake.len = len;
}

int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	(void)fd;
	connected(addr.__sockaddr__, len);
	return 0;
}

ssize_t sendto(int fd, const void *buf, size_t size, int flags, __CONST_SOCKADDR_ARG addr,
	       socklen_t len)
{
	(void)fd;
	(void)buf;
	(void)flags;
	connected(addr.__sockaddr__, len);
	return (ssize_t)size;
}

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	(void)fd;
	(void)flags;
	connected(msg->msg_name, msg->msg_namelen);
	return (ssize_t)msg->msg_iov->iov_len;
}

/* The last one counts. */
int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	for (unsigned int i = 0; i < count; i++)
		msgs[i].msg_len = (unsigned int)sendmsg(fd, &msgs[i].msg_hdr, flags);
	return (int)count;
}
