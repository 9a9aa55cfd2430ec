// SPDX-License-Identifier: GPL-2.0-only
/*
 * For LD_PRELOAD: a program that asks for in-tree kTLS gets kschannel's raw mode, and that is
 * counted. For tests only.
 */
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/kschannel.h>

__attribute__((visibility("default"))) unsigned int library_asked;

__attribute__((visibility("default"))) int setsockopt(int fd, int level, int name,
						      const void *value, socklen_t len)
{
	static int (*next)(int fd, int level, int name, const void *value, socklen_t len);

	if (!next)
		*(void **)&next = dlsym(RTLD_NEXT, "setsockopt");
	if (level == IPPROTO_TCP && name == TCP_ULP && len >= 3 && !memcmp(value, "tls", 3) &&
	    (len == 3 || !((const char *)value)[3])) {
		library_asked++;
		value = KSC_RAW_ULP_NAME;
		len = sizeof(KSC_RAW_ULP_NAME);
	}
	return next(fd, level, name, value, len);
}
