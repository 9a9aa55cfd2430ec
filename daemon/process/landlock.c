// SPDX-License-Identifier: GPL-2.0-only
/*
 * Restricts which files can be opened, and how, if the kernel has Landlock. The C library has no
 * functions for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/util.h"
#include "process/landlock.h"

/*
 * The system's certificate authorities and GnuTLS's settings in the places of distributions. GnuTLS
 * opens these itself; the reader process opens all files that the configuration names.
 */
static const char *const known[] = {
	"/etc/ssl/certs", "/etc/pki/ca-trust", "/etc/pki/tls/certs", "/etc/ca-certificates",
	"/var/lib/ca-certificates", "/etc/pkcs11", "/etc/gnutls", "/etc/crypto-policies", "/usr",
};

/* Returns all access rights that this version of the interface can restrict. */
static uint64_t all_access(long version)
{
	if (version >= 5)
		return (UINT64_C(1) << 16) - 1;
	if (version >= 3)
		return (UINT64_C(1) << 15) - 1;
	return (UINT64_C(1) << (version == 2 ? 14 : 13)) - 1;
}

/* A path that does not exist needs no rule. */
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

/* Denies all of @access except what the rules allow that @add makes; @add can be NULL. */
static int restrict_to(uint64_t access, int (*add)(int rules))
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = access };
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0), rc;

	if (rules < 0)
		return -errno;
	rc = add ? add(rules) : 0;
	if (!rc && syscall(SYS_landlock_restrict_self, rules, 0))
		rc = -errno;
	close(rules);
	return rc;
}

/* Returns the version of the interface; 0 without Landlock; or a negative errno. */
static long find_version(void)
{
	const long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
				     LANDLOCK_CREATE_RULESET_VERSION);

	if (version >= 0)
		return version;
	return errno == ENOSYS || errno == EOPNOTSUPP ? 0 : -errno;
}

static int allow_known(int rules)
{
	size_t i;
	int rc = 0;

	for (i = 0; !rc && i < ARRAY_SIZE(known); i++)
		rc = allow(rules, known[i]);
	return rc;
}

/**
 * ksc_landlock_seal() - permit only the files of the system's authorities from now on
 *
 * Return: 0, also where the kernel has no Landlock; or a negative errno
 */
int ksc_landlock_seal(void)
{
	const long version = find_version();

	return version > 0 ? restrict_to(all_access(version), allow_known) : (int)version;
}

/**
 * ksc_landlock_read_only() - deny writing, creating and executing files from now on
 *
 * Return: 0, also where the kernel has no Landlock; or a negative errno
 */
int ksc_landlock_read_only(void)
{
	const uint64_t reading = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	const long version = find_version();

	return version > 0 ? restrict_to(all_access(version) & ~reading, NULL) : (int)version;
}
