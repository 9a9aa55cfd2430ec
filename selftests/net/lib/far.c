// SPDX-License-Identifier: GPL-2.0-only
/*
 * Another network namespace. The daemon is in the first one, so peers in the other use a TLS
 * library.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

#include "far.h"

/**
 * far_command() - run a command and insist on its success
 * @command: for the shell
 */
void far_command(const char *command)
{
	int ret = t_shell(command);

	if (ret)
		fail_msg("%s: status %d", command, ret);
}

/**
 * far_remove() - remove the namespace and the veth pair, if they exist
 * @state: cmocka's
 * Return: 0
 */
int far_remove(void **state)
{
	(void)state;
	return t_shell("{ ip netns del peer; ip link del veth0; } 2>/dev/null; true");
}

/**
 * far_make() - create the namespace and the veth pair
 *
 * The far end has the address 10.9.0.2, the near end 10.9.0.1.
 */
void far_make(void)
{
	/* leftovers of a setup that failed */
	far_remove(NULL);
	far_command("ip netns add peer");
	far_command("ip link add veth0 type veth peer name veth1 netns peer");
	far_command("ip addr add 10.9.0.1/24 dev veth0 && ip link set veth0 up");
	far_command("ip -n peer addr add 10.9.0.2/24 dev veth1 && ip -n peer link set veth1 up");
}

/**
 * struct far - a listener in the other namespace
 * @addr: its address
 * @fd: the listener, or -1
 */
struct far {
	struct t_addr addr;
	int fd;
};

static void *listen_far(void *arg)
{
	struct far *far = arg;
	int ns = open("/run/netns/peer", O_RDONLY | O_CLOEXEC);

	/* a socket stays in the namespace where its thread was when it made it */
	far->fd = -1;
	if (ns >= 0 && !setns(ns, CLONE_NEWNET))
		far->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (far->fd >= 0 && (bind(far->fd, (struct sockaddr *)&far->addr.ss, far->addr.len) ||
			     listen(far->fd, 16) ||
			     getsockname(far->fd, (struct sockaddr *)&far->addr.ss,
					 &far->addr.len))) {
		close(far->fd);
		far->fd = -1;
	}
	if (ns >= 0)
		close(ns);
	return NULL;
}

/**
 * far_listener() - listen in the other namespace
 * @addr: gets the address
 * Return: the listener
 */
int far_listener(struct t_addr *addr)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct far far = { .addr.len = sizeof(in) };
	pthread_t thread;

	inet_pton(AF_INET, "10.9.0.2", &in.sin_addr);
	memcpy(&far.addr.ss, &in, sizeof(in));
	t_thread(&thread, listen_far, &far);
	t_join(thread);
	assert_true(far.fd >= 0);
	*addr = far.addr;
	return far.fd;
}
