// SPDX-License-Identifier: GPL-2.0-only
/*
 * The protocol of sd_notify(3): reports that the daemon is ready, then feeds the watchdog. The
 * function itself opens a socket for each message, which the sandbox does not permit.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "process/log.h"
#include "process/manager.h"

/* Messages per timeout of the watchdog: two can be late or lost. */
#define TICKS	3

static bool tell(const struct ksc_manager *manager, const char *what, int flags)
{
	return send(manager->fd, what, strlen(what), MSG_NOSIGNAL | flags) >= 0;
}

static void complain(void)
{
	ksc_log(KSC_LOG_WARNING, "event=notify-failed reason=\"%s\"", strerror(errno));
}

/**
 * ksc_manager_open() - find the service manager
 * @manager: set to it
 *
 * This makes system calls that the sandbox denies later.
 */
void ksc_manager_open(struct ksc_manager *manager)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len;

	*manager = (struct ksc_manager) { .fd = -1 };
	if (!path || (*path != '/' && *path != '@') || !path[1])
		return;
	len = strlen(path);
	if (len >= sizeof(addr.sun_path))
		return;
	memcpy(addr.sun_path, path, len);
	if (*path == '@')
		addr.sun_path[0] = '\0';
	manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (manager->fd >= 0 && !connect(manager->fd, (struct sockaddr *)&addr,
					 (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
						     len)))
		return;
	complain();
	ksc_manager_close(manager);
}

/* Must not block: a manager that has not read the previous messages needs no more. */
static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	const struct ksc_manager *manager = timer->data;

	(void)loop;
	(void)events;
	if (manager->moves(manager->ptr))
		tell(manager, "WATCHDOG=1\n", MSG_DONTWAIT);
}

/* Returns the watchdog's timeout in seconds; 0 without a watchdog. */
static double patience(void)
{
	const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	unsigned long long n;
	char *end;

	if (!usec || (pid && strtoll(pid, NULL, 10) != getpid()))
		return 0;
	errno = 0;
	n = strtoull(usec, &end, 10);
	return errno || *end || *usec == '-' ? 0 : (double)n / 1e6;
}

/**
 * ksc_manager_ready() - report that the daemon is ready, and feed the watchdog from then on
 * @manager: the manager
 * @loop: the daemon is alive if this loop turns
 * @moves: and if this returns true
 * @ptr: argument of @moves
 */
void ksc_manager_ready(struct ksc_manager *manager, struct ev_loop *loop,
		       bool (*moves)(void *ptr), void *ptr)
{
	const double interval = patience() / TICKS;

	if (manager->fd < 0)
		return;
	if (!tell(manager, "READY=1\n", 0))
		complain();
	if (!interval) {
		ksc_manager_close(manager);
		return;
	}
	manager->loop = loop;
	manager->moves = moves;
	manager->ptr = ptr;
	ev_timer_init(&manager->tick, on_tick, interval, interval);
	manager->tick.data = manager;
	ev_timer_start(loop, &manager->tick);
}

/**
 * ksc_manager_close() - stop reporting
 * @manager: the manager
 */
void ksc_manager_close(struct ksc_manager *manager)
{
	if (manager->loop)
		ev_timer_stop(manager->loop, &manager->tick);
	if (manager->fd >= 0)
		close(manager->fd);
	*manager = (struct ksc_manager) { .fd = -1 };
}
