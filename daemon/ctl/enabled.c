// SPDX-License-Identifier: GPL-2.0-only
/* Which units are enabled: the drop-ins are the only record of it. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "ctl/dropin.h"
#include "ctl/enabled.h"

#define SUFFIX ".d"

static int is_drop_in_directory(const struct dirent *entry)
{
	return ctl_has_suffix(entry->d_name, ".service" SUFFIX) ||
	       ctl_has_suffix(entry->d_name, ".socket" SUFFIX);
}

/* A file of that name that was not written by kschannelctl does not count. */
static bool read_drop_in(const char *directory, const char *name, struct ctl_enabled *unit)
{
	struct ctl_drop_in in;
	char path[PATH_MAX];
	FILE *file;
	bool ours;

	if (snprintf(path, sizeof(path), "%s/%s/" CTL_DROP_IN, directory, name) >=
	    (int)sizeof(path))
		return false;
	file = fopen(path, "re");
	if (!file) {
		if (errno != ENOENT && errno != ENOTDIR)
			warn("%s", path);
		return false;
	}
	ours = ctl_drop_in_read(file, &in);
	fclose(file);
	snprintf(unit->unit, sizeof(unit->unit), "%.*s",
		 (int)(strlen(name) - strlen(SUFFIX)), name);
	unit->bpf = in.bpf;
	unit->guard = in.guard;
	return ours;
}

/**
 * ctl_enabled_units() - list the units that are enabled
 * @directory: where their drop-ins are
 * @units: set to them, sorted by name; the caller frees them
 *
 * Exits on error.
 *
 * Return: number of units
 */
size_t ctl_enabled_units(const char *directory, struct ctl_enabled **units)
{
	struct dirent **entries;
	int n = scandir(directory, &entries, is_drop_in_directory, alphasort);
	size_t found = 0;

	if (n < 0)
		err(EXIT_FAILURE, "%s", directory);
	*units = ctl_alloc(calloc((size_t)n + 1, sizeof(**units)));
	for (int i = 0; i < n; i++) {
		if (read_drop_in(directory, entries[i]->d_name, &(*units)[found]))
			found++;
		free(entries[i]);
	}
	free(entries);
	return found;
}
