// SPDX-License-Identifier: GPL-2.0-only
/*
 * The settings of a file in INI format. inih parses the lines; the reader below is between inih and
 * the file, because inih reports neither line numbers, nor sections without settings, nor that it
 * has truncated something.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <gnutls/crypto.h>

#include "common/hash.h"
#include "config/find.h"
#include "config/settings.h"

/* inih truncates longer names. */
#define MAX_NAME	49
#define MAX_LINE	4096

/**
 * struct name - name of a section
 * @hh: its place in the reader's table
 * @line: line of the first section with that name
 * @text: the name, owned by the section
 */
struct name {
	UT_hash_handle hh;
	unsigned int line;
	const char *text;
};

/**
 * struct reader - between inih and the file
 * @file: gets the sections and settings
 * @rest: the text that has not been read yet
 * @end: its end
 * @line: number of the line that was read last
 * @names: hash table of the sections' names
 * @failed: out of memory
 */
struct reader {
	struct ksc_settings *file;
	const char *rest;
	const char *end;
	unsigned int line;
	struct name *names;
	bool failed;
};

/**
 * ksc_complain() - report an error in a file
 * @file: the file
 * @line: line number, 0 for the whole file
 * @fmt: the error
 */
void ksc_complain(struct ksc_settings *file, unsigned int line, const char *fmt, ...)
{
	va_list args;

	file->n_complaints++;
	if (!file->complaints)
		return;
	if (line)
		fprintf(file->complaints, "%s:%u: ", file->path, line);
	else
		fprintf(file->complaints, "%s: ", file->path);
	va_start(args, fmt);
	vfprintf(file->complaints, fmt, args);
	va_end(args);
	fputc('\n', file->complaints);
}

/* Number of leading blanks. */
static size_t blanks(const char *text)
{
	return strspn(text, " \t");
}

/* "credential  x " is "credential x"; blanks inside the name are kept. */
static void tidy(char *name)
{
	size_t len = strlen(name), first;

	memmove(name, name + blanks(name), len + 1 - blanks(name));
	first = strcspn(name, " \t");
	if (!name[first])
		return;
	name[first++] = ' ';
	len = strlen(name + first);
	memmove(name + first, name + first + blanks(name + first),
		len + 1 - blanks(name + first));
	for (len = strlen(name); len > first && blanks(name + len - 1); len--)
		name[len - 1] = '\0';
}

/* A policy can have many. */
static void note_name(struct reader *r, const struct ksc_section *section)
{
	struct name *name;

	HASH_FIND_STR(r->names, section->name, name);
	if (name) {
		ksc_complain(r->file, r->line, "section [%s] is already defined at line %u",
			     section->name, name->line);
		return;
	}
	name = calloc(1, sizeof(*name));
	if (name) {
		name->line = section->line;
		name->text = section->name;
		HASH_ADD_KEYPTR(hh, r->names, name->text, strlen(name->text), name);
	}
	if (!name || !ksc_hash_added(&name->hh)) {
		free(name);
		r->failed = true;
	}
}

static void begin_section(struct reader *r, const char *text)
{
	struct ksc_settings *file = r->file;
	const char *end = strchr(text, ']'), *rest;
	struct ksc_section *bigger, *section;

	if (!end) {
		ksc_complain(file, r->line, "missing \"]\" after the section's name");
		return;
	}
	for (rest = end + 1; *rest; rest++)
		if (!isspace((unsigned char)*rest)) {
			ksc_complain(file, r->line, "unexpected text after the section's name");
			return;
		}
	bigger = reallocarray(file->sections, file->n + 1, sizeof(*bigger));
	if (!bigger) {
		r->failed = true;
		return;
	}
	file->sections = bigger;
	section = &bigger[file->n];
	memset(section, 0, sizeof(*section));
	section->line = r->line;
	section->name = strndup(text, (size_t)(end - text));
	if (!section->name) {
		r->failed = true;
		return;
	}
	tidy(section->name);
	note_name(r, section);
	file->n++;
}

/* Replaces fgets(). */
static char *read_line(char *buf, int size, void *stream)
{
	struct reader *r = stream;
	const char *newline;
	size_t len;
	char *p;

	if (r->failed || r->rest == r->end)
		return NULL;
	newline = memchr(r->rest, '\n', (size_t)(r->end - r->rest));
	len = (size_t)((newline ? newline + 1 : r->end) - r->rest);
	r->line++;
	if (len >= (size_t)size || memchr(r->rest, '\0', len)) {
		ksc_complain(r->file, r->line, "the line is too long or has a NUL in it");
		buf[0] = '\0';
	} else {
		memcpy(buf, r->rest, len);
		buf[len] = '\0';
	}
	r->rest += len;
	for (p = buf; isspace((unsigned char)*p); p++)
		;
	if (*p == '[')
		begin_section(r, p + 1);
	else if (*p && !strchr("#;", *p) && (!strpbrk(p, "=:") || strcspn(p, "=:") > MAX_NAME))
		ksc_complain(r->file, r->line, "expected [section] or name = value");
	return buf;
}

