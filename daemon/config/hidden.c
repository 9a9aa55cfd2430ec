// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files that are not visible in the daemon's unit, with any privileges: a configuration that is
 * valid in a shell would fail there.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "config/hidden.h"
#include "config/settings.h"
#include "config/wants.h"
#include "process/log.h"

/* As in kschanneld.service. */
static const struct {
	const char *directory;
	const char *setting;
} hidden[] = {
	{ "/home/", "ProtectHome" }, { "/root/", "ProtectHome" }, { "/run/user/", "ProtectHome" },
	{ "/tmp/", "PrivateTmp" }, { "/var/tmp/", "PrivateTmp" },
};

static void warn_of(const char *config, const char *name)
{
	char real[PATH_MAX];
	size_t i;

	if (!realpath(name, real))
		return;
	for (i = 0; i < ARRAY_SIZE(hidden); i++)
		if (!strncmp(real, hidden[i].directory, strlen(hidden[i].directory)))
			ksc_log(KSC_LOG_WARNING,
				"%s: %s: kschanneld.service cannot read it, because it has %s=yes",
				config, name, hidden[i].setting);
}

/**
 * ksc_hidden_warn() - warn of files that are not visible in the daemon's unit
 * @path: the configuration that names them
 */
void ksc_hidden_warn(const char *path)
{
	struct ksc_wants wants = { 0 };
	struct ksc_settings file;
	size_t i;

	if (!ksc_settings_read(&file, path, NULL) && !ksc_wants_collect(&wants, &file))
		for (i = 0; i < wants.n; i++)
			if (wants.list[i].kind == KSC_KIND_FILE)
				warn_of(path, wants.list[i].name);
	ksc_wants_free(&wants);
	ksc_settings_free(&file);
}
