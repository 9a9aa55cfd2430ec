// SPDX-License-Identifier: GPL-2.0-only
/*
 * The results, as a table for people and as JSON.
 */
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "bench.h"

/* A run whose parts differ by more than this is shown with a mark. */
#define SPREAD_LIMIT 0.02

static const char *digits(double v)
{
	return v >= 1000 ? "%12.0f%c" : v >= 100 ? "%12.1f%c" :
	       v >= 10 ? "%12.2f%c" : "%12.3f%c";
}

static void print_value(bool valid, double v, char mark)
{
	if (!valid) {
		printf("%12s ", "-");
		return;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	printf(digits(v), v, mark);
#pragma GCC diagnostic pop
}

static void print_line(const char *name, const struct ksb_figure *f,
		       size_t field, const char *unit)
{
	int i;

	printf("%-36s", name);
	for (i = 0; i < KSB_TRANSPORTS; i++) {
		const struct ksb_cost *c = &f->cost[i];
		double v;

		memcpy(&v, (const char *)c + field, sizeof(v));
		print_value(c->valid, v,
			    c->stalls ? '!' :
			    c->spread > SPREAD_LIMIT ? '~' : ' ');
	}
	print_value(f->raw_aead >= 0 &&
		    field == offsetof(struct ksb_cost, total),
		    f->raw_aead, ' ');
	print_value(f->raw_library >= 0 &&
		    field == offsetof(struct ksb_cost, total),
		    f->raw_library, ' ');
	printf(" %s\n", unit);
}

/**
 * ksb_report_head() - the head of the table
 */
void ksb_report_head(void)
{
	int i;

	printf("%-36s", "");
	for (i = 0; i < KSB_TRANSPORTS; i++)
		printf("%12s ", ksb_transports[i]->name);
	printf("%12s %12s\n", "raw_aead", "raw_library");
}

/**
 * ksb_report_row() - a figure, and below it both directions apart
 * @f: the figure
 */
void ksb_report_row(const struct ksb_figure *f)
{
	print_line(f->name, f, offsetof(struct ksb_cost, total), f->unit);
	if (f->split) {
		print_line("  tx", f, offsetof(struct ksb_cost, tx), "");
		print_line("  rx", f, offsetof(struct ksb_cost, rx), "");
	}
	fflush(stdout);
}

static void add(struct json_object *o, const char *key, bool valid, double v)
{
	char text[32];

	if (!valid) {
		json_object_object_add(o, key, NULL);
		return;
	}
	snprintf(text, sizeof(text), "%.6g", v);
	json_object_object_add(o, key, json_object_new_double_s(v, text));
}

/**
 * ksb_report_json() - write the results
 * @f: the figures
 * @n: number of figures
 * @path: the file
 *
 * Return: 0 or a negative errno.
 */
int ksb_report_json(const struct ksb_figure *f, size_t n, const char *path)
{
	struct json_object *list = json_object_new_array();
	size_t i;
	int t;
	int err;

	for (i = 0; i < n; i++, f++) {
		const struct ksb_cost *own = &f->cost[KSB_KSCHANNEL];
		struct json_object *o = json_object_new_object();

		json_object_object_add(o, "name",
				       json_object_new_string(f->name));
		json_object_object_add(o, "unit",
				       json_object_new_string(f->unit));
		for (t = 0; t < KSB_TRANSPORTS; t++)
			add(o, ksb_transports[t]->name, f->cost[t].valid,
			    f->cost[t].total);
		add(o, "raw_aead", f->raw_aead >= 0, f->raw_aead);
		add(o, "raw_library", f->raw_library >= 0, f->raw_library);
		add(o, "kschannel_tx", own->valid && own->tx > 0, own->tx);
		add(o, "kschannel_rx", own->valid && own->rx > 0, own->rx);
		json_object_array_add(list, o);
	}
	err = json_object_to_file_ext(path, list, JSON_C_TO_STRING_PRETTY |
				      JSON_C_TO_STRING_SPACED |
				      JSON_C_TO_STRING_NOSLASHESCAPE);
	json_object_put(list);
	if (err)
		fprintf(stderr, "%s: %s", path, json_util_get_last_err());
	return err ? -EIO : 0;
}
