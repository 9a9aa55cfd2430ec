// SPDX-License-Identifier: GPL-2.0-only
/*
 * reader.c, intake.c, handed.c, wants.c: files and accounts for a daemon that may not open or
 * look them up itself. test_reader_guard.c has a daemon under an attacker's control.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "process/sandbox.h"
#include "reading.h"

/* Less than the reader takes, in ms */
#define SHORT_MS	300

/* ---- what it finds ---- */

/* There is no telling by which way it was read. */
static void same(struct ksc_intake *intake, const char *text)
{
	char *directly;

	replace_file(conf, text);
	directly = strdup(complaints(NULL));
	assert_string_equal(complaints(intake), directly);
	free(directly);
}

static void alike(void **state)
{
	static const char *const texts[] = {
		"", SERVER CERT, "[daemon]\nuser = root\n", "[daemon]\nuser = nobody-there\n",
		"[daemon]\nuser = 0\n", "[daemon]\nuser =\n",
		SERVER CERT "users = root, daemon,1\ngroups = root, 5, daemon, 4000000\n",
		SERVER CERT "users = root, nobody-there\ngroups = nothing-there\n",
		SERVER CERT "users = root,, daemon\n",
		SERVER "cert = /nonexistent\nkey = /etc\n", SERVER "cert = conf\nkey = /dev/null\n",
		SERVER "cert = " CERTS "/server.pem\nkey = " CERTS "/client.key\n",
		"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\n",
		"[credential c]\nrole = client\ntrust = system\n",
		"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\ncert = /tmp\n",
		"[rule a]\naction = require\nuser = root\ngroup = daemon\n",
		"[rule a]\naction = require\nuser = 5\ngroup = 1-100\n",
		"[rule a]\naction = require\nuser = nobody-there\ngroup = no-there\n",
		"[rule a]\naction = require\nuser = 1-x\n",
		SERVER CERT "groups = root\n[rule a]\naction = require\ngroup = root\n",
		"nonsense\n[daemon\n[x]\nuser = root\n", "user = root\n",
		"[credential]\ncert = /x\n",
		SERVER "cert = " CERTS "/server.pem\ncert = " CERTS "/second.pem\n",
	};
	char itself[256];
	struct rig rig;
	size_t i;

	(void)state;
	start(&rig);
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		same(rig.intake, texts[i]);
	snprintf(itself, sizeof(itself), SERVER "cert = %s\nkey = %s\n", conf, conf);
	same(rig.intake, itself);
	assert_int_equal(unlink(conf), 0);
	assert_non_null(strstr(complaints(rig.intake), "No such file"));
	assert_int_equal(mkdir(conf, 0700), 0);
	assert_non_null(strstr(complaints(rig.intake), "is a directory"));
	stop(&rig);
}

/* Whether a user may use the credential as it was loaded. */
static bool serves(const struct ksc_config *config, uid_t uid)
{
	const struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .name = "server",
					   .who = { .uid = uid, .gid = uid } };
	const struct ksc_credential *found;

	return ksc_credentials_choose(config->credentials, &choice, &found) == KSC_STATUS_OK;
}

static struct ksc_config *load(struct ksc_intake *intake)
{
	struct ksc_handed *handed;
	struct ksc_config *config;

	if (ksc_intake_load(intake, LONG_MS, &handed))
		return NULL;
	ksc_handed_use(handed);
	config = ksc_config_load(conf, stderr);
	ksc_handed_free(handed);
	return config;
}

