// SPDX-License-Identifier: GPL-2.0-only
/* kschannelctl units: the services and sockets of systemd that are enabled. */
#include <argp.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>

#include "ctl/ctl.h"
#include "ctl/enabled.h"
#include "ctl/table.h"

enum { OPT_DIRECTORY = 256 };

/**
 * struct units_options - options of the command line
 * @directory: where drop-ins are
 * @json: print JSON
 */
struct units_options {
	const char *directory;
	bool json;
};

static const struct argp_option units_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ "directory", OPT_DIRECTORY, "DIR", 0,
	  "Where to look (default: " CTL_UNIT_DIRECTORY ")", 0 },
	{ 0 },
};

/* argp defines the parameters. NOLINTNEXTLINE(readability-non-const-parameter) */
static error_t units_parse(int key, char *arg, struct argp_state *state)
{
	struct units_options *opt = state->input;

	switch (key) {
	case 'j':
		opt->json = true;
		return 0;
	case OPT_DIRECTORY:
		opt->directory = arg;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "too many arguments");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const char *way_of(const struct ctl_enabled *unit)
{
	return unit->bpf ? "bpf" : "preload";
}

static int print_json(const struct ctl_enabled *units, size_t n)
{
	struct json_object *list = ctl_alloc(json_object_new_array());

	for (size_t i = 0; i < n; i++) {
		struct json_object *unit = ctl_alloc(json_object_new_object());

		json_object_object_add(unit, "unit", json_object_new_string(units[i].unit));
		json_object_object_add(unit, "way", json_object_new_string(way_of(&units[i])));
		json_object_object_add(unit, "guarded", json_object_new_boolean(units[i].guard));
		json_object_array_add(list, unit);
	}
	return ctl_print_json(list);
}

static void print_table(const struct ctl_enabled *units, size_t n)
{
	struct ctl_table *table = ctl_table_new(3);

	ctl_table_addf(table, "UNIT");
	ctl_table_addf(table, "WAY");
	ctl_table_addf(table, "GUARDED");
	for (size_t i = 0; i < n; i++) {
		ctl_table_add(table, ctl_escape(units[i].unit));
		ctl_table_addf(table, "%s", way_of(&units[i]));
		ctl_table_addf(table, "%s", units[i].guard ? "yes" : "no");
	}
	ctl_table_print(table, "lll");
	ctl_table_free(table);
}

/**
 * ctl_units() - the command "units"
 * @argc: number of arguments
 * @argv: the arguments
 * Return: exit status
 */
int ctl_units(int argc, char **argv)
{
	static const struct argp argp = {
		.options = units_options,
		.parser = units_parse,
		.doc = "Show the units that are enabled, and how.",
	};
	struct units_options opt = { .directory = CTL_UNIT_DIRECTORY };
	struct ctl_enabled *units;
	int status = EXIT_SUCCESS;
	size_t n;

	argp_parse(&argp, argc, argv, 0, NULL, &opt);
	n = ctl_enabled_units(opt.directory, &units);
	if (opt.json)
		status = print_json(units, n);
	else
		print_table(units, n);
	free(units);
	return status;
}
