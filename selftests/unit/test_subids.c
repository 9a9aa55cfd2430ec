// SPDX-License-Identifier: GPL-2.0-only
/*
 * subids.c: the user that subordinate IDs of containers count for; and the reader, which
 * passes the file on.
 */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "config/subids.h"
#include "process/log.h"
#include "reload/intake.h"
#include "reload/loader.h"
#include "reload/reader.h"
#include "side.h"

#define LONG_MS	20000

#define PATH	"/tmp/ksc-subids"

static void write_file(const char *name, const char *text, size_t len)
{
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* Loads it; what was logged. */
static const char *load(struct ksc_subids *subids, const char *text, size_t len)
{
	static char log[4096];
	int fds[2];
	ssize_t n;

	write_file(PATH, text, len);
	assert_int_equal(pipe(fds), 0);
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_WARNING);
	assert_int_equal(ksc_subids_load(subids, PATH), 0);
	ksc_log_open(STDERR_FILENO);
	assert_int_equal(fcntl(fds[0], F_SETFL, O_NONBLOCK), 0);
	n = read(fds[0], log, sizeof(log) - 1);
	log[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	close(fds[1]);
	unlink(PATH);
	return log;
}

static void ranges(void **state)
{
	static const char text[] = "1000:100000:65536\n"
				   "\n# a comment\n"
				   "root:200000:1\n"
				   "1001:150000:100000\n"
				   "nobodyknowsit:300000:65536\n"
				   "1002:4294967294:1";
	struct ksc_subids subids;

	(void)state;
	assert_string_equal(load(&subids, text, strlen(text)), "");
	assert_int_equal(subids.n, 5);
	assert_int_equal(ksc_subids_owner(&subids, 0), 0);
	assert_int_equal(ksc_subids_owner(&subids, 1000), 1000);
	assert_int_equal(ksc_subids_owner(&subids, 99999), 99999);
	assert_int_equal(ksc_subids_owner(&subids, 100000), 1000);
	assert_int_equal(ksc_subids_owner(&subids, 165535), 1000);
	assert_int_equal(ksc_subids_owner(&subids, 165536), 1001);
	assert_int_equal(ksc_subids_owner(&subids, 200000), 0);
	assert_int_equal(ksc_subids_owner(&subids, 200001), 1001);
	assert_int_equal(ksc_subids_owner(&subids, 249999), 1001);
	assert_int_equal(ksc_subids_owner(&subids, 250000), 250000);
	/* an account that was deleted leaves its range behind, and perhaps its containers */
	assert_int_equal(ksc_subids_owner(&subids, 300000), 300000);
	assert_int_equal(ksc_subids_owner(&subids, 300001), 300000);
	assert_int_equal(ksc_subids_owner(&subids, 365535), 300000);
	assert_int_equal(ksc_subids_owner(&subids, 365536), 365536);
	assert_int_equal(ksc_subids_owner(&subids, 4294967294U), 1002);
	assert_int_equal(ksc_subids_owner(&subids, UINT32_MAX), UINT32_MAX);
	ksc_subids_free(&subids);
}

#define NOT	"expected OWNER:START:COUNT"
#define START	"the start is not a number above 0"
#define COUNT	"the count is out of range"
#define TOO_LONG ":1: the line is too long or has a NUL in it\n"

static void malformed(void **state)
{
	static const struct {
		const char *line;
		const char *why;
	} cases[] = {
		{ "x", NOT }, { "x:1", NOT }, { "x:1:2:3", NOT }, { "1000:1:2:", NOT },
		{ ":100000:1", "the owner is missing" },
		{ "1000::1", START }, { "1000:0:65536", START }, { "1000:-1:5", START },
		{ "1000:+1:5", START }, { "1000: 1:5", START }, { "1000:0x10:5", START },
		{ "1000:4294967295:1", START }, { "1000:4294967296:1", START },
		{ "1000:5:", COUNT }, { "1000:5:0", COUNT }, { "1000:5:x", COUNT },
		{ "1000:5:1 ", COUNT }, { "1000:5:1\r", COUNT },
		{ "1000:1:4294967295", COUNT }, { "1000:2147483648:2147483648", COUNT },
	};
	struct ksc_subids subids;
	char text[256], wanted[256], line[700];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		snprintf(text, sizeof(text), "1001:7:1\n%s\n1002:8:1\n", cases[i].line);
		snprintf(wanted, sizeof(wanted), PATH ":2: %s\n", cases[i].why);
		assert_string_equal(load(&subids, text, strlen(text)), wanted);
		/* the other lines are still valid */
		assert_int_equal(subids.n, 2);
		assert_int_equal(ksc_subids_owner(&subids, 8), 1002);
		ksc_subids_free(&subids);
	}
	assert_string_equal(load(&subids, "10\0:7:1\n", 8), PATH TOO_LONG);
	ksc_subids_free(&subids);
	memset(line, '1', sizeof(line));
	assert_string_equal(load(&subids, line, sizeof(line)), PATH TOO_LONG);
	ksc_subids_free(&subids);
}

