// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which files can be opened at all, where the kernel has Landlock: those that a reload may
 * need, for reading. The C library has no functions for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "landlock.h"
#include "log.h"

/*
 * The system's authorities and GnuTLS's own settings, where distributions have them, the
 * cgroups that rules name, and who is who. Of the latter, files: their directory has
 * passwords in it. When one of them is replaced, what was looked up before has to do.
 */
static const char *const known[] = {
	"/etc/ssl/certs", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ca-certificates",
	"/etc/pkcs11", "/etc/gnutls", "/etc/crypto-policies", "/usr", "/sys/fs/cgroup",
	"/etc/nsswitch.conf", "/etc/passwd", "/etc/group", "/etc/localtime",
};

/* All that there is to be forbidden, by the version of the kernel's interface. */
static uint64_t all_access(long version)
{
	if (version >= 5)
		return (UINT64_C(1) << 16) - 1;
	if (version >= 3)
		return (UINT64_C(1) << 15) - 1;
	return (UINT64_C(1) << (version == 2 ? 14 : 13)) - 1;
}

/* What is not there needs no rule. */
static int allow(int rules, const char *path)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = LANDLOCK_ACCESS_FS_READ_FILE };
	struct stat st;
	int rc = 0;

	attr.parent_fd = open(path, O_PATH | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return 0;
	if (!fstat(attr.parent_fd, &st) && S_ISDIR(st.st_mode))
		attr.allowed_access |= LANDLOCK_ACCESS_FS_READ_DIR;
	if (syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &attr, 0))
		rc = -errno;
	close(attr.parent_fd);
	return rc;
}

/* The whole directory, since files are renewed by putting others in their places. */
static int allow_beside(int rules, char *path)
{
	char *slash = strrchr(path, '/');

	if (!slash)
		return allow(rules, ".");
	slash[slash == path] = '\0';
	return allow(rules, path);
}

static int allow_file(int rules, const char *name)
{
	char path[PATH_MAX];
	int rc;

	if (strlen(name) >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, name, strlen(name) + 1);
	rc = allow_beside(rules, path);
	/* Where a link leads may be elsewhere. */
	if (!rc && realpath(name, path))
		rc = allow_beside(rules, path);
	return rc;
}

static int add_rules(int rules, const struct ksc_config *config)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < sizeof(known) / sizeof(known[0]); i++)
		rc = allow(rules, known[i]);
	for (i = 0; !rc && i < config->n_files; i++)
		rc = allow_file(rules, config->files[i]);
	return rc;
}

/**
 * ksc_landlock_seal() - have no file opened from now on but those that a reload may read
 * @config: says which these are
 *
 * Return: 1; 0 where the kernel has no Landlock; or a negative errno
 */
int ksc_landlock_seal(const struct ksc_config *config)
{
	struct landlock_ruleset_attr attr = { 0 };
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
			       LANDLOCK_CREATE_RULESET_VERSION);
	int rules, rc;

	if (version < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
	attr.handled_access_fs = all_access(version);
	rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	rc = add_rules(rules, config);
	if (!rc && syscall(SYS_landlock_restrict_self, rules, 0))
		rc = -errno;
	close(rules);
	return rc ? rc : 1;
}
