// SPDX-License-Identifier: GPL-2.0-only
/*
 * Preloaded into a program that does not use TLS: gives its TCP sockets the ULP before they connect
 * or listen. The policy decides what is protected, and how, unless the environment has settings.
 *
 * If a socket cannot be protected, the call fails with the errno; no connection is made without
 * protection.
 */
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/kschannel.h>

#include "common/util.h"
#include "preload/env.h"
#include "preload/names.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

#define EXPORT __attribute__((visibility("default")))

/**
 * struct config - settings in the environment
 * @error: errno if they are invalid; no socket may connect then
 * @policy: there are no settings, and the policy decides; only the looked-up name is set
 * @client: protect outgoing connections
 * @server: protect incoming connections
 * @server_name: server name, or NULL
 * @credential: name of a credential, or NULL
 * @alpn: ProtocolNameList
 * @alpn_len: its size in bytes, 0 without one
 * @verify: enum ksc_verify
 */
struct config {
	int error;
	bool policy;
	bool client;
	bool server;
	const char *server_name;
	const char *credential;
	uint8_t alpn[KSC_MAX_ALPN];
	int alpn_len;
	int verify;
};

/**
 * struct real - the C library's functions, which ours call
 * @connect: and so on
 */
struct real {
	__typeof__(connect) *connect;
	__typeof__(listen) *listen;
	__typeof__(accept) *accept;
	__typeof__(accept4) *accept4;
	__typeof__(sendto) *sendto;
	__typeof__(sendmsg) *sendmsg;
	__typeof__(sendmmsg) *sendmmsg;
	__typeof__(getaddrinfo) *getaddrinfo;
	__typeof__(gethostbyname) *gethostbyname;
	__typeof__(gethostbyname2) *gethostbyname2;
	__typeof__(gethostbyname_r) *gethostbyname_r;
	__typeof__(gethostbyname2_r) *gethostbyname2_r;
};

/* Shows that the library is loaded. */
EXPORT const char ksc_preload_mark = 1;

static struct config config;
static struct real real;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Copies, because the program can change its environment later. */
static const char *copy_env(const char *name, char *copy)
{
	const char *value = getenv(name);

	if (!value)
		return NULL;
	if (!value[0] || strlen(value) > KSC_MAX_NAME) {
		config.error = EINVAL;
		return NULL;
	}
	return memcpy(copy, value, strlen(value) + 1);
}

static void read_environment(void)
{
	static char server_name[KSC_MAX_NAME + 1], credential[KSC_MAX_NAME + 1];
	const char *role = getenv(KSC_ENV_ROLE);
	const char *alpn = getenv(KSC_ENV_ALPN);
	const char *verify = getenv(KSC_ENV_VERIFY);
	bool both = !role || !strcmp(role, "both");

	config.policy = !role && !alpn && !verify && !getenv(KSC_ENV_SERVER_NAME) &&
			!getenv(KSC_ENV_CREDENTIAL);
	config.client = both || !strcmp(role, "client");
	config.server = both || !strcmp(role, "server");
	if (!config.client && !config.server) {
		config.client = true;
		config.server = true;
		config.error = EINVAL;
	}
	config.server_name = copy_env(KSC_ENV_SERVER_NAME, server_name);
	config.credential = copy_env(KSC_ENV_CREDENTIAL, credential);
	if (alpn) {
		config.alpn_len = ksc_alpn_to_wire(alpn, config.alpn, sizeof(config.alpn));
		if (config.alpn_len < 0)
			config.error = EINVAL;
	}
	if (verify) {
		config.verify = ksc_verify_value(verify);
		if (config.verify < 0)
			config.error = EINVAL;
	}
}

#define FIND_REAL(name) (real.name = (__typeof__(real.name))dlsym(RTLD_NEXT, #name))

