// SPDX-License-Identifier: GPL-2.0-only
/* A configuration file of a test's, and the complaints when it is loaded. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf.h"

char path[CONF_PATH];

int make_path(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/ksc-config-XXXXXX");
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int remove_path(void **state)
{
	(void)state;
	return unlink(path);
}

void write_bytes(const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	fclose(f);
}

/* Loads a file of these bytes; complaints are in @text, each as "LINE: what". */
struct ksc_config *load_bytes(const char *bytes, size_t len, char **text)
{
	struct ksc_config *config;
	char *raw = NULL, *from, *to;
	size_t size;
	FILE *out = open_memstream(&raw, &size);

	assert_non_null(out);
	write_bytes(bytes, len);
	config = ksc_config_load(path, out);
	fclose(out);
	*text = calloc(1, size + 1);
	assert_non_null(*text);
	for (from = raw, to = *text; *from; ) {
		if (!strncmp(from, path, strlen(path)) && from[strlen(path)] == ':')
			from += strlen(path) + 1;
		*to++ = *from++;
	}
	free(raw);
	return config;
}

struct ksc_config *load(const char *text, char **complaints)
{
	return load_bytes(text, strlen(text), complaints);
}

void good(const char *text, struct ksc_config **config)
{
	char *complaints;

	*config = load(text, &complaints);
	if (!*config)
		fail_msg("%s", complaints);
	assert_string_equal(complaints, "");
	free(complaints);
}

/* Nothing but this complaint. */
void bad(const char *text, const char *wanted)
{
	char *complaints;
	struct ksc_config *config = load(text, &complaints);

	assert_null(config);
	if (strncmp(complaints, wanted, strlen(wanted)) ||
	    strchr(complaints, '\n') != complaints + strlen(complaints) - 1)
		fail_msg("wanted: %s\ngot: %s", wanted, complaints);
	free(complaints);
}

const struct ksc_credential *find(const struct ksc_config *config, const char *name)
{
	size_t i;

	for (i = 0; i < config->credentials->n; i++)
		if (!strcmp(config->credentials->list[i]->name, name))
			return config->credentials->list[i];
	return NULL;
}

/* What something logs of a configuration, or "" */
const char *said_of(void (*say)(const char *name), const char *text)
{
	static char line[1024];
	ssize_t len;
	int fds[2];

	write_bytes(text, strlen(text));
	assert_int_equal(pipe2(fds, O_NONBLOCK), 0);
	ksc_log_open(fds[1]);
	say(path);
	len = read(fds[0], line, sizeof(line) - 1);
	line[len < 0 ? 0 : len] = '\0';
	ksc_log_open(STDERR_FILENO);
	close(fds[0]);
	close(fds[1]);
	return line;
}
