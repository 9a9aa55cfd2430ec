// SPDX-License-Identifier: GPL-2.0-only
/* Limits of applications that carry their tokens themselves: the section [contexts]. */
#include <stddef.h>
#include <string.h>

#include "common/util.h"
#include "config/allowance.h"
#include "config/value.h"

#define MIB	1048576U

/* Defaults */
const struct ksc_allowance ksc_allowance_default = {
	.total = 16384, .per_user = 4096, .per_connection = 4096, .connections_per_user = 4096,
	.bytes = 256 * MIB, .bytes_per_user = 64 * MIB, .handshake_bytes = 65536,
};

static const struct {
	const char *name;
	size_t offset;
	unsigned int min;
	unsigned int max;
} numbers[] = {
	{ "total", offsetof(struct ksc_allowance, total), 8, MIB },
	{ "per-user", offsetof(struct ksc_allowance, per_user), 1, MIB },
	{ "per-connection", offsetof(struct ksc_allowance, per_connection), 1, MIB },
	{ "connections-per-user", offsetof(struct ksc_allowance, connections_per_user), 1, MIB },
	{ "bytes", offsetof(struct ksc_allowance, bytes), MIB, 2048 * MIB },
	{ "bytes-per-user", offsetof(struct ksc_allowance, bytes_per_user), 65536, 2048 * MIB },
	{ "handshake-bytes", offsetof(struct ksc_allowance, handshake_bytes), 4096, MIB },
};

/**
 * ksc_allowance_take() - parse the section [contexts]
 * @file: gets complaints
 * @section: the section
 * @allowance: the limits that the section sets are changed
 */
void ksc_allowance_take(struct ksc_settings *file, const struct ksc_section *section,
			struct ksc_allowance *allowance)
{
	const size_t n = ARRAY_SIZE(numbers);
	size_t i, k;

	for (i = 0; i < section->n; i++) {
		const struct ksc_setting *s = &section->settings[i];

		for (k = 0; k < n && strcmp(s->name, numbers[k].name); k++)
			;
		if (k == n)
			ksc_complain(file, s->line, "\"%s\" is not a limit of contexts", s->name);
		else
			ksc_take_number(file, s, numbers[k].min, numbers[k].max,
					(unsigned int *)((char *)allowance + numbers[k].offset));
	}
}
