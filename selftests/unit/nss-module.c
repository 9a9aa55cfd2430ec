// SPDX-License-Identifier: GPL-2.0-only
/*
 * A service for accounts as directories have them: a module of the C library, which asks a
 * process over a socket. It has the name of one that is rarely used.
 */
#include <errno.h>
#include <nss.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum nss_status _nss_hesiod_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
				       int *error);

static int ask(const char *name, uid_t *uid)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = getenv("KSC_TEST_ACCOUNTS");
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = -1;

	if (fd < 0 || !path)
		return -1;
	strncpy(address.sun_path, path, sizeof(address.sun_path) - 1);
	if (!connect(fd, (struct sockaddr *)&address, sizeof(address)) &&
	    write(fd, name, strlen(name) + 1) > 0 &&
	    read(fd, uid, sizeof(*uid)) == sizeof(*uid))
		rc = 0;
	close(fd);
	return rc;
}

enum nss_status _nss_hesiod_getpwnam_r(const char *name, struct passwd *pw, char *buf, size_t size,
				       int *error)
{
	uid_t uid;

	if (size < strlen(name) + 1) {
		*error = ERANGE;
		return NSS_STATUS_TRYAGAIN;
	}
	if (ask(name, &uid)) {
		*error = errno;
		return NSS_STATUS_UNAVAIL;
	}
	strcpy(buf, name);
	*pw = (struct passwd) {
		.pw_name = buf, .pw_uid = uid, .pw_gid = uid,
		.pw_passwd = "x", .pw_gecos = "", .pw_dir = "/", .pw_shell = "/bin/false",
	};
	return NSS_STATUS_SUCCESS;
}