static void init_once(void)
{
	FIND_REAL(connect);
	FIND_REAL(listen);
	FIND_REAL(accept);
	FIND_REAL(accept4);
	FIND_REAL(sendto);
	FIND_REAL(sendmsg);
	FIND_REAL(sendmmsg);
	FIND_REAL(getaddrinfo);
	FIND_REAL(gethostbyname);
	FIND_REAL(gethostbyname2);
	FIND_REAL(gethostbyname_r);
	FIND_REAL(gethostbyname2_r);
	read_environment();
	names_init();
}

/* Another library's constructor may call us before our own has run. */
static __attribute__((constructor)) void init(void)
{
	pthread_once(&once, init_once);
}

static int get_int(int fd, int option)
{
	socklen_t len = sizeof(int);
	int value;

	return getsockopt(fd, SOL_SOCKET, option, &value, &len) ? -1 : value;
}

/* MPTCP cannot carry the ULP, so an attempt to protect it fails, as intended. */
static bool is_tcp(int fd)
{
	int saved = errno, domain, protocol;
	bool tcp;

	domain = get_int(fd, SO_DOMAIN);
	protocol = get_int(fd, SO_PROTOCOL);
	tcp = (domain == AF_INET || domain == AF_INET6) && get_int(fd, SO_TYPE) == SOCK_STREAM &&
	      (protocol == IPPROTO_TCP || protocol == IPPROTO_MPTCP);
	errno = saved;
	return tcp;
}

static bool is_protected(int fd)
{
	char name[16] = "";
	socklen_t len = sizeof(name) - 1;
	int saved = errno;
	bool found;

	found = !getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) && !strcmp(name, KSC_ULP_NAME);
	errno = saved;
	return found;
}

static int set_text(int fd, int option, const char *text)
{
	return text ? setsockopt(fd, SOL_KSCHANNEL, option, text, (socklen_t)strlen(text)) : 0;
}

static int set_int(int fd, int option, int value)
{
	return setsockopt(fd, SOL_KSCHANNEL, option, &value, sizeof(value));
}

/*
 * Whether connect() begins a connection. Otherwise it asks for the progress of one, which the
 * policy has left in plaintext.
 */
static bool is_fresh(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof(info);
	int saved = errno;
	bool fresh;

	fresh = getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) ||
		info.tcpi_state == TCP_CLOSE;
	errno = saved;
	return fresh;
}

/* Indexed by cookie: they are assigned in sequence, so later sockets replace earlier ones. */
static _Atomic uint64_t named[4096];

static _Atomic uint64_t *named_by_us(int fd, uint64_t *cookie)
{
	socklen_t len = sizeof(*cookie);

	*cookie = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_COOKIE, cookie, &len))
		*cookie = 0;
	return &named[*cookie % ARRAY_SIZE(named)];
}

static int give_name(int fd, const char *server_name)
{
	_Atomic uint64_t *slot;
	uint64_t cookie;

	if (set_text(fd, KSC_SERVER_NAME, server_name))
		return -1;
	slot = named_by_us(fd, &cookie);
	if (cookie)
		*slot = cookie;
	return 0;
}

/*
 * A socket that has the ULP by other means only lacks the name that was looked up. If a connection
 * failed after we had set the name, the next one may be for another name. A name that the
 * application has set takes precedence. Returns 0, or -1 if a name would be wrong.
 */
static int renew_name(int fd, const char *server_name)
{
	socklen_t len = KSC_MAX_NAME;
	char name[KSC_MAX_NAME + 1];
	_Atomic uint64_t *slot;
	uint64_t cookie;
	bool ours;

	if (!is_fresh(fd) || getsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, name, &len))
		return 0;
	name[len] = '\0';
	slot = named_by_us(fd, &cookie);
	ours = cookie && *slot == cookie;
	if (!server_name)
		server_name = "";
	if (!strcmp(name, server_name) || !(ours || (config.policy && !len)))
		return 0;
	return give_name(fd, server_name);
}

