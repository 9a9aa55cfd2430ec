// SPDX-License-Identifier: GPL-2.0-only
/*
 * Programs that ask other programs to run something: that is not their child, is not in their
 * cgroup, and has another environment. A shell's command text is examined, too, as far as it can
 * be understood without running it.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/asks.h"
#include "ctl/ctl.h"
#include "ctl/wrapped.h"

/* The rest of a script is not examined. */
#define SCRIPT_SIZE 65536

static const char *const askers[] = {
	/* service managers */
	"initctl", "invoke-rc.d", "machinectl", "rc-service", "run0", "s6-rc", "s6-svc", "service",
	"supervisorctl", "sv", "systemctl", "systemd-run",
	/* clients of services on the bus */
	"busctl", "dbus-send", "gdbus", "qdbus",
	/* daemons that run commands later */
	"at", "batch", "crontab",
	/* batch systems */
	"qsub", "sbatch", "srun",
	/* containers and virtual machines */
	"crictl", "ctr", "docker", "docker-compose", "flatpak", "incus", "kubectl", "lxc",
	"lxc-attach", "lxc-execute", "lxc-start", "nerdctl", "podman", "podman-compose", "snap",
	"virsh",
	/* a terminal server, one for each user */
	"tmux",
};

/* Programs whose first or second argument decides what they do */
static const char *const verb_first[] = { "initctl", "supervisorctl", "sv", "systemctl" };
static const char *const verb_second[] = { "invoke-rc.d", "rc-service", "service" };

static const char *const shells[] = { "ash", "bash", "busybox", "dash", "ksh", "sh", "zsh" };

/* Words before a command, and words in place of one */
static const char *const openers[] = { "!", "do", "elif", "else", "if", "then", "time", "until",
				       "while", "{" };
static const char *const closers[] = { "case", "done", "esac", "fi", "for", "function", "in",
				       "select", "}" };

/* Servers that run programs for others in other cgroups, or in sessions */
static const char *const keepers[] = {
	"agetty", "atd", "containerd", "crio", "cron", "crond", "dockerd", "gdm", "gdm3", "incusd",
	"kubelet", "libvirtd", "lightdm", "lxd", "sddm", "slurmd", "sshd", "virtlxcd", "virtqemud",
	"xrdp-sesman",
};

/* Programs that have no connections */
static const char *const quiet[] = {
	":", "[", "[[", "cat", "cd", "chmod", "chown", "command", "cp", "echo", "exit", "export",
	"false", "grep", "install", "kill", "ln", "local", "logger", "ls", "mkdir", "mv", "printf",
	"read", "readonly", "return", "rm", "rmdir", "sed", "set", "shift", "sleep", "test",
	"touch", "trap", "true", "type", "ulimit", "umask", "unset", "wait", "which",
};

static bool is_one_of(const char *const *names, size_t n, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	for (size_t i = 0; i < n; i++) {
		if (!strcmp(names[i], name))
			return true;
	}
	return false;
}

#define IS_ONE_OF(names, word) is_one_of(names, ARRAY_SIZE(names), word)

/**
 * ctl_is_called() - check whether a program has one of several names
 * @names: the names
 * @n: number of them
 * @path: the program; its own name counts, and the name after all symlinks are resolved
 */
bool ctl_is_called(const char *const *names, size_t n, const char *path)
{
	char real[PATH_MAX];

	return is_one_of(names, n, path) ||
	       (strchr(path, '/') && realpath(path, real) && is_one_of(names, n, real));
}

/**
 * ctl_runs_elsewhere() - check whether a program has a service run other programs
 * @path: the program
 *
 * Neither BPF nor preload can protect these.
 *
 * Return: the reason why they cannot be protected, or NULL if none is known
 */
const char *ctl_runs_elsewhere(const char *path)
{
	return ctl_is_called(askers, ARRAY_SIZE(askers), path) ?
		       CTL_ELSEWHERE : NULL;
}

static bool keeps_elsewhere(const char *path)
{
	return ctl_is_called(keepers, ARRAY_SIZE(keepers), path);
}

/**
 * ctl_moves_sessions() - check whether systemd manages sessions on this machine
 */
bool ctl_moves_sessions(void)
{
	return !access("/run/systemd/seats", F_OK);
}

/**
 * ctl_why_elsewhere() - get the reason why what a program runs cannot be protected
 * @who: the program
 */
const char *ctl_why_elsewhere(const char *who)
{
	struct ctl_login login;

	return ctl_login_begin(&login, who) ? CTL_SESSION : CTL_ELSEWHERE;
}

/* ---- commands of a shell ---- */

/**
 * struct command - the command of a shell's text that is being parsed
 * @wanted: its name has not been read yet
 * @wrapped: the wrappers before its name, such as env
 * @exec: it replaces the shell
 * @cases: it is "case", and its patterns have not been read yet
 * @verb: it is a service manager, and its verb is this many words ahead
 * @login: it opens a session
 * @asks: it has another program run something
 * @runs: it runs something that could have connections
 */
