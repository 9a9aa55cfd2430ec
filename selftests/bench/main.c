// SPDX-License-Identifier: GPL-2.0-only
/*
 * ksc-bench: the command line, and which figures are measured.
 */
#include <argp.h>
#include <err.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench.h"
#include "works.h"

const char *const ksb_suite_names[KSB_SUITES] = {
	[KSB_AES128]	= "aes-128-gcm",
	[KSB_AES256]	= "aes-256-gcm",
	[KSB_CHACHA]	= "chacha20-poly1305",
};

const struct ksb_transport *const ksb_transports[KSB_TRANSPORTS] = {
	[KSB_PLAIN]		= &ksb_plain,
	[KSB_KTLS]		= &ksb_ktls,
	[KSB_KTLS_NOPAD]	= &ksb_ktls_nopad,
	[KSB_KSCHANNEL]		= &ksb_kschannel,
	[KSB_GNUTLS]		= &ksb_gnutls,
	[KSB_OPENSSL]		= &ksb_openssl,
};

struct ksb_options ksb_opt = {
	.scale		= 1,
	.connections	= 1000,
	.most		= 1000,
};

static const char *select_prefix = "";
static const char *json_path;
static struct ksb_figure figures[128];
static size_t n_figures;
static unsigned int failed;
/* Transports that this machine does not have. */
static unsigned int lacking;

static unsigned int parse_set(struct argp_state *state, const char *arg,
			      const char *(*name)(int), int n)
{
	char *copy = strdup(arg);
	char *save;
	char *word;
	unsigned int set = 0;
	int i;

	for (word = strtok_r(copy, ",", &save); word;
	     word = strtok_r(NULL, ",", &save)) {
		for (i = 0; i < n && strcmp(word, name(i)); i++)
			;
		if (i == n)
			argp_error(state, "there is no '%s'", word);
		set |= 1U << i;
	}
	free(copy);
	return set;
}

static const char *transport_name(int i)
{
	return ksb_transports[i]->name;
}

static const char *suite_name(int i)
{
	return ksb_suite_names[i];
}

enum {
	OPT_TIME = 't',
	OPT_OUTPUT = 'o',
	OPT_TRANSPORTS = 'T',
	OPT_SUITES = 's',
	OPT_SCALE = 'x',
	OPT_CONNECTIONS = 'c',
	OPT_MOST = 'm',
};