/* Returns 0 if the socket is protected, or needs no protection; else -1 and errno. */
static int protect(int fd, int role, const char *server_name)
{
	if (is_protected(fd))
		return role == KSC_ROLE_CLIENT && !config.server_name ?
		       renew_name(fd, server_name) : 0;
	if (!is_tcp(fd) || (role == KSC_ROLE_CLIENT && !is_fresh(fd)))
		return 0;
	if (config.error) {
		errno = config.error;
		return -1;
	}
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, sizeof(KSC_ULP_NAME)))
		return -1;
	if (set_int(fd, KSC_ROLE, role) || (server_name && give_name(fd, server_name)) ||
	    set_text(fd, KSC_CREDENTIAL, config.credential))
		return -1;
	/* last, because this can make the socket plaintext */
	if (config.policy)
		return set_int(fd, KSC_POLICY, 1);
	if (config.verify != KSC_VERIFY_DEFAULT && set_int(fd, KSC_VERIFY, config.verify))
		return -1;
	if (config.alpn_len &&
	    setsockopt(fd, SOL_KSCHANNEL, KSC_ALPN, config.alpn, (socklen_t)config.alpn_len))
		return -1;
	return 0;
}

/* Hides the mark, which a future kernel might interpret. False: no IPv4 or IPv6 address */
static bool without_mark(const struct sockaddr *sa, socklen_t len, struct sockaddr_storage *to)
{
	if (!sa || len < sizeof(sa->sa_family) || len > sizeof(*to) ||
	    (sa->sa_family != AF_INET && sa->sa_family != AF_INET6))
		return false;
	memcpy(to, sa, len);
	names_unmark((struct sockaddr *)to, len);
	return true;
}

EXPORT int connect(int fd, __CONST_SOCKADDR_ARG addr, socklen_t len)
{
	const struct sockaddr *sa = addr.__sockaddr__;
	struct sockaddr_storage unmarked;
	char names[KSC_MAX_NAME + 1];
	const char *server_name;
	int saved = errno;

	init();
	/* AF_UNSPEC disconnects; the kernel rejects an invalid address */
	if (!without_mark(sa, len, &unmarked))
		return real.connect(fd, addr, len);
	if (config.client) {
		server_name = config.server_name;
		if (!server_name && names_find(sa, len, names, sizeof(names)))
			server_name = names;
		if (protect(fd, KSC_ROLE_CLIENT, server_name))
			return -1;
	}
	errno = saved;
	return real.connect(fd, (const struct sockaddr *)&unmarked, len);
}

EXPORT int listen(int fd, int backlog)
{
	init();
	if (config.server && protect(fd, KSC_ROLE_SERVER, NULL))
		return -1;
	return real.listen(fd, backlog);
}

/*
 * The children of a listener that another process created for the program. Those of a protected
 * listener need nothing, even if the policy left them in plaintext.
 */
static int accepted(int listener, int fd)
{
	int error;

	if (fd < 0 || !config.server || is_protected(listener) ||
	    !protect(fd, KSC_ROLE_SERVER, NULL))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/*
 * Where a guard refuses accept() on listeners without the ULP, this option tells it that the
 * library will protect the connection. The listener itself does not know the option.
 */
static void announce(int listener)
{
	int saved = errno;

	if (config.server && !is_protected(listener))
		set_int(listener, KSC_POLICY, 1);
	errno = saved;
}

EXPORT int accept(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len)
{
	init();
	announce(fd);
	return accepted(fd, real.accept(fd, addr, len));
}

EXPORT int accept4(int fd, __SOCKADDR_ARG addr, socklen_t *restrict len, int flags)
{
	init();
	announce(fd);
	return accepted(fd, real.accept4(fd, addr, len, flags));
}

/*
 * MSG_FASTOPEN connects and sends data in the first segment, which cannot be protected. Programs
 * that use it can do without.
 */
static bool fast_open_refused(int fd, int flags)
{
	if (!(flags & MSG_FASTOPEN) || !config.client || !is_tcp(fd))
		return false;
	errno = EOPNOTSUPP;
	return true;
}

EXPORT ssize_t sendto(int fd, const void *buf, size_t size, int flags, __CONST_SOCKADDR_ARG addr,
		      socklen_t len)
{
	const struct sockaddr *sa = addr.__sockaddr__;
	struct sockaddr_storage unmarked;

	init();
	if (fast_open_refused(fd, flags))
		return -1;
	if ((flags & MSG_FASTOPEN) && without_mark(sa, len, &unmarked))
		sa = (const struct sockaddr *)&unmarked;
	return real.sendto(fd, buf, size, flags, sa, len);
}

EXPORT ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sockaddr_storage unmarked;
	struct msghdr copy;

	init();
	if (fast_open_refused(fd, flags))
		return -1;
	if (!(flags & MSG_FASTOPEN) || !msg ||
	    !without_mark(msg->msg_name, msg->msg_namelen, &unmarked))
		return real.sendmsg(fd, msg, flags);
	copy = *msg;
	copy.msg_name = &unmarked;
	return real.sendmsg(fd, &copy, flags);
}