struct command {
	bool wanted;
	struct ctl_wrapped wrapped;
	bool exec;
	bool cases;
	unsigned int verb;
	struct ctl_login login;
	bool asks;
	bool runs;
};

/**
 * struct script - what has been parsed so far
 * @asked: another program is asked to run something
 * @left: that is the last command
 * @runs: it runs something itself
 * @pattern: patterns of "case" follow, up to a parenthesis
 * @cases: number of open "case" commands
 * @who: the first program that is asked
 */
struct script {
	bool asked;
	bool left;
	bool runs;
	bool pattern;
	unsigned int cases;
	char *who;
};

/* Whether a service manager's verb starts anything */
static bool is_start(const char *word)
{
	return strstr(word, "start") || strchr(word, '$') || !strcmp(word, "enable") ||
	       !strcmp(word, "isolate") || !strcmp(word, "up");
}

/* "case x in a | b) ...;; esac" */
static bool take_pattern(struct script *script, struct command *command, const char *word)
{
	if (script->cases && !strcmp(word, "esac") && (script->pattern || command->wanted)) {
		script->pattern = false;
		script->cases--;
		command->wanted = false;
		return true;
	}
	if (command->cases && !strcmp(word, "in")) {
		command->cases = false;
		script->pattern = true;
		script->cases++;
	}
	return script->pattern;
}

/* Parses a word after the name. */
static void take_login(struct command *command, const char *word)
{
	ctl_login_word(&command->login, word);
	if (command->login.opens) {
		command->asks = true;
		command->runs = false;
	}
}

/* Another program is asked, or may be asked, to run something. */
static void take_asker(struct script *script, const char *word)
{
	const char *slash = strrchr(word, '/');

	if (!*script->who)
		snprintf(script->who, CTL_WORD_SIZE, "%s", slash ? slash + 1 : word);
}

static void take_name(struct script *script, struct command *command, const char *word)
{
	command->runs = *word && !IS_ONE_OF(closers, word) && !IS_ONE_OF(quiet, word);
	if (IS_ONE_OF(askers, word)) {
		command->verb = IS_ONE_OF(verb_first, word)  ? 1 :
				IS_ONE_OF(verb_second, word) ? 2 : 0;
		command->asks = !command->verb;
		command->runs = false;
		take_asker(script, word);
	} else if (ctl_moves_sessions() && ctl_login_begin(&command->login, word)) {
		command->asks = command->login.opens;
		command->runs = !command->asks;
		take_asker(script, word);
	}
}

static void take_word(struct script *script, struct command *command, const char *word)
{
	if (take_pattern(script, command, word))
		return;
	if (command->verb && *word != '-' && !--command->verb)
		command->asks = is_start(word);
	if (!command->wanted) {
		take_login(command, word);
		return;
	}
	if (!command->wrapped.of && (ctl_is_assignment(word) || IS_ONE_OF(openers, word)))
		return;
	if (ctl_wrapped_word(&command->wrapped, word)) {
		command->exec |= !strcmp(word, "exec");
		return;
	}
	command->wanted = false;
	command->cases = !strcmp(word, "case");
	take_name(script, command, word);
}

static void end_command(struct script *script, struct command *command)
{
	script->asked |= command->asks;
	script->left |= command->asks && command->exec;
	script->runs |= command->runs || command->wrapped.unknown;
}

/* Ends a command; returns the rest of the text. */
static const char *take_end(struct script *script, struct command *command, const char *text)
{
	char end = *text++;

	if (script->pattern) {
		script->pattern = end != ')';
	} else {
		end_command(script, command);
		if (end == ';' && script->cases && (*text == ';' || *text == '&')) {
			script->pattern = true;
			text++;
		}
	}
	if (!script->asked)
		*script->who = '\0';
	*command = (struct command){ .wanted = true };
	return text;
}

/* Copies quoted text to the word, even if it is another command. */
static const char *take_quote(const char *text, char word[CTL_WORD_SIZE], size_t *len)
{
	char quote = *text++;

	for (; *text && *text != quote; text++) {
		if (*text == '\\' && quote == '"' && text[1])
			text++;
		if (*len < CTL_WORD_SIZE - 1)
			word[(*len)++] = *text;
	}
	return *text ? text + 1 : text;
}

/*
 * Takes the next word without its quotes, and moves @at after it; false if the command ends
 * first. A quoted word may be empty.
 */
static bool next_word(const char **at, char word[CTL_WORD_SIZE])
{
	const char *text = *at;
	bool found = false;
	size_t len = 0;

	for (text += strspn(text, " \t\r"); text[0] == '\\' && text[1] == '\n';)
		text += 2 + strspn(text + 2, " \t\r");
	if (*text == '#')
		text += strcspn(text, "\n");
	while (*text && !strchr(" \t\r\n;&|()`<>", *text)) {
		found = true;
		if (*text == '"' || *text == '\'') {
			text = take_quote(text, word, &len);
			continue;
		}
		if (*text == '\\' && text[1])
			text++;
		/* a backslash joins lines */
		if (*text != '\n' && len < CTL_WORD_SIZE - 1)
			word[len++] = *text;
		text++;
	}
	word[len] = '\0';
	*at = text;
	return found;
}

