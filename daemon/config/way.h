/* SPDX-License-Identifier: GPL-2.0-only */
/* way.c: finds the directories above a file. */
#ifndef KSC_WAY_H
#define KSC_WAY_H

#include <sys/stat.h>

#include "engine/file.h"

/* The extended attribute of an access ACL. */
#define KSC_FILE_ACL	"system.posix_acl_access"

int ksc_way_find(struct ksc_way *way, int fd, const char *path, const struct stat *st);

#endif