static error_t parse(int key, char *arg, struct argp_state *state)
{
	char *end;

	switch (key) {
	case OPT_TIME:
		ksb_opt.wall = true;
		return 0;
	case OPT_OUTPUT:
		json_path = arg;
		return 0;
	case OPT_TRANSPORTS:
		ksb_opt.transports = parse_set(state, arg, transport_name,
					       KSB_TRANSPORTS);
		return 0;
	case OPT_SUITES:
		ksb_opt.suites = parse_set(state, arg, suite_name, KSB_SUITES);
		return 0;
	case OPT_SCALE:
		ksb_opt.scale = strtod(arg, &end);
		if (end == arg || *end || !(ksb_opt.scale > 0))
			argp_error(state, "'%s' is not a factor", arg);
		return 0;
	case OPT_CONNECTIONS:
		ksb_opt.connections = (unsigned int)strtoul(arg, &end, 10);
		if (end == arg || *end || !ksb_opt.connections)
			argp_error(state, "'%s' is not a number", arg);
		return 0;
	case OPT_MOST:
		ksb_opt.most = (unsigned int)strtoul(arg, &end, 10);
		if (end == arg || *end || !ksb_opt.most)
			argp_error(state, "'%s' is not a number", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (state->arg_num)
			argp_usage(state);
		select_prefix = arg;
		return 0;
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp_option options[] = {
	{ "time", OPT_TIME, NULL, 0,
	  "Measure time on this machine, not instructions", 0 },
	{ "output", OPT_OUTPUT, "FILE", 0, "Write the results as JSON", 0 },
	{ "transports", OPT_TRANSPORTS, "LIST", 0,
	  "Only these: plain,ktls,ktls_nopad,kschannel,gnutls,openssl", 0 },
	{ "suites", OPT_SUITES, "LIST", 0,
	  "Only these: aes-128-gcm,aes-256-gcm,chacha20-poly1305", 0 },
	{ "scale", OPT_SCALE, "FACTOR", 0, "Do so many times the work", 0 },
	{ "connections", OPT_CONNECTIONS, "N", 0,
	  "How many idle connections (1000)", 0 },
	{ "most", OPT_MOST, "N", 0,
	  "Leave out what takes more connections (1000); 10000 take a quarter of an hour", 0 },
	{ 0 }
};

static const struct argp argp = {
	.options	= options,
	.parser		= parse,
	.args_doc	= "[PREFIX]",
	.doc		= "Measure what protected TCP costs: the figures whose "
			  "names start with PREFIX, or with $BENCH, or all. "
			  "Without --time this is for a guest whose clock "
			  "counts instructions.",
};

/* Plain TCP costs the same whatever the suite: the figure is taken over. */
static const struct ksb_cost *plain_before(const struct ksb_work *w)
{
	size_t len = strlen(w->name);
	size_t i;

	for (i = 0; i < n_figures; i++)
		if (!strncmp(figures[i].name, w->name, len) &&
		    figures[i].name[len] == '/')
			return &figures[i].cost[KSB_PLAIN];
	return NULL;
}

static int measure_cost(const struct ksb_work *w, enum ksb_suite suite, int i,
			struct ksb_cost *cost)
{
	switch (w->kind) {
	case KSB_MEMORY:
		return ksb_measure_memory(ksb_transports[i], suite, cost);
	case KSB_HANDSHAKE:
		return ksb_measure_handshake(i, suite, w->resume, cost);
	case KSB_GROWTH:
		return ksb_measure_growth(i, suite, w, cost);
	case KSB_SCALE:
		return ksb_measure_scale(ksb_transports[i], suite, w, cost);
	case KSB_CONTEXT:
		return ksb_measure_context(i, suite, cost);
	case KSB_CONTEXT_MEMORY:
		return ksb_measure_context_memory(i, suite, cost);
	case KSB_POLICY:
		return ksb_measure_policy(i, suite, w, cost);
	default:
		return ksb_measure_transfer(ksb_transports[i], suite, w, cost);
	}
}

static void measure_one(const struct ksb_work *w, enum ksb_suite suite,
			int i, struct ksb_cost *cost)
{
	int err;

	if (i == KSB_PLAIN) {
		const struct ksb_cost *before = plain_before(w);

		if (before) {
			*cost = *before;
			return;
		}
	}
	err = measure_cost(w, suite, i, cost);
	if (!err)
		return;
	cost->valid = false;
	if (err == -EOPNOTSUPP)
		return;
	if (err == -ENOENT && ksb_opt.wall) {
		lacking |= 1U << i;
		return;
	}
	failed++;
	fprintf(stderr, "ksc-bench: %s/%s over %s: %s\n", w->name,
		ksb_suite_names[suite], ksb_transports[i]->name,
		strerror(-err));
}

static bool per_suite(const struct ksb_work *w)
{
	return w->kind != KSB_MEMORY && w->kind != KSB_HANDSHAKE &&
	       w->kind != KSB_GROWTH && w->kind != KSB_SCALE &&
	       w->kind != KSB_CONTEXT && w->kind != KSB_CONTEXT_MEMORY &&
	       w->kind != KSB_POLICY;
}

/* What sealing and opening would cost the work if nothing else did. */
static double raw_for(const struct ksb_work *w, enum ksb_suite suite,
		      double (*raw)(enum ksb_suite suite, size_t record))
{
	size_t record = w->write < KSB_RECORD ? w->write : KSB_RECORD;
	double per_byte;

	if (!per_suite(w))
		return -1;
	per_byte = raw(suite, record);
	if (per_byte < 0)
		return -1;
	if (w->kind == KSB_RR)
		return per_byte * 2 * (double)w->write;
	return per_byte;
}

static void add_figure(const struct ksb_figure *f)
{
	if (n_figures == sizeof(figures) / sizeof(figures[0]))
		errx(EXIT_FAILURE, "too many figures");
	if (!n_figures)
		ksb_report_head();
	ksb_report_row(f);
	figures[n_figures++] = *f;
}

/* The client's and the server's part as figures of their own. */
static void add_sides(const struct ksb_figure *f)
{
	struct ksb_figure client = *f;
	struct ksb_figure server = *f;
	int i;

	for (i = 0; i < KSB_TRANSPORTS; i++) {
		const struct ksb_cost *c = &f->cost[i];
		bool valid = c->valid && i != KSB_PLAIN;

		client.cost[i] = (struct ksb_cost){ valid, .total = c->tx };
		server.cost[i] = (struct ksb_cost){ valid, .total = c->rx };
	}
	snprintf(client.name, sizeof(client.name), "%.40s/client", f->name);
	snprintf(server.name, sizeof(server.name), "%.40s/server", f->name);
	add_figure(&client);
	add_figure(&server);
}

/* What an endpoint takes just after it was used, as a figure of its own. */
static void add_used(struct ksb_figure *f)
{
	struct ksb_figure used = *f;
	int i;

	for (i = 0; i < KSB_TRANSPORTS; i++) {
		used.cost[i] = (struct ksb_cost){ f->cost[i].valid,
						  .total = f->cost[i].tx };
		f->cost[i].tx = 0;
	}
	snprintf(used.name, sizeof(used.name), "memory/used-connection");
	add_figure(&used);
}

/* TCP's TIME_WAIT and a bit */
#define SETTLE_S 65

/*
 * What many closed connections leave behind is freed in the minute after, and would be
 * counted with the next figure. A clock that counts instructions jumps over the wait.
 */
static void settle(const struct ksb_work *w)
{
	static bool unsettled;

	if (unsettled && !ksb_opt.wall)
		sleep(SETTLE_S);
	unsettled = !per_suite(w) && w->kind != KSB_GROWTH;
}

static void measure(const struct ksb_work *w, enum ksb_suite suite)
{
	struct ksb_figure f = { 0 };
	int i;

	/* Without a suite in their names: those of the first one. */
	if (!per_suite(w) && suite)
		return;
	/* Counting instructions takes a machine with one CPU. */
	if (w->kind == KSB_SCALE &&
	    sysconf(_SC_NPROCESSORS_ONLN) < KSB_PROCESSES)
		return;
	snprintf(f.name, sizeof(f.name), "%s%s%s", w->name,
		 per_suite(w) ? "/" : "",
		 per_suite(w) ? ksb_suite_names[suite] : "");
	if (strncmp(f.name, select_prefix, strlen(select_prefix)) ||
	    w->connections > ksb_opt.most)
		return;
	if (w->kind == KSB_MEMORY || w->kind == KSB_CONTEXT_MEMORY)
		snprintf(f.unit, sizeof(f.unit), "%s", w->unit);
	else
		snprintf(f.unit, sizeof(f.unit), "%s/%s",
			 ksb_opt.wall ? "ns" : "instructions", w->unit);
	settle(w);
	for (i = 0; i < KSB_TRANSPORTS; i++)
		if (ksb_opt.transports & (1U << i))
			measure_one(w, suite, i, &f.cost[i]);
	f.raw_aead = raw_for(w, suite, ksb_raw_aead);
	f.raw_library = raw_for(w, suite, ksb_raw_library);
	f.split = per_suite(w);
	if (w->kind == KSB_MEMORY)
		add_used(&f);
	add_figure(&f);
	if (w->kind == KSB_HANDSHAKE)
		add_sides(&f);
}

static void raise_limits(void)
{
	struct rlimit lim;

	const rlim_t wanted = 100000;

	if (getrlimit(RLIMIT_NOFILE, &lim))
		return;
	/* Root may have more than that. */
	if (lim.rlim_max < wanted &&
	    !setrlimit(RLIMIT_NOFILE, &(struct rlimit){ wanted, wanted }))
		return;
	lim.rlim_cur = lim.rlim_max;
	setrlimit(RLIMIT_NOFILE, &lim);
}

int main(int argc, char **argv)
{
	const char *bench = getenv("BENCH");
	unsigned int i;
	int suite;

	if (bench)
		select_prefix = bench;
	ksb_opt.transports = (1U << KSB_TRANSPORTS) - 1;
	ksb_opt.suites = (1U << KSB_SUITES) - 1;
	argp_parse(&argp, argc, argv, 0, NULL, NULL);
	signal(SIGPIPE, SIG_IGN);
	raise_limits();
	for (suite = 0; suite < KSB_SUITES; suite++)
		for (i = 0; i < ksb_n_works; i++)
			if (ksb_opt.suites & (1U << suite))
				measure(&ksb_works[i], suite);
	ksb_growth_end();
	for (i = 0; i < KSB_TRANSPORTS; i++)
		if (lacking & (1U << i))
			warnx("this machine has no %s", transport_name((int)i));
	if (!n_figures)
		errx(EXIT_FAILURE, "nothing is called '%s...'", select_prefix);
	if (json_path && ksb_report_json(figures, n_figures, json_path))
		return EXIT_FAILURE;
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
