// SPDX-License-Identifier: GPL-2.0-only
/* Output options shared by list and stats. */
#include <argp.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "ctl/ctl.h"

static const struct argp_option output_options[] = {
	{ "json", 'j', NULL, 0, "Print JSON", 0 },
	{ 0 },
};

/* argp defines the parameters. NOLINTNEXTLINE(readability-non-const-parameter) */
static error_t output_parse(int key, char *arg, struct argp_state *state)
{
	bool *json = state->input;

	(void)arg;
	switch (key) {
	case 'j':
		*json = true;
		return 0;
	case ARGP_KEY_ARG:
		argp_error(state, "too many arguments");
		return EINVAL;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

/**
 * ctl_parse_output() - parse the options of a command that prints
 * @argc: number of arguments
 * @argv: the arguments; the first is the command's name
 * @doc: what --help says about it
 * Return: whether to print JSON
 */
bool ctl_parse_output(int argc, char **argv, const char *doc)
{
	const struct argp argp = { .options = output_options, .parser = output_parse, .doc = doc };
	bool json = false;

	argp_parse(&argp, argc, argv, 0, NULL, &json);
	return json;
}

/**
 * ctl_print_json() - write an object to standard output and free it
 * @object: the object
 * Return: exit status
 */
int ctl_print_json(struct json_object *object)
{
	puts(json_object_to_json_string_ext(object, JSON_C_TO_STRING_PRETTY |
							    JSON_C_TO_STRING_SPACED |
							    JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
	return ferror(stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
