// SPDX-License-Identifier: GPL-2.0-only
/* The drop-in of a protected unit: it adds to the unit, and changes nothing that it has. */
#include <stdlib.h>
#include <string.h>

#include "ctl/dropin.h"

#define WRITTEN "# Written by kschannelctl enable; kschannelctl disable removes it.\n"
#define PRELOAD "LD_PRELOAD="
#define LIBRARY_NAME "/libkschannel-preload.so"

/* What goes into a line that systemd reads: % and, within quotes, \ and " mean something. */
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

/* Assignments are parted by blanks, and in quotes when they have some. */
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

/* It may be ours, from the time that it was enabled before. */
static bool is_ours(const char *path, size_t len)
{
	const size_t own = sizeof(LIBRARY_NAME) - 1;

	return len >= own && !memcmp(path + len - own, LIBRARY_NAME, own);
}

/* Environment= replaces a variable: the unit's own libraries stay, behind ours. */
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
	/* By itself it would give the unit a mount namespace, whose mounts nobody else sees. */
	if (!in->exec_paths)
		return;
	fputs("ExecPaths=-", file);
	put_quoted(file, in->library);
	fputs(" -", file);
	put_quoted(file, in->self);
	fputc('\n', file);
}

/*
 * Within all that the service is confined by, and then in the service itself, which may have
 * lost its environment: else it does not start. Without a main process there is no argument.
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
 * The cgroup is made anew for each start, so that each start attaches it: before the
 * service's own commands, and as root whatever its user is. A condition that can't be run
 * has the service skipped, which nobody would notice; 255 is the one failure.
 */
static void put_condition(FILE *file, const char *self, const char *command)
{
	fprintf(file, "ExecCondition=+/bin/sh -c '\"$$0\" %s --condition || exit 255' ", command);
	put_quoted(file, self);
	fputc('\n', file);
}

/*
 * systemd makes what a socket unit listens at in the unit's cgroup, by a process that it
 * forks for that. Where it does so by itself, the socket has to fail. No order: what the
 * daemon starts after waits for sockets.
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
 * @file: where to
 * @in: what it is made of
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
	/* with a BPF program, too: it does not know the names that are looked up */
	put_preload(file, in);
	if (in->guard)
		put_condition(file, in->self, "guard");
	if (in->bpf)
		put_condition(file, in->self, "attach");
	else
		put_check(file, in->self);
}

/**
 * ctl_drop_in_read() - find out what a drop-in was made of
 * @file: what may be one
 * @in: of it @socket, @bpf and @guard are set
 * Return: whether it was written by us
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
