// SPDX-License-Identifier: GPL-2.0-only
/* reader.c: a service for accounts that a module of the C library asks over a socket. */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reload/intake.h"
#include "reload/loader.h"
#include "reload/reader.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS
/* Of what an answer takes, more than enough */
#define LONG_MS	20000
#define UID	47113

static const char text[] =
	"[credential server]\nrole = server\ncert = " CERTS "/server.pem\n"
	"key = " CERTS "/server.key\nusers = kscremote\n";

static char dir[32];
static char conf[64];

/**
 * struct service - the service
 * @fd: where it listens
 * @name: which account it was asked for
 * @asked: how often
 * @last: the process that asked last
 */
struct service {
	int fd;
	char name[32];
	unsigned int asked;
	struct ucred last;
};

static void write_file(const char *path, const char *content)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(content, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* In the C library's directory, where a module is looked for, in mounts of this process. */
static bool install_module(void)
{
	char path[PATH_MAX], list[64];
	Dl_info libc;
	char *slash;

	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    !dladdr((void *)gnu_get_libc_version, &libc))
		return false;
	snprintf(path, sizeof(path), "%s", libc.dli_fname);
	slash = strrchr(path, '/');
	snprintf(slash, sizeof(path) - (size_t)(slash - path), "/libnss_hesiod.so.2");
	snprintf(list, sizeof(list), "%s/nsswitch.conf", dir);
	write_file(list, "passwd: files hesiod\ngroup: files\n");
	return !mount(KSC_TEST_MODULE, path, NULL, MS_BIND, NULL) &&
	       !mount(list, "/etc/nsswitch.conf", NULL, MS_BIND, NULL);
}

static void *answer(void *ptr)
{
	struct service *service = ptr;
	socklen_t len = sizeof(service->last);
	const uid_t uid = UID;
	int fd;

	/* until it is shut down */
	while ((fd = accept(service->fd, NULL, NULL)) >= 0) {
		if (read(fd, service->name, sizeof(service->name) - 1) > 0 &&
		    !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &service->last, &len) &&
		    write(fd, &uid, sizeof(uid)) == sizeof(uid))
			service->asked++;
		close(fd);
	}
	return NULL;
}

static void open_service(struct service *service)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memset(service, 0, sizeof(*service));
	service->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/accounts", dir);
	assert_int_equal(bind(service->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(service->fd, 1), 0);
	assert_int_equal(setenv("KSC_TEST_ACCOUNTS", address.sun_path, 1), 0);
}

static struct ksc_config *load(struct ksc_intake *intake, char **complaints)
{
	struct ksc_handed *handed;

	assert_int_equal(ksc_intake_load(intake, LONG_MS, &handed), 0);
	return ksc_loader_make(conf, handed, complaints);
}

static bool serves(const struct ksc_config *config, uid_t uid)
{
	const struct ksc_choice choice = { .role = KSC_ROLE_SERVER, .name = "server",
					   .who = { .uid = uid, .gid = uid } };
	const struct ksc_credential *found;

	return ksc_credentials_choose(config->credentials, &choice, &found) == KSC_STATUS_OK;
}

/* With all privileges that the reader has dropped, the module can still ask. */
static void asked(void **state)
{
	struct service service;
	struct ksc_intake *intake;
	struct ksc_config *config;
	char *complaints;
	pthread_t thread;
	int status, fd;
	pid_t pid;

	(void)state;
	if (!install_module())
		skip();
	open_service(&service);
	write_file(conf, text);
	fd = ksc_reader_start(conf, &pid);
	assert_true(fd >= 0);
	intake = ksc_intake_new(fd);
	assert_int_equal(pthread_create(&thread, NULL, answer, &service), 0);
	config = load(intake, &complaints);
	assert_int_equal(shutdown(service.fd, SHUT_RDWR), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	close(service.fd);
	assert_string_equal(complaints, "");
	free(complaints);
	assert_true(serves(config, UID));
	assert_false(serves(config, UID + 1));
	ksc_config_free(config);
	assert_int_equal(service.asked, 1);
	assert_string_equal(service.name, "kscremote");
	/* by a process for that alone */
	assert_true(service.last.pid != getpid() && service.last.pid != pid);
	/* no answer does not mean that there is no such account */
	assert_null(load(intake, &complaints));
	assert_non_null(strstr(complaints, "users: kscremote: Connection refused\n"));
	free(complaints);
	ksc_intake_free(intake);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-service-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	return 0;
}

static int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): our own names */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(asked, make_dir, remove_dir),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}
