/* SPDX-License-Identifier: GPL-2.0-only */
/* Programs that have other programs run commands. */
#ifndef KSC_CTL_ASKS_H
#define KSC_CTL_ASKS_H

#include <stdbool.h>
#include <stddef.h>

#define CTL_WORD_SIZE 256
/* Why what they run cannot be protected */
#define CTL_ELSEWHERE "it has a service run programs, which are not its own children"
#define CTL_SESSION "it opens a session, which systemd moves out of the cgroup"

/**
 * enum ctl_asks - what a command asks other programs to run
 * @CTL_ASKS_NOTHING: nothing, as far as is known
 * @CTL_ASKS_TOO: something, in addition to what it runs itself
 * @CTL_ASKS_ALL: everything
 * @CTL_ASKS_LATER: what its clients ask for, which runs in other cgroups
 */
enum ctl_asks { CTL_ASKS_NOTHING, CTL_ASKS_TOO, CTL_ASKS_ALL, CTL_ASKS_LATER };

bool ctl_is_called(const char *const *names, size_t n, const char *path);
const char *ctl_runs_elsewhere(const char *path);
bool ctl_moves_sessions(void);
const char *ctl_why_elsewhere(const char *who);
enum ctl_asks ctl_command_asks(const char *path, const char *command, char who[CTL_WORD_SIZE]);

#endif /* KSC_CTL_ASKS_H */
