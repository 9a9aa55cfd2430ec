// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's limits: the section [limits] of the configuration. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "config/quota.h"
#include "config/value.h"

static const struct {
	const char *name;
	int attr;
	unsigned int min;
	unsigned int max;
} numbers[] = {
	{ "handshakes", KSC_A_LIMITS_HANDSHAKES, 8, 1048576 },
	{ "handshakes-per-user", KSC_A_LIMITS_PER_USER, 1, 1048576 },
	{ "client-reserve", KSC_A_LIMITS_CLIENT_RESERVE, 0, 1048575 },
	{ "handshakes-per-address", KSC_A_LIMITS_PER_ADDRESS, 1, 1048576 },
	{ "handshakes-per-site", KSC_A_LIMITS_PER_SITE, 1, 1048576 },
	{ "handshakes-per-listener", KSC_A_LIMITS_PER_LISTENER, 1, 1048576 },
	{ "first-flight", KSC_A_LIMITS_FIRST_FLIGHT, 512, 65536 },
	{ "steps", KSC_A_LIMITS_STEPS, 4, 65536 },
	{ "window", KSC_A_LIMITS_WINDOW, 1, 4096 },
	{ "window-bytes", KSC_A_LIMITS_WINDOW_BYTES, 65536, 67108864 },
	{ "keys", KSC_A_LIMITS_KEYS, 1, 1048576 },
	{ "keys-per-user", KSC_A_LIMITS_KEYS_PER_USER, 1, 1048576 },
};

/* Parses "192.0.2.0/24" or "2001:db8::/32" for the kernel; NULL on success. */
static const char *take_prefix(char *text, uint8_t prefix[17])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	char *slash = strchr(text, '/'), *end = NULL;
	unsigned long len, most;

	if (slash)
		*slash = '\0';
	memcpy(prefix, mapped, sizeof(mapped));
	if (inet_pton(AF_INET, text, prefix + sizeof(mapped)) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, text, prefix) == 1)
		most = 128;
	else
		return "is not an address";
	len = slash ? strtoul(slash + 1, &end, 10) : most;
	if (slash && (slash[1] < '0' || slash[1] > '9' || *end || len > most))
		return "has an invalid prefix length";
	prefix[16] = (uint8_t)(len + 128 - most);
	return NULL;
}

static void take_trusted(struct ksc_settings *file, const struct ksc_setting *s,
			 struct ksc_limits *limits)
{
	char *items[KSC_MAX_LIST];
	int i, n = ksc_take_list(file, s, items);

	if (n > KSC_MAX_TRUSTED) {
		ksc_complain(file, s->line, "trusted: more than %d prefixes", KSC_MAX_TRUSTED);
		return;
	}
	for (i = 0; i < n; i++) {
		const char *why = take_prefix(items[i], limits->trusted[limits->n_trusted]);

		if (why)
			ksc_complain(file, s->line, "trusted: \"%s\" %s", items[i], why);
		else
			limits->n_trusted++;
	}
}

/**
 * ksc_limits_take() - parse the section [limits]
 * @file: gets complaints
 * @section: the section
 * @limits: set
 */
void ksc_limits_take(struct ksc_settings *file, const struct ksc_section *section,
		     struct ksc_limits *limits)
{
	const size_t n = ARRAY_SIZE(numbers);
	size_t i, k;

	for (i = 0; i < section->n; i++) {
		const struct ksc_setting *s = &section->settings[i];

		if (!strcmp(s->name, "trusted")) {
			take_trusted(file, s, limits);
			continue;
		}
		for (k = 0; k < n && strcmp(s->name, numbers[k].name); k++)
			;
		if (k == n) {
			ksc_complain(file, s->line, "\"%s\" is not a limit", s->name);
			continue;
		}
		limits->set[numbers[k].attr] = true;
		ksc_take_number(file, s, numbers[k].min, numbers[k].max,
				&limits->values[numbers[k].attr]);
	}
	if (limits->set[KSC_A_LIMITS_CLIENT_RESERVE] &&
	    limits->values[KSC_A_LIMITS_CLIENT_RESERVE] >=
	    (limits->set[KSC_A_LIMITS_HANDSHAKES] ? limits->values[KSC_A_LIMITS_HANDSHAKES] :
						    KSC_DEFAULT_HANDSHAKES))
		ksc_complain(file, section->line, "client-reserve leaves nothing for servers");
}
