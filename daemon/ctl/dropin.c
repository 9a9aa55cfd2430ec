// SPDX-License-Identifier: GPL-2.0-only
/* The drop-in of a protected unit: it adds to the unit's settings, and changes none. */
#include <stdlib.h>
#include <string.h>

#include "ctl/dropin.h"

#define WRITTEN "# Written by kschannelctl enable; kschannelctl disable removes it.\n"
#define PRELOAD "LD_PRELOAD="
#define LIBRARY_NAME "/libkschannel-preload.so"

/* Escapes text in a line that systemd reads: % and, within quotes, \ and " are special. */
static void put_escaped(FILE *file, const char *text, size_t len)
{
	for (; len; len--, text++) {
		if (*text == '%')
			fputc('%', file);
		else if (*text == '\\' || *text == '"')
			fputc('\\', file);
		fputc(*text, file);
	}
}

static void put_quoted(FILE *file, const char *text)
{
	fputc('"', file);
	put_escaped(file, text, strlen(text));
	fputc('"', file);
}

/* Assignments are separated by blanks, and quoted if they contain any. */
static const char *find_preload(const char *p, size_t *len)
{
	const char *end;

	for (; *p; p = *end ? end + 1 : end) {
		bool quoted;

		p += *p == '$';
		quoted = *p == '"' || *p == '\'';
		if (quoted)
			end = p + 1 + strcspn(p + 1, *p == '"' ? "\"" : "'");
		else
			end = p + strcspn(p, " ");
		p += quoted;
		if (!strncmp(p, PRELOAD, sizeof(PRELOAD) - 1)) {
			p += sizeof(PRELOAD) - 1;
			*len = (size_t)(end - p);
			return p;
		}
	}
	return NULL;
}

/* Whether it is our library, from an earlier "enable" */
static bool is_ours(const char *path, size_t len)
{
	const size_t own = sizeof(LIBRARY_NAME) - 1;

	return len >= own && !memcmp(path + len - own, LIBRARY_NAME, own);
}

/* Environment= replaces a variable: the unit's own libraries are kept, after ours. */
static void put_preload(FILE *file, const struct ctl_drop_in *in)
{
	size_t len = 0;
	const char *p = find_preload(in->environment, &len);
	const char *end = p ? p + len : NULL;

	fputs("Environment=\"" PRELOAD, file);
	put_escaped(file, in->library, strlen(in->library));
	for (; p && p < end; p += len + 1) {
		len = strcspn(p, ": ");
		if (p + len > end)
			len = (size_t)(end - p);
		if (!len || is_ours(p, len))
			continue;
		fputc(':', file);
		put_escaped(file, p, len);
	}
	fputs("\"\n", file);
	/* Without NoExecPaths=, it would hide the unit's mounts in a namespace of its own. */
	if (!in->exec_paths)
		return;
	fputs("ExecPaths=-", file);
	put_quoted(file, in->library);
	fputs(" -", file);
	put_quoted(file, in->self);
	fputc('\n', file);
}

/*
 * Checks whether the library can be preloaded under the service's own confinement, and then
 * whether the service has it loaded, which may have lost its environment. Otherwise the service
 * fails to start. Without a main process there is no argument.
 */
static void put_check(FILE *file, const char *self)
{
	fputs("ExecStartPre=", file);
	put_quoted(file, self);
	fputs(" preloaded\nExecStartPost=+", file);
	put_quoted(file, self);
	fputs(" preloaded $MAINPID\n", file);
}

/*
 * Each start creates the cgroup again, so each start attaches the program: before the service's
 * own commands, and as root whatever its user is. If a condition cannot be run, systemd skips the
 * service, which nobody would notice; only 255 is a failure.
 */
static void put_condition(FILE *file, const char *self, const char *command)
{
	fprintf(file, "ExecCondition=+/bin/sh -c '\"$$0\" %s --condition || exit 255' ", command);
	put_quoted(file, self);
	fputc('\n', file);
}

/*
 * systemd creates the listener of a socket unit in the unit's cgroup, in a process that it forks
 * for that. Where systemd creates it in its own process, the socket unit has to fail. Without
 * ordering: the units that the daemon starts after wait for sockets.
 */
static void put_socket(FILE *file, const char *self)
{
	fputs("[Socket]\nExecStartPre=+", file);
	put_quoted(file, self);
	fputs(" attach\nExecStartPost=+", file);
	put_quoted(file, self);
	fputs(" attach --listeners %n\n", file);
}

/**
 * ctl_drop_in_write() - write a drop-in
 * @file: output
 * @in: its contents
 */
void ctl_drop_in_write(FILE *file, const struct ctl_drop_in *in)
{
	fputs(WRITTEN, file);
	if (in->socket) {
		put_socket(file, in->self);
		return;
	}
	fputs("[Unit]\n"
	      "Wants=kschanneld.service\n"
	      "After=kschanneld.service\n"
	      "[Service]\n",
	      file);
	/* with BPF, too: the BPF program does not know the names that are looked up */
	put_preload(file, in);
	if (in->guard)
		put_condition(file, in->self, "guard");
	if (in->bpf)
		put_condition(file, in->self, "attach");
	else
		put_check(file, in->self);
}

/**
 * ctl_drop_in_read() - parse a drop-in
 * @file: a file that may be a drop-in
 * @in: its @socket, @bpf and @guard are set
 * Return: whether ctl_drop_in_write() wrote it
 */
bool ctl_drop_in_read(FILE *file, struct ctl_drop_in *in)
{
	char *line = NULL;
	size_t size = 0;
	bool ours = getline(&line, &size, file) > 0 && !strcmp(line, WRITTEN);

	*in = (struct ctl_drop_in){ 0 };
	while (ours && getline(&line, &size, file) > 0) {
		in->socket |= !strcmp(line, "[Socket]\n");
		in->bpf |= in->socket || strstr(line, " attach --condition ");
		in->guard |= !!strstr(line, " guard --condition ");
	}
	free(line);
	return ours;
}
