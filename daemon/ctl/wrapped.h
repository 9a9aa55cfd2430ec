/* SPDX-License-Identifier: GPL-2.0-only */
/* What stands before the program that a command comes to. */
#ifndef KSC_CTL_WRAPPED_H
#define KSC_CTL_WRAPPED_H

#include <stdbool.h>

struct ctl_syntax;

/**
 * struct ctl_wrapped - how far a command has been read, all zero at its beginning
 * @of: the program whose options are read, as env; NULL if none is
 * @option: the option that has the next word for itself, 0 if none has
 * @positional: how many words of its own are still to come
 * @unknown: what it runs can't be told (env -S)
 * @moved: it runs that in another directory
 * @cleared: it takes the environment away, or what is preloaded by it
 */
struct ctl_wrapped {
	const struct ctl_syntax *of;
	char option;
	unsigned int positional;
	bool unknown;
	bool moved;
	bool cleared;
};

/**
 * struct ctl_login - the same of what may open a session
 * @of: the program, NULL if it is none of them, or nothing more can come
 * @operand: the next word belongs to an option
 * @opens: it opens one
 */
struct ctl_login {
	const struct ctl_syntax *of;
	bool operand;
	bool opens;
};

bool ctl_wrapped_word(struct ctl_wrapped *w, const char *word);
char *const *ctl_behind(char *const *command, struct ctl_wrapped *w);
bool ctl_login_begin(struct ctl_login *login, const char *name);
void ctl_login_word(struct ctl_login *login, const char *word);
bool ctl_opens_session(char *const *command);
bool ctl_is_assignment(const char *word);

#endif /* KSC_CTL_WRAPPED_H */
