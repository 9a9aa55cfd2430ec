// SPDX-License-Identifier: GPL-2.0-only
/* Sockets that threads create at once in a cgroup whose sockets are ours. */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/net.h"

#define THREADS	16
#define SOCKETS	3000

static char self[PATH_MAX];

/* Returns how many sockets were refused, or are not ours. */
static void *create(void *arg)
{
	intptr_t wrong = 0;

	(void)arg;
	for (int i = 0; i < SOCKETS; i++) {
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		char name[16] = "";
		socklen_t len = sizeof(name) - 1;

		if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_ULP, name, &len) ||
		    strcmp(name, "kschannel"))
			wrong++;
		if (fd >= 0)
			close(fd);
	}
	return (void *)wrong;
}

/* In the cgroup: threads that preempt each other while they create sockets. */
static int create_all(void)
{
	pthread_t threads[THREADS];
	intptr_t wrong = 0;
	void *part;
	int i;

	for (i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, create, NULL))
			return 2;
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &part);
		wrong += (intptr_t)part;
	}
	printf("# %ld of %d sockets are not ours\n", (long)wrong, THREADS * SOCKETS);
	return wrong ? 1 : 0;
}

static int run(const char *program, const char *arg)
{
	int status;
	pid_t pid = fork();

	assert_return_code(pid, errno);
	if (!pid) {
		execlp("kschannelctl", "kschannelctl", "run", "--quiet", "--way", "bpf", "--",
		       program, arg, NULL);
		_exit(127);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The kernel skips a BPF program on a CPU where a task was preempted in it. */
static void test_preempted(void **state)
{
	const bool mounted = !mount("bpf", "/sys/fs/bpf", "bpf", 0, NULL);
	int possible = run("true", NULL), status = 0;

	(void)state;
	if (!possible)
		status = run(self, "create");
	if (mounted)
		SYS(umount("/sys/fs/bpf"));
	if (possible)
		skip();
	assert_int_equal(status, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_preempted) };

	(void)argv;
	if (argc > 1)
		return create_all();
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		return EXIT_FAILURE;
	return T_RUN(tests);
}
