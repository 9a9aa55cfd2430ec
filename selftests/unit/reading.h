/* SPDX-License-Identifier: GPL-2.0-only */
/* reading.c: a reader of a test's, the daemon's end of it, and the files that it reads. */
#ifndef KSC_TEST_READING_H
#define KSC_TEST_READING_H

#include <errno.h>
#include <sys/types.h>

#include "reload/intake.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS
#define SERVER	"[credential server]\nrole = server\n"
#define CERT	"cert = " CERTS "/server.pem\nkey = " CERTS "/server.key\n"

/* More than any answer takes, in ms */
#define LONG_MS		20000

/* In a child, which has no other way to end its test */
#define REQUIRE(x)	do { if (!(x)) return __LINE__ % 250 + 1; } while (0)
#define FAILS(call, error)	REQUIRE((call) < 0 && errno == (error))

/* The directory, the configuration and a key in it */
#define READING_DIR	32
#define READING_PATH	64

extern char dir[READING_DIR];
extern char conf[READING_PATH];
extern char key[READING_PATH];

/**
 * struct rig - a reader, and a daemon's end of it
 * @pid: the reader
 * @fd: leads to it
 * @intake: the daemon's end
 */
struct rig {
	pid_t pid;
	int fd;
	struct ksc_intake *intake;
};

void write_file(const char *path, const char *text);
void replace_file(const char *path, const char *text);
void copy_file(const char *from, const char *to);
int make_dir(void **state);
int remove_dir(void **state);
void start(struct rig *rig);
int end_of(pid_t pid);
void stop(struct rig *rig);
char *complaints(struct ksc_intake *intake);

#endif
