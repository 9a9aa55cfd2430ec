// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the policy costs connections that it leaves plain: until they are, by the number
 * of rules for other ports, and afterwards. Each figure has a network namespace and a
 * daemon of its own.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kschannel.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define CONF	"/tmp/ksc-bench-policy.conf"
#define PARTS	4
/* Connections of a part */
#define ROUNDS	100
/* Rules are for ports below; the kernel chooses none of these */
#define PORTS	1000

/* ---- where there is a policy ---- */

/**
 * struct place - a network namespace
 * @before: the one before
 * @daemon: its daemon, 0 for none
 */
struct place {
	int before;
	pid_t daemon;
};

static int write_rules(unsigned int rules)
{
	FILE *f = fopen(CONF, "we");
	unsigned int i;

	if (!f)
		return -errno;
	for (i = 0; i < rules; i++)
		fprintf(f, "[rule %u]\naction = require\ndirection = %s\n%s-port = %u\n"
			"remote = 10.%u.%u.%u\n", i, i % 2 ? "accept" : "connect",
			i % 2 ? "local" : "remote", 1 + i % (PORTS - 1), i >> 16, i >> 8 & 255,
			i & 255);
	return fclose(f) ? -EIO : 0;
}

static int start_daemon(struct place *place, unsigned int rules)
{
	static const char *const argv[] = {
		"kschanneld", "--config", CONF, "--ready-fd", "3", NULL,
	};
	posix_spawn_file_actions_t actions;
	int err = write_rules(rules);
	int via[2];
	char c;

	if (err)
		return err;
	if (pipe2(via, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, via[1], 3);
	err = -posix_spawnp(&place->daemon, argv[0], &actions, NULL, (char *const *)argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(via[1]);
	if (!err && read(via[0], &c, 1) != 1)
		err = -EHOSTDOWN;
	close(via[0]);
	return err;
}

static int loopback_up(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int err;

	if (fd < 0)
		return -errno;
	err = ioctl(fd, SIOCSIFFLAGS, &ifr) ? -errno : 0;
	close(fd);
	return err;
}

static int enter(struct place *place, bool policy, unsigned int rules)
{
	int err;

	*place = (struct place){ .before = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) };
	if (place->before < 0 || unshare(CLONE_NEWNET))
		return -errno;
	err = loopback_up();
	return err || !policy ? err : start_daemon(place, rules);
}

static void leave(struct place *place)
{
	if (place->daemon > 0) {
		kill(place->daemon, SIGTERM);
		waitpid(place->daemon, NULL, 0);
	}
	unlink(CONF);
	if (place->before >= 0 && setns(place->before, CLONE_NEWNET))
		err(EXIT_FAILURE, "setns");
	close(place->before);
}

/* ---- connections ---- */

/* IPPROTO_TCP, or IPPROTO_KSCHANNEL_POLICY */
static int protocol;

static int listen_any(void)
{
	struct sockaddr_in addr = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		return -errno;
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, KSB_BACKLOG)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

static int measure_connections(struct ksb_cost *cost)
{
	int listener = listen_any();
	double low = 0;
	double high = 0;
	int err = 0;
	int part;
	int i;

	if (listener < 0)
		return listener;
	*cost = (struct ksb_cost){ .valid = true };
	/* the first is to warm up */
	for (part = -1; part < PARTS && !err; part++) {
		uint64_t start = ksb_now();
		double each;

		if (!part)
			ksb_mark_begin();
		for (i = 0; i < ROUNDS && !err; i++) {
			struct ksb_pair p;

			err = ksb_pair_connect_by(&p, listener, protocol);
			if (!err)
				ksb_pair_close(&p);
		}
		each = (double)(ksb_now() - start) / ROUNDS;
		if (part < 0)
			continue;
		cost->total += each / PARTS;
		low = part && low < each ? low : each;
		high = part && high > each ? high : each;
	}
	ksb_mark_end();
	cost->spread = (high - low) / cost->total;
	close(listener);
	return err;
}

/* A connection as any of plain TCP's, once the policy has left it so */
static int left_open(struct ksb_pair *p, enum ksb_suite suite)
{
	int listener = listen_any();
	int err;

	(void)suite;
	*p = (struct ksb_pair){ .client.fd = -1, .server.fd = -1 };
	if (listener < 0)
		return listener;
	err = ksb_pair_connect_by(p, listener, protocol);
	close(listener);
	return err;
}

static const struct ksb_transport left = {
	.name		= "left",
	.open		= left_open,
	.send		= ksb_sock_send,
	.recv		= ksb_sock_recv,
	.close		= ksb_pair_close,
	.sendfile	= ksb_sock_sendfile,
	.splices	= true,
};

/**
 * ksb_measure_policy() - measure what the policy leaves plain
 * @id: KSB_KSCHANNEL; KSB_PLAIN is the same without
 * @suite: of no importance
 * @w: how many rules; with bytes to send, what these cost, else connections
 * @cost: the result
 *
 * Return: 0, -EOPNOTSUPP if @id is not measured, or another negative errno.
 */
int ksb_measure_policy(enum ksb_transport_id id, enum ksb_suite suite, const struct ksb_work *w,
		       struct ksb_cost *cost)
{
	bool policy = id == KSB_KSCHANNEL;
	struct place place;
	int err;

	if (id != KSB_PLAIN && id != KSB_KSCHANNEL)
		return -EOPNOTSUPP;
	protocol = policy ? IPPROTO_KSCHANNEL_POLICY : IPPROTO_TCP;
	err = enter(&place, policy, w->rules);
	if (!err && w->bytes)
		err = ksb_measure_transfer(&left, suite, w, cost);
	else if (!err)
		err = measure_connections(cost);
	leave(&place);
	return err;
}
