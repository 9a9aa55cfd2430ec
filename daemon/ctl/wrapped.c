// SPDX-License-Identifier: GPL-2.0-only
/*
 * Wrappers that a command runs a program by: env, timeout and the like, with options of their own;
 * and which options of programs that change the user open a session.
 */
#include <ctype.h>
#include <stddef.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/wrapped.h"

/**
 * struct long_option - a long option with an argument
 * @letter: its short form
 * @name: its name without the dashes
 */
struct long_option {
	char letter;
	const char *name;
};

/**
 * struct ctl_syntax - command line of a program that runs another
 * @name: its name
 * @letters: short options with an argument
 * @longs: long options with an argument, terminated by one without a name; or NULL
 * @positional: number of arguments before the program
 * @assigns: assignments of variables can precede these
 * @login: the option that opens a session; '-' if it always does
 * @permutes: options can follow other arguments
 */
struct ctl_syntax {
	const char *name;
	const char *letters;
	const struct long_option *longs;
	unsigned int positional;
	bool assigns;
	char login;
	bool permutes;
};

static const struct long_option chrt_longs[] = {
	{ 'T', "sched-runtime" }, { 'P', "sched-period" }, { 'D', "sched-deadline" }, { 0 }
};

static const struct long_option env_longs[] = {
	{ 'u', "unset" }, { 'C', "chdir" }, { 'S', "split-string" }, { 0 }
};

static const struct long_option ionice_longs[] = {
	{ 'c', "class" }, { 'n', "classdata" }, { 'p', "pid" }, { 'P', "pgid" }, { 'u', "uid" },
	{ 0 }
};

static const struct long_option nice_longs[] = { { 'n', "adjustment" }, { 0 } };

static const struct long_option stdbuf_longs[] = {
	{ 'i', "input" }, { 'o', "output" }, { 'e', "error" }, { 0 }
};

static const struct long_option timeout_longs[] = {
	{ 'k', "kill-after" }, { 's', "signal" }, { 0 }
};

/* They become the program in their arguments, or run it and wait. */
static const struct ctl_syntax wrappers[] = {
	{ .name = "chrt", .letters = "TPD", .longs = chrt_longs, .positional = 1 },
	{ .name = "env", .letters = "uCS", .longs = env_longs, .assigns = true },
	{ .name = "exec", .letters = "a" },
	{ .name = "ionice", .letters = "cnpPu", .longs = ionice_longs },
	{ .name = "nice", .letters = "n", .longs = nice_longs },
	{ .name = "nohup", .letters = "" },
	{ .name = "setsid", .letters = "" },
	{ .name = "stdbuf", .letters = "ioe", .longs = stdbuf_longs },
	{ .name = "taskset", .letters = "", .positional = 1 },
	{ .name = "timeout", .letters = "ks", .longs = timeout_longs, .positional = 1 },
};

static const struct long_option sudo_longs[] = {
	{ 'C', "close-from" }, { 'D', "chdir" }, { 'g', "group" }, { 'h', "host" },
	{ 'p', "prompt" }, { 'R', "chroot" }, { 'r', "role" }, { 'T', "command-timeout" },
	{ 't', "type" }, { 'U', "other-user" }, { 'u', "user" }, { 0 }
};

static const struct long_option runuser_longs[] = {
	{ 'c', "command" }, { 'c', "session-command" }, { 'g', "group" }, { 'G', "supp-group" },
	{ 's', "shell" }, { 'u', "user" }, { 'w', "whitelist-environment" }, { 0 }
};

static const struct ctl_syntax openers[] = {
	{ .name = "login", .login = '-' },
	{ .name = "pkexec", .login = '-' },
	{ .name = "su", .login = '-' },
	{ .name = "su-rs", .login = '-' },
	{ .name = "sudo", .letters = "CDghpRrTtUu", .longs = sudo_longs, .assigns = true,
	  .login = 'i' },
	{ .name = "sudo-rs", .letters = "CDghpRrTtUu", .longs = sudo_longs, .assigns = true,
	  .login = 'i' },
	{ .name = "runuser", .letters = "cgGsuw", .longs = runuser_longs, .login = 'l',
	  .permutes = true },
};

static const struct ctl_syntax *find(const struct ctl_syntax *list, size_t n, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(list[i].name, name))
			return &list[i];
	}
	return NULL;
}

/**
 * ctl_is_assignment() - check whether a word sets a variable
 * @word: the word
 */
bool ctl_is_assignment(const char *word)
{
	size_t len = 0;

	while (isalnum((unsigned char)word[len]) || word[len] == '_')
		len++;
	return len && !isdigit((unsigned char)*word) && word[len] == '=';
}

/* A single dash is an option, too. */
static bool is_option(const char *word)
{
	return *word == '-';
}

