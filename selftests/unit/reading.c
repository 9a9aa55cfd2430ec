// SPDX-License-Identifier: GPL-2.0-only
/* A reader of a test's, the daemon's end of it, and the files that it reads. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "config/config.h"
#include "config/find.h"
#include "reading.h"
#include "reload/reader.h"

char dir[READING_DIR];
char conf[READING_PATH];
char key[READING_PATH];

void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* As programs that renew certificates do it: by rename(). */
void replace_file(const char *path, const char *text)
{
	char name[80];

	snprintf(name, sizeof(name), "%s.new", path);
	write_file(name, text);
	assert_int_equal(rename(name, path), 0);
}

void copy_file(const char *from, const char *to)
{
	struct ksc_file file;
	const char *why;
	FILE *f;

	assert_int_equal(ksc_file_read(&file, from, &why), 0);
	f = fopen(to, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(file.data.data, 1, file.data.size, f), file.data.size);
	assert_int_equal(fclose(f), 0);
	ksc_file_free(&file);
}

int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/ksc-reader-XXXXXX");
	if (!mkdtemp(dir) || chmod(dir, 0755))
		return -1;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	snprintf(key, sizeof(key), "%s/key", dir);
	write_file(conf, SERVER CERT);
	return 0;
}

int remove_dir(void **state)
{
	char command[64];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

void start(struct rig *rig)
{
	rig->fd = ksc_reader_start(conf, &rig->pid);
	assert_true(rig->fd >= 0);
	rig->intake = ksc_intake_new(rig->fd);
	assert_non_null(rig->intake);
}

int end_of(pid_t pid)
{
	int status = -1, i;

	for (i = 0; i < 1000; i++) {
		if (waitpid(pid, &status, WNOHANG) == pid)
			return status;
		usleep(10000);
	}
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return -1;
}

/* With the daemon, the reader ends. */
void stop(struct rig *rig)
{
	ksc_intake_free(rig->intake);
	assert_int_equal(end_of(rig->pid), 0);
}

/* Complaints of the configuration, by way of the reader or, without one, directly. */
char *complaints(struct ksc_intake *intake)
{
	static char text[4096];
	struct ksc_handed *handed = NULL;
	struct ksc_config *config;
	FILE *out;
	int rc = intake ? ksc_intake_load(intake, LONG_MS, &handed) : 0;

	if (rc)
		return strcpy(text, ksc_intake_fault(-rc));
	memset(text, 0, sizeof(text));
	out = fmemopen(text, sizeof(text) - 1, "w");
	if (!out)
		return "no memory";
	ksc_handed_use(handed);
	config = ksc_config_load(conf, out);
	ksc_handed_free(handed);
	fclose(out);
	if (!config == !*text)
		return "neither a configuration nor a complaint";
	ksc_config_free(config);
	return text;
}