EXPORT int sendmmsg(int fd, struct mmsghdr *msgs, unsigned int count, int flags)
{
	unsigned int i;

	init();
	if (!(flags & MSG_FASTOPEN))
		return real.sendmmsg(fd, msgs, count, flags);
	if (fast_open_refused(fd, flags))
		return -1;
	/* like the kernel: returns the number sent before a failure, and sends at most IOV_MAX */
	for (i = 0; i < count && i < IOV_MAX; i++) {
		ssize_t n = sendmsg(fd, &msgs[i].msg_hdr, flags);

		if (n < 0)
			return i ? (int)i : -1;
		msgs[i].msg_len = (unsigned int)n;
	}
	return (int)i;
}

EXPORT int getaddrinfo(const char *restrict node, const char *restrict service,
		       const struct addrinfo *restrict hints, struct addrinfo **restrict result)
{
	int ret;

	init();
	ret = real.getaddrinfo(node, service, hints, result);
	if (ret || !node)
		return ret;
	/* Functions for other kinds of sockets do not remove the mark, so those get none. */
	for (const struct addrinfo *ai = *result; ai; ai = ai->ai_next) {
		if (ai->ai_socktype == SOCK_STREAM)
			names_mark(node, ai->ai_addr);
		else
			names_remember(node, ai->ai_addr);
	}
	return 0;
}

static void remember_hostent(const char *name, const struct hostent *host)
{
	if (!host)
		return;
	for (size_t i = 0; host->h_addr_list[i]; i++) {
		struct sockaddr_in6 addr = { .sin6_family = (sa_family_t)host->h_addrtype };

		if (host->h_addrtype == AF_INET)
			memcpy(&((struct sockaddr_in *)&addr)->sin_addr, host->h_addr_list[i], 4);
		else if (host->h_addrtype == AF_INET6)
			memcpy(&addr.sin6_addr, host->h_addr_list[i], 16);
		names_remember(name, (const struct sockaddr *)&addr);
	}
}

EXPORT struct hostent *gethostbyname(const char *name)
{
	struct hostent *host;

	init();
	host = real.gethostbyname(name);
	remember_hostent(name, host);
	return host;
}

EXPORT struct hostent *gethostbyname2(const char *name, int af)
{
	struct hostent *host;

	init();
	host = real.gethostbyname2(name, af);
	remember_hostent(name, host);
	return host;
}

EXPORT int gethostbyname_r(const char *restrict name, struct hostent *restrict host,
			   char *restrict buf, size_t size, struct hostent **restrict result,
			   int *restrict error)
{
	int ret;

	init();
	ret = real.gethostbyname_r(name, host, buf, size, result, error);
	if (!ret)
		remember_hostent(name, *result);
	return ret;
}

EXPORT int gethostbyname2_r(const char *restrict name, int af, struct hostent *restrict host,
			    char *restrict buf, size_t size, struct hostent **restrict result,
			    int *restrict error)
{
	int ret;

	init();
	ret = real.gethostbyname2_r(name, af, host, buf, size, result, error);
	if (!ret)
		remember_hostent(name, *result);
	return ret;
}
