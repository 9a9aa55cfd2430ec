/* SPDX-License-Identifier: GPL-2.0-only */
/* A network namespace and a daemon of a test's own. */
#ifndef KSC_TEST_OWN_H
#define KSC_TEST_OWN_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * struct own - a daemon
 * @pid: its process, 0 for none
 * @workers: how many workers it has; 0 for what is the default
 * @user: the user that it runs as, or NULL
 * @conf: its configuration file
 * @log: where its output goes
 * @context: where applications' contexts are taken
 */
struct own {
	pid_t pid;
	unsigned int workers;
	const char *user;
	char conf[64];
	char log[64];
	char context[64];
};

void own_namespace(void);
void own_write(struct own *own, const char *rules);
unsigned int own_logged(const struct own *own, const char *what);
void own_await_logged(const struct own *own, const char *what, unsigned int count);
void own_await_log(const struct own *own, const char *what);
void own_start(struct own *own, const char *rules);
bool own_reload(struct own *own, const char *rules);
void own_stop(struct own *own);
void own_kill(struct own *own);
void own_end(struct own *own);

#endif /* KSC_TEST_OWN_H */