/* In a process without privileges, as a daemon that peers talk to is. */
static void confined(struct rig *rig, int (*test)(struct ksc_intake *intake),
		     int (*meanwhile)(void))
{
	int go[2], ready[2], status;
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(go) | pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		if (ksc_sandbox_drop(true, 65534, 65534) || ksc_sandbox_confine() ||
		    ksc_sandbox_seal() || write(ready[1], &c, 1) != 1 || read(go[0], &c, 1) != 1)
			_exit(254);
		_exit(test(rig->intake));
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (meanwhile)
		assert_int_equal(meanwhile(), 0);
	assert_int_equal(write(go[1], &c, 1), 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	close(ready[0]);
	close(go[0]);
	close(go[1]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int load_key(struct ksc_intake *intake)
{
	struct ksc_config *config;
	char name[64];

	snprintf(name, sizeof(name), "%s/below/key", dir);
	FAILS(open(name, O_RDONLY), EACCES);
	config = load(intake);
	REQUIRE(config);
	/* as is so when root reads it */
	REQUIRE(serves(config, 0));
	REQUIRE(serves(config, 4711));
	REQUIRE(!serves(config, 4712));
	ksc_config_free(config);
	return 0;
}

/* The key is another one by then, of another owner, and in a directory that is new. */
static int renew_key(void)
{
	char text[256], below[48];

	snprintf(below, sizeof(below), "%s/below", dir);
	snprintf(key, sizeof(key), "%s/key", below);
	if (mkdir(below, 0700) || chown(below, 4711, 4711))
		return -1;
	copy_file(CERTS "/server.key", key);
	if (chown(key, 4711, 4711) || chmod(key, 0600))
		return -1;
	snprintf(text, sizeof(text), SERVER "cert = " CERTS "/server.pem\nkey = %s\n", key);
	replace_file(conf, text);
	return chmod(conf, 0600);
}

static void keys_of_others(void **state)
{
	struct rig rig;

	(void)state;
	if (geteuid())
		skip();
	start(&rig);
	confined(&rig, load_key, renew_key);
	stop(&rig);
}

/* ---- accounts ---- */

static int load_account(struct ksc_intake *intake)
{
	struct ksc_config *config = load(intake);

	REQUIRE(config);
	REQUIRE(serves(config, 47110));
	/* a member of the group */
	REQUIRE(serves(config, 47111));
	REQUIRE(!serves(config, 0));
	ksc_config_free(config);
	return 0;
}

/* The lists are replaced, as they are by useradd(8). */
static int add_account(void)
{
	char passwd[64], group[64];

	snprintf(passwd, sizeof(passwd), "%s/passwd", dir);
	snprintf(group, sizeof(group), "%s/group", dir);
	write_file(passwd, "root:x:0:0::/:/bin/sh\nkscnew:x:47110:47110::/:/bin/sh\n"
		   "kscmember:x:47111:47111::/:/bin/sh\n");
	write_file(group, "root:x:0:\nkscgroup:x:47112:kscmember,nobodythere\n");
	if (mount(passwd, "/etc/passwd", NULL, MS_BIND, NULL) ||
	    mount(group, "/etc/group", NULL, MS_BIND, NULL))
		return -1;
	replace_file(conf, SERVER CERT "users = kscnew\ngroups = kscgroup\n");
	return 0;
}

static void new_accounts_here(void)
{
	struct rig rig;

	start(&rig);
	assert_string_equal(complaints(rig.intake), "");
	confined(&rig, load_account, add_account);
	stop(&rig);
	umount("/etc/passwd");
	umount("/etc/group");
}

static void new_accounts(void **state)
{
	const int here = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	(void)state;
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		close(here);
		skip();
	}
	new_accounts_here();
	assert_int_equal(setns(here, CLONE_NEWNS), 0);
	close(here);
}

/* ---- a reader that does not answer ---- */

static void killed(void **state)
{
	struct ksc_handed *handed;
	struct rig rig;

	(void)state;
	start(&rig);
	assert_string_equal(complaints(rig.intake), "");
	kill(rig.pid, SIGKILL);
	end_of(rig.pid);
	assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), -EPIPE);
	assert_int_equal(ksc_intake_fd(rig.intake), -1);
	assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), -EPIPE);
	assert_non_null(strstr(complaints(rig.intake), "has exited"));
	ksc_intake_free(rig.intake);
}

/* What comes too late is not taken for what is asked for later. */
static void late(void **state)
{
	struct ksc_handed *handed;
	struct rig rig;

	(void)state;
	start(&rig);
	kill(rig.pid, SIGSTOP);
	assert_int_equal(ksc_intake_load(rig.intake, SHORT_MS, &handed), -ETIMEDOUT);
	replace_file(conf, "[credential x]\n");
	kill(rig.pid, SIGCONT);
	usleep(200000);
	replace_file(conf, SERVER CERT "users = nobody-there\n");
	assert_non_null(strstr(complaints(rig.intake), "there is no account"));
	stop(&rig);
}

/* The configuration is written to while it is read: what it names was not handed over. */
static void changed_meanwhile(void **state)
{
	struct ksc_handed *handed = ksc_handed_new();
	struct ksc_way way = { 0 };
	struct ksc_config *config;
	char text[1024] = "";
	FILE *out = fmemopen(text, sizeof(text) - 1, "w");
	int fd;

	(void)state;
	write_file(conf, SERVER CERT "users = root\ngroups = root, 5\n");
	fd = open(conf, O_RDONLY);
	assert_int_equal(ksc_handed_add_file(handed, conf, 0, fd, &way), 0);
	close(fd);
	ksc_handed_use(handed);
	config = ksc_config_load(conf, out);
	ksc_handed_free(handed);
	fclose(out);
	assert_null(config);
	assert_non_null(strstr(text, "/server.pem: the configuration changed while it was read"));
	assert_non_null(strstr(text, ":5: users: root: the configuration changed"));
	assert_non_null(strstr(text, ":6: groups: root: "));
	assert_non_null(strstr(text, ":6: groups: the members of 5: "));
	/* afterwards, it is as it was without */
	assert_null(ksc_handed_used());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(alike, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(keys_of_others, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(new_accounts, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(killed, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(late, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(changed_meanwhile, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("reader", tests, NULL, NULL);
}