/* "2>&1", "&>file": the descriptor before it has been read as a word, which is harmless. */
static const char *skip_redirection(const char *text)
{
	char word[CTL_WORD_SIZE];

	if (*text != '<' && *text != '>' && !(*text == '&' && text[1] == '>'))
		return NULL;
	text += strspn(text, "<>&|");
	next_word(&text, word);
	return text;
}

static enum ctl_asks text_asks(const char *text, char who[CTL_WORD_SIZE])
{
	struct script script = { .who = who };
	struct command command = { .wanted = true };
	char word[CTL_WORD_SIZE];
	const char *next;

	*who = '\0';
	while (*text) {
		next = skip_redirection(text);
		if (next) {
			text = next;
			continue;
		}
		if (next_word(&text, word))
			take_word(&script, &command, word);
		else if (*text && !skip_redirection(text))
			text = take_end(&script, &command, text);
	}
	end_command(&script, &command);
	if (!script.asked)
		return CTL_ASKS_NOTHING;
	return script.left || !script.runs ? CTL_ASKS_ALL : CTL_ASKS_TOO;
}

/* "#!/bin/sh -e", "#!/usr/bin/env bash" */
static bool is_shells(const char *script)
{
	char word[CTL_WORD_SIZE];

	if (strncmp(script, "#!", 2) != 0)
		return false;
	script += 2;
	next_word(&script, word);
	if (is_one_of((const char *const[]){ "env" }, 1, word))
		next_word(&script, word);
	return IS_ONE_OF(shells, word);
}

/* With @any, the script needs no first line that names a shell. */
static enum ctl_asks file_asks(const char *path, bool any, char who[CTL_WORD_SIZE])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum ctl_asks asks = CTL_ASKS_NOTHING;
	char *text = ctl_alloc(malloc(SCRIPT_SIZE));
	struct stat st;
	ssize_t n = -1;

	if (fd >= 0 && !fstat(fd, &st) && S_ISREG(st.st_mode))
		n = pread(fd, text, SCRIPT_SIZE - 1, 0);
	if (fd >= 0)
		close(fd);
	if (n > 0) {
		text[n] = '\0';
		if (any || is_shells(text))
			asks = text_asks(text, who);
	}
	free(text);
	return asks;
}

static bool opens_session(const char *name, const char *rest)
{
	char word[CTL_WORD_SIZE];
	struct ctl_login login;

	if (!ctl_login_begin(&login, name) || !ctl_moves_sessions())
		return false;
	while (next_word(&rest, word))
		ctl_login_word(&login, word);
	return login.opens;
}

/* Parses a shell's arguments. */
static enum ctl_asks shell_asks(const char *rest, char who[CTL_WORD_SIZE])
{
	char word[CTL_WORD_SIZE];

	while (next_word(&rest, word)) {
		/* "busybox sh" */
		if (IS_ONE_OF(shells, word))
			continue;
		if (*word != '-')
			return *word == '/' ? file_asks(word, true, who) : CTL_ASKS_NOTHING;
		if (word[1] != '-' && strchr(word, 'c'))
			return text_asks(rest, who);
		/* "-eo pipefail" */
		if (word[1] != '-' && strchr(word, 'o'))
			next_word(&rest, word);
	}
	return CTL_ASKS_NOTHING;
}

/**
 * ctl_command_asks() - check whether a service's command has other programs run something
 * @path: the program
 * @command: the program and its arguments, separated by blanks, as systemd shows them
 * @who: gets the name of the program that asks
 */
enum ctl_asks ctl_command_asks(const char *path, const char *command, char who[CTL_WORD_SIZE])
{
	struct ctl_wrapped wrapped = { 0 };
	size_t len = strlen(path);
	char word[CTL_WORD_SIZE];

	/* argv[0] can differ */
	if (!strncmp(command, path, len))
		command += len;
	else
		next_word(&command, word);
	snprintf(word, sizeof(word), "%s", path);
	while (ctl_wrapped_word(&wrapped, word) && next_word(&command, word))
		;
	snprintf(who, CTL_WORD_SIZE, "%s", word);
	if (ctl_runs_elsewhere(word) || opens_session(word, command))
		return CTL_ASKS_ALL;
	if (keeps_elsewhere(word))
		return CTL_ASKS_LATER;
	/* a symlink counts by its own name, as all of busybox's lead to one program */
	if (IS_ONE_OF(shells, word))
		return shell_asks(command, who);
	return *word == '/' ? file_asks(word, false, who) : CTL_ASKS_NOTHING;
}
