/* SPDX-License-Identifier: GPL-2.0-only */
/* settings.c: the settings of a file, each with its line, and complaints about them. */
#ifndef KSC_SETTINGS_H
#define KSC_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/file.h"

/**
 * struct ksc_setting - a line "name = value"
 * @name: its name
 * @value: its value
 * @line: line number
 */
struct ksc_setting {
	char *name;
	char *value;
	unsigned int line;
};

/**
 * struct ksc_section - a section
 * @name: the text in brackets
 * @line: number of its first line
 * @settings: its settings, in order
 * @n: number of settings
 */
struct ksc_section {
	char *name;
	unsigned int line;
	struct ksc_setting *settings;
	size_t n;
};

/**
 * struct ksc_settings - a file
 * @path: its path
 * @sections: its sections, in order
 * @n: number of sections
 * @complaints: gets complaints, or NULL
 * @n_complaints: number of complaints
 */
struct ksc_settings {
	const char *path;
	struct ksc_section *sections;
	size_t n;
	FILE *complaints;
	unsigned int n_complaints;
};

int ksc_settings_take(struct ksc_settings *file, const char *path, const struct ksc_file *raw,
		      FILE *complaints);
int ksc_settings_read(struct ksc_settings *file, const char *path, FILE *complaints);
uint64_t ksc_settings_digest(const struct ksc_settings *file);
void ksc_settings_free(struct ksc_settings *file);
const struct ksc_setting *ksc_section_get(const struct ksc_section *section, const char *name);
void ksc_complain(struct ksc_settings *file, unsigned int line, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
