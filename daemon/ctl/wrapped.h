/* SPDX-License-Identifier: GPL-2.0-only */
/* wrapped.c: wrappers such as env before the program that a command runs. */
#ifndef KSC_CTL_WRAPPED_H
#define KSC_CTL_WRAPPED_H

#include <stdbool.h>

struct ctl_syntax;

/**
 * struct ctl_wrapped - state of the parser of a command, zero at the beginning
 * @of: the wrapper whose options are being parsed, such as env, or NULL
 * @option: the option whose argument is the next word, or 0
 * @positional: number of the wrapper's arguments that have not been parsed
 * @unknown: the program that it runs is unknown (env -S)
 * @moved: it runs the program in another directory
 * @cleared: it clears the environment, or removes the preloaded library from it
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
 * struct ctl_login - state of the parser of a program that can open a session
 * @of: the program, NULL if it cannot open one, or is parsed
 * @operand: the next word is an option's argument
 * @opens: it opens a session
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