static int on_setting(void *user, const char *section_name, const char *name, const char *value)
{
	struct reader *r = user;
	struct ksc_section *section;
	struct ksc_setting *bigger, *setting;
	const struct ksc_setting *earlier;

	(void)section_name;
	if (!r->file->n) {
		ksc_complain(r->file, r->line, "\"%s\" is not in a section", name);
		return 1;
	}
	section = &r->file->sections[r->file->n - 1];
	earlier = ksc_section_get(section, name);
	if (earlier)
		ksc_complain(r->file, r->line, "\"%s\" is already set, at line %u", name,
			     earlier->line);
	bigger = reallocarray(section->settings, section->n + 1, sizeof(*bigger));
	if (!bigger) {
		r->failed = true;
		return 0;
	}
	section->settings = bigger;
	setting = &bigger[section->n];
	setting->line = r->line;
	setting->name = strdup(name);
	setting->value = strdup(value);
	section->n++;
	if (!setting->name || !setting->value) {
		r->failed = true;
		return 0;
	}
	return 1;
}

/**
 * ksc_settings_take() - parse a file
 * @file: filled in, including complaints; the caller frees it, also after an error
 * @path: its path
 * @raw: its contents
 * @complaints: gets complaints, or NULL
 *
 * Return: 0 if all valid settings were parsed; -1 if out of memory
 */
int ksc_settings_take(struct ksc_settings *file, const char *path, const struct ksc_file *raw,
		      FILE *complaints)
{
	struct reader r = { .file = file };
	int rc;

	memset(file, 0, sizeof(*file));
	file->path = path;
	file->complaints = complaints;
	r.rest = (const char *)raw->data.data;
	r.end = r.rest + raw->data.size;
	/* The byte order mark of some editors. */
	if (raw->data.size >= 3 && !memcmp(r.rest, "\xef\xbb\xbf", 3))
		r.rest += 3;
	ini_allow_multiline = false;
	ini_allow_inline_comments = false;
	ini_use_stack = false;
	ini_allow_realloc = false;
	ini_max_line = MAX_LINE;
	ini_initial_alloc = MAX_LINE;
	rc = ini_parse_stream(read_line, &r, on_setting, &r);
	KSC_HASH_FREE(r.names, free);
	if (r.failed || rc == -2) {
		ksc_complain(file, 0, "out of memory");
		return -1;
	}
	/* inih returns the number of a line that it cannot parse: the reader has reported it. */
	if (rc && !file->n_complaints)
		ksc_complain(file, (unsigned int)rc, "cannot be understood");
	return 0;
}

/**
 * ksc_settings_read() - read a file
 * @file: filled in, including complaints; the caller frees it, also after an error
 * @path: its path
 * @complaints: gets complaints
 *
 * Return: 0 if all valid settings were parsed, otherwise -1
 */
int ksc_settings_read(struct ksc_settings *file, const char *path, FILE *complaints)
{
	struct ksc_file raw;
	const char *why;
	int rc = -1;

	if (ksc_file_read(&raw, path, &why)) {
		memset(file, 0, sizeof(*file));
		file->path = path;
		file->complaints = complaints;
		ksc_complain(file, 0, "%s", why);
	} else {
		rc = ksc_settings_take(file, path, &raw, complaints);
	}
	ksc_file_free(&raw);
	return rc;
}

/* After a complaint, settings can be missing. */
static void digest_text(gnutls_hash_hd_t hash, const char *text)
{
	if (text)
		gnutls_hash(hash, text, strlen(text) + 1);
}

/**
 * ksc_settings_digest() - make a digest of all settings
 * @file: the file
 *
 * Return: a number that differs if the settings differ; not 0
 */
uint64_t ksc_settings_digest(const struct ksc_settings *file)
{
	uint8_t digest[32] = { 0 };
	gnutls_hash_hd_t hash;
	uint64_t number;
	size_t i, k;

	if (gnutls_hash_init(&hash, GNUTLS_DIG_SHA256) >= 0) {
		for (i = 0; i < file->n; i++) {
			const struct ksc_section *section = &file->sections[i];

			digest_text(hash, section->name);
			for (k = 0; k < section->n; k++) {
				digest_text(hash, section->settings[k].name);
				digest_text(hash, section->settings[k].value);
			}
			/* No name is empty. */
			digest_text(hash, "");
		}
		gnutls_hash_deinit(hash, digest);
	}
	memcpy(&number, digest, sizeof(number));
	return number ? number : 1;
}

/**
 * ksc_settings_free() - free a file's settings
 * @file: the file
 */
void ksc_settings_free(struct ksc_settings *file)
{
	size_t i, k;

	for (i = 0; i < file->n; i++) {
		struct ksc_section *section = &file->sections[i];

		for (k = 0; k < section->n; k++) {
			free(section->settings[k].name);
			free(section->settings[k].value);
		}
		free(section->settings);
		free(section->name);
	}
	free(file->sections);
	memset(file, 0, sizeof(*file));
}

/**
 * ksc_section_get() - find a setting
 * @section: the section
 * @name: its name
 *
 * Return: the first with that name, or NULL
 */
const struct ksc_setting *ksc_section_get(const struct ksc_section *section, const char *name)
{
	size_t i;

	for (i = 0; i < section->n; i++)
		if (section->settings[i].name && !strcmp(section->settings[i].name, name))
			return &section->settings[i];
	return NULL;
}