/* As many lines as there may be; and of nonsense only a few lines are reported. */
static void crowded(void **state)
{
	const size_t n = KSC_MAX_SUBIDS + 10;
	char *text = malloc(n * 32);
	struct ksc_subids subids;
	size_t i, at = 0;
	const char *log;

	(void)state;
	assert_non_null(text);
	for (i = 0; i < n; i++)
		at += (size_t)sprintf(text + at, "1000:%zu:1\n", i + 1);
	log = load(&subids, text, at);
	assert_non_null(strstr(log, ":16385: too many ranges: the rest is ignored\n"));
	assert_int_equal(subids.n, KSC_MAX_SUBIDS);
	ksc_subids_free(&subids);
	for (i = 0, at = 0; i < 100; i++)
		at += (size_t)sprintf(text + at, "nonsense\n");
	log = load(&subids, text, at);
	assert_non_null(strstr(log, ":10: "));
	assert_null(strstr(log, ":11: "));
	assert_non_null(strstr(log, ": 90 more lines are wrong\n"));
	assert_int_equal(subids.n, 0);
	ksc_subids_free(&subids);
	free(text);
}

static void none(void **state)
{
	struct ksc_subids subids;

	(void)state;
	assert_string_equal(load(&subids, "", 0), "");
	assert_int_equal(subids.n, 0);
	assert_int_equal(ksc_subids_owner(&subids, 5), 5);
	assert_int_equal(ksc_subids_load(&subids, "/nonexistent/subuid"), 0);
	assert_int_equal(subids.n, 0);
	ksc_subids_free(&subids);
}

/* In mounts of this process, the file is ours. */
static bool put_in_place(const char *text)
{
	char name[] = "/tmp/ksc-subuid-XXXXXX";
	const int fd = mkstemp(name);
	bool done;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	done = !access(KSC_SUBUID_FILE, F_OK) && !unshare(CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) &&
	       !mount(name, KSC_SUBUID_FILE, NULL, MS_BIND, NULL);
	unlink(name);
	return done;
}

static void handed_over(void **state)
{
	static const char text[] = "daemon:500000:10\n77:600000:10\nbroken\n";
	static const char conf[] = "/tmp/ksc-subids.conf";
	static const char content[] =
		"[credential c]\nrole = client\ntrust = " KSC_TEST_CERTS "/ca.pem\n";
	struct ksc_handed *handed;
	struct ksc_intake *intake;
	struct ksc_config *config;
	const struct passwd *pw;
	char *complaints;
	int fd, status;
	pid_t pid;

	(void)state;
	if (geteuid() || !getpwnam("daemon") || !put_in_place(text))
		skip();
	write_file(conf, content, strlen(content));
	fd = ksc_reader_start(conf, &pid);
	assert_true(fd >= 0);
	intake = ksc_intake_new(fd);
	assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), 0);
	ksc_log_set_level(KSC_LOG_ERROR);
	config = ksc_loader_make(conf, handed, &complaints);
	assert_string_equal(complaints, "");
	assert_non_null(config);
	pw = getpwnam("daemon");
	assert_int_equal(config->subids.n, 2);
	assert_int_equal(ksc_subids_owner(&config->subids, 500009), pw->pw_uid);
	assert_int_equal(ksc_subids_owner(&config->subids, 600000), 77);
	free(complaints);
	ksc_config_free(config);
	ksc_intake_free(intake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(conf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges),
		cmocka_unit_test(malformed),
		cmocka_unit_test(crowded),
		cmocka_unit_test(none),
		cmocka_unit_test(handed_over),
	};

	return cmocka_run_group_tests_name("subids", tests, NULL, NULL);
}