static char read_long(const struct ctl_syntax *s, const char *name, const char **value)
{
	size_t len = strcspn(name, "=");

	for (const struct long_option *o = s->longs; o && o->name; o++) {
		if (strlen(o->name) != len || strncmp(o->name, name, len) != 0)
			continue;
		*value = name[len] ? name + len + 1 : NULL;
		return o->letter;
	}
	return 0;
}

/*
 * Finds the option with an argument in a word, 0 if there is none; @value is its argument, NULL if
 * that is the next word. @flagged is set if the word has the option @flag.
 */
static char read_option(const struct ctl_syntax *s, const char *word, const char **value,
			char flag, bool *flagged)
{
	*value = NULL;
	if (word[1] == '-')
		return read_long(s, word + 2, value);
	for (const char *at = word + 1; *at; at++) {
		*flagged |= *at == flag;
		if (!strchr(s->letters, *at))
			continue;
		*value = at[1] ? at + 1 : NULL;
		return *at;
	}
	return 0;
}

/* ---- wrappers ---- */

static bool is_env(const struct ctl_syntax *s)
{
	return s->assigns;
}

/* Applies an option of env that has an argument. */
static void take_operand(struct ctl_wrapped *w, char option, const char *value)
{
	if (!is_env(w->of))
		return;
	w->unknown |= option == 'S';
	w->moved |= option == 'C';
	w->cleared |= option == 'u' && !strcmp(value, "LD_PRELOAD");
}

static void take_option(struct ctl_wrapped *w, const char *word)
{
	bool cleared = !strcmp(word, "-") || !strcmp(word, "--ignore-environment");
	const char *value;
	char option = read_option(w->of, word, &value, 'i', &cleared);

	w->cleared |= cleared && is_env(w->of);
	if (option && value)
		take_operand(w, option, value);
	else
		w->option = option;
}

/**
 * ctl_wrapped_word() - parse a word of a command
 * @w: state of the parser
 * @word: the next word
 * Return: false if that is the program that the command runs in the end
 */
bool ctl_wrapped_word(struct ctl_wrapped *w, const char *word)
{
	if (w->unknown)
		return true;
	if (w->option) {
		take_operand(w, w->option, word);
		w->option = 0;
		return true;
	}
	if (w->of && is_option(word)) {
		take_option(w, word);
		return true;
	}
	if (w->of && w->of->assigns && ctl_is_assignment(word)) {
		w->cleared |= !strncmp(word, "LD_PRELOAD=", strlen("LD_PRELOAD="));
		return true;
	}
	if (w->positional) {
		w->positional--;
		return true;
	}
	w->of = find(wrappers, ARRAY_SIZE(wrappers), word);
	w->positional = w->of ? w->of->positional : 0;
	return w->of;
}

/**
 * ctl_behind() - find the program that a command runs in the end
 * @command: the command and its arguments
 * @w: zeroed; filled in
 * Return: the program's place in @command; NULL is there if the program is unknown
 */
char *const *ctl_behind(char *const *command, struct ctl_wrapped *w)
{
	while (*command && ctl_wrapped_word(w, *command))
		command++;
	return command;
}

/* ---- sessions ---- */

/**
 * ctl_login_begin() - check whether a program can open a session
 * @login: filled in
 * @name: the program
 *
 * If PAM uses pam_systemd for it, systemd moves it to the cgroup of the session.
 */
bool ctl_login_begin(struct ctl_login *login, const char *name)
{
	*login = (struct ctl_login){ .of = find(openers, ARRAY_SIZE(openers), name) };
	if (!login->of)
		return false;
	login->opens = login->of->login == '-';
	if (login->opens)
		login->of = NULL;
	return true;
}

/**
 * ctl_login_word() - parse a word after its name
 * @login: state of the parser
 * @word: the next word
 */
void ctl_login_word(struct ctl_login *login, const char *word)
{
	const struct ctl_syntax *s = login->of;
	bool opens = !strcmp(word, "--login");
	const char *value;
	char option;

	if (!s)
		return;
	if (login->operand) {
		login->operand = false;
		return;
	}
	if (!is_option(word)) {
		if (!s->permutes && !(s->assigns && ctl_is_assignment(word)))
			login->of = NULL;
		return;
	}
	option = read_option(s, word, &value, s->login, &opens);
	opens |= s->permutes && !strcmp(word, "-");
	login->opens |= opens;
	login->operand = option && !value;
	/* quotes of the command that it runs may be lost */
	if (login->opens || !strcmp(word, "--") || (s->permutes && option == 'c'))
		login->of = NULL;
}

/**
 * ctl_opens_session() - check whether a command opens a session
 * @command: the command and its arguments
 */
bool ctl_opens_session(char *const *command)
{
	struct ctl_wrapped w = { 0 };
	struct ctl_login login;

	command = ctl_behind(command, &w);
	if (!*command || !ctl_login_begin(&login, *command))
		return false;
	while (*++command)
		ctl_login_word(&login, *command);
	return login.opens;
}
