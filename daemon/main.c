// SPDX-License-Identifier: GPL-2.0-only
/* kschanneld: runs the handshakes of the sockets that kschannel.ko protects. */
#include <argp.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <gnutls/gnutls.h>

#include "common/message.h"
#include "config/advice.h"
#include "config/config.h"
#include "config/hidden.h"
#include "process/control.h"
#include "process/fields.h"
#include "process/listen.h"
#include "process/log.h"
#include "process/manager.h"
#include "process/memory.h"
#include "process/sandbox.h"
#include "reload/expiry.h"
#include "reload/intake.h"
#include "reload/loader.h"
#include "reload/reader.h"
#include "reload/reload.h"
#include "reload/renew.h"
#include "worker.h"

#ifndef KSC_VERSION
#define KSC_VERSION "0.1"
#endif

const char *argp_program_version = "kschanneld " KSC_VERSION;

/**
 * struct options - options of the command line
 * @config: path of the configuration
 * @control: path of the socket for --reload, or NULL
 * @context: path of the context socket, if the service manager does not pass one
 * @check: only check the configuration
 * @reload: ask the running daemon to reload
 * @ready_fd: gets a newline when the daemon is ready, or -1
 */
struct options {
	const char *config;
	const char *control;
	const char *context;
	bool check;
	bool reload;
	int ready_fd;
};

/**
 * struct daemon - state of the daemon
 * @options: the command line
 * @intake: receives from the reader
 * @reload: reloads the configuration
 * @renew: requests automatic reloads
 * @expiry: warns of certificates that will expire
 * @loader: builds the configuration
 * @control: socket for requests to reload
 * @config: the configuration in force, owned by the worker
 * @worker: the worker
 * @begun: settings from the start, which a reload does not change: account and threads
 * @stopped: a signal has asked the daemon to stop
 */
struct daemon {
	struct options options;
	struct ksc_intake *intake;
	struct ksc_reload *reload;
	struct ksc_renew *renew;
	struct ksc_expiry *expiry;
	struct ksc_loader *loader;
	struct ksc_control *control;
	struct ksc_config *config;
	struct ksc_worker *worker;
	struct ksc_config begun;
	bool stopped;
};

enum {
	OPTION_CHECK = 256,
	OPTION_READY_FD,
	OPTION_FOREGROUND,
	OPTION_CONTROL,
	OPTION_CONTEXT,
	OPTION_RELOAD,
};

static const struct argp_option option_table[] = {
	{ "config", 'c', "FILE", 0, "The configuration; " KSC_CONFIG_FILE " by default", 0 },
	{ "check-config", OPTION_CHECK, NULL, 0,
	  "Check the configuration, or the FILE given, and exit", 0 },
	{ "control", OPTION_CONTROL, "PATH", 0, "The socket for --reload", 0 },
	{ "context", OPTION_CONTEXT, "PATH", 0, "The socket for applications that carry their "
	  "tokens themselves; " KSC_CONTEXT_SOCKET " by default", 0 },
	{ "reload", OPTION_RELOAD, NULL, 0,
	  "Have the running daemon reload its configuration, and wait for the result", 0 },
	{ "foreground", OPTION_FOREGROUND, NULL, 0,
	  "Stay in the foreground, which is the default", 0 },
	{ "ready-fd", OPTION_READY_FD, "N", 0,
	  "Write a newline to this descriptor when handshakes can begin", 0 },
	{ 0 },
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;
	char *end;

	switch (key) {
	case 'c':
		options->config = arg;
		return 0;
	case OPTION_CHECK:
		options->check = true;
		return 0;
	case OPTION_CONTROL:
		options->control = arg;
		return 0;
	case OPTION_CONTEXT:
		options->context = arg;
		return 0;
	case OPTION_RELOAD:
		options->reload = true;
		return 0;
	case OPTION_FOREGROUND:
		return 0;
	case OPTION_READY_FD:
		options->ready_fd = (int)strtol(arg, &end, 10);
		if (!*arg || *end || options->ready_fd < 0)
			argp_error(state, "%s is not a descriptor", arg);
		return 0;
	case ARGP_KEY_ARG:
		if (!options->check || state->arg_num)
			return ARGP_ERR_UNKNOWN;
		options->config = arg;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static const struct argp parser = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "[FILE]",
	.doc = "Runs the TLS handshakes of the sockets that the kschannel module protects.",
};

/* Writes to the journal, and to the client that requested the reload. */
static void __attribute__((format(printf, 3, 4)))
tell(FILE *answer, enum ksc_log_level level, const char *fmt, ...)
{
	struct ksc_fields fields = { .len = 0 };
	va_list args;
	char *line;
	int rc;

	va_start(args, fmt);
	rc = vasprintf(&line, fmt, args);
	va_end(args);
	if (rc < 0)
		return;
	ksc_fields_add(&fields, "reason", line);
	ksc_log(level, "event=configuration%s", fields.text);
	if (answer)
		fprintf(answer, "%s\n", line);
	free(line);
}

/* Complaints go to the journal like everything else, line by line. */
static void tell_all(FILE *answer, char *complaints)
{
	char *line;

	while ((line = strsep(&complaints, "\n")))
		if (*line)
			tell(answer, KSC_LOG_ERROR, "%s", line);
}

/* Loads the same way as each reload, so that both find the same problems. */
static struct ksc_config *start_config(struct daemon *d)
{
	struct ksc_config *config;
	struct ksc_handed *handed;
	char *complaints;
	const int rc = ksc_intake_load(d->intake, KSC_INTAKE_MS, &handed);

	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=load-failed file=%s reason=\"%s\"",
			d->options.config, ksc_intake_fault(-rc));
		return NULL;
	}
	config = ksc_loader_make(d->options.config, handed, &complaints);
	tell_all(NULL, complaints);
	free(complaints);
	return config;
}

static void on_stop(struct ev_loop *loop, ev_signal *signal, int events)
{
	struct daemon *d = signal->data;

	(void)loop;
	(void)events;
	d->stopped = true;
	ksc_worker_drain(d->worker);
}

static bool other_user(const struct ksc_config *a, const struct ksc_config *b)
{
	return a->has_user != b->has_user ||
	       (a->has_user && (a->uid != b->uid || a->gid != b->gid));
}

static bool configure(struct daemon *d, struct ksc_config *config, FILE *answer)
{
	int rc;

	if (other_user(config, &d->begun))
		tell(answer, KSC_LOG_WARNING, "user: the change needs a restart");
	if (config->workers != d->begun.workers)
		tell(answer, KSC_LOG_WARNING, "workers: %u until the next start",
		     d->begun.workers);
	rc = ksc_worker_configure(d->worker, config);
	if (rc) {
		tell(answer, KSC_LOG_ERROR, "the kernel rejected the policy: %s",
		     strerror(-rc));
		ksc_config_free(config);
		return false;
	}
	d->config = config;
	ksc_log_set_level(config->log_level);
	ksc_log(KSC_LOG_INFO, "event=loaded");
	ksc_expiry_watch(d->expiry, config->credentials);
	return true;
}

static void on_begin(void *ptr)
{
	struct daemon *d = ptr;

	ksc_control_begin(d->control);
	ksc_renew_begin(d->renew);
}

/* Completes a load; its complaints have been logged. */
static void conclude(struct daemon *d, bool taken, FILE *answer, char **text)
{
	if (!taken)
		tell(answer, KSC_LOG_ERROR, "the configuration is unchanged");
	if (answer)
		fclose(answer);
	ksc_control_answer(d->control, taken, *text ? *text : "");
	free(*text);
	ksc_renew_done(d->renew, taken);
	ksc_reload_done(d->reload);
}

static void on_loaded(void *ptr, struct ksc_config *config, char *complaints)
{
	struct daemon *d = ptr;
	char *text = NULL;
	size_t size;
	FILE *answer = open_memstream(&text, &size);

	tell_all(answer, complaints);
	conclude(d, config && configure(d, config, answer), answer, &text);
}

static void on_end(void *ptr, struct ksc_handed *handed, int error)
{
	struct daemon *d = ptr;
	char *text = NULL;
	size_t size;
	FILE *answer;

	if (!error) {
		ksc_loader_load(d->loader, handed);
		return;
	}
	answer = open_memstream(&text, &size);
	tell(answer, KSC_LOG_ERROR, "%s: %s", d->options.config, ksc_intake_fault(error));
	conclude(d, false, answer, &text);
}

/* The only event that the reader can cause without a request. */
static void on_changed(void *ptr)
{
	struct daemon *d = ptr;

	if (d->config->watch)
		ksc_renew_changed(d->renew);
}

static void on_due(void *ptr, bool retry)
{
	struct daemon *d = ptr;

	ksc_log(KSC_LOG_INFO, "event=load-started reason=\"%s\"",
		retry ? "the last load failed" : "a file has changed");
	ksc_reload_ask(d->reload);
}

/*
 * The daemon has dropped the privileges to start a new reader, and could no longer load renewed
 * files. So it exits, and connections wait for the next daemon.
 */
static void on_gone(void *ptr)
{
	struct daemon *d = ptr;

	ksc_log(KSC_LOG_ERROR, "event=reader-gone reason=\"%s\"", ksc_intake_fault(EPIPE));
	ksc_worker_drain(d->worker);
}

static const struct ksc_reload_ops reload_ops = {
	.begin = on_begin, .end = on_end, .changed = on_changed, .gone = on_gone,
};

static void on_asked(void *ptr)
{
	struct daemon *d = ptr;

	ksc_reload_ask(d->reload);
}

static void on_hangup(struct ev_loop *loop, ev_signal *signal, int events)
{
	(void)loop;
	(void)events;
	on_asked(signal->data);
}

/* Without the control socket, a signal still reloads. */
static struct ksc_control *open_control(struct daemon *d, struct ev_loop *loop)
{
	struct ksc_control *control = NULL;
	char buf[PATH_MAX];
	const char *path = ksc_control_path(d->options.control, NULL, buf, sizeof(buf));

	if (path)
		control = ksc_control_new(loop, path, on_asked, d);
	if (path && !control)
		ksc_log(KSC_LOG_WARNING, "event=no-control-socket path=%s reason=\"%s\"", path,
			strerror(errno));
	return control;
}

/* Sockets' handshakes do not depend on this. */
static void listen_to_applications(struct daemon *d)
{
	int fd = ksc_listen_given();

	if (fd == -ENOENT)
		fd = ksc_listen_make(d->options.context);
	if (fd >= 0)
		ksc_worker_listen(d->worker, fd);
	else
		ksc_log(KSC_LOG_WARNING, "event=no-context-socket path=%s reason=\"%s\"",
			d->options.context, strerror(-fd));
}

static bool ask_to_reload(const struct options *options)
{
	char buf[PATH_MAX];

	return ksc_control_reload(ksc_control_path(options->control, KSC_CONTROL_SOCKET, buf,
						   sizeof(buf)), stderr);
}

static bool moves(void *ptr)
{
	const struct daemon *d = ptr;

	return ksc_worker_moves(d->worker);
}

static void tell_ready(struct daemon *d, struct ksc_manager *manager, struct ev_loop *loop)
{
	const struct options *options = &d->options;

	if (options->ready_fd >= 0) {
		if (write(options->ready_fd, "\n", 1) != 1)
			ksc_log(KSC_LOG_WARNING, "event=no-ready-fd reason=\"%s\"",
				strerror(errno));
		close(options->ready_fd);
	}
	ksc_manager_ready(manager, loop, moves, d);
}

static const char *start_problem(int error)
{
	switch (error) {
	case ENOENT:
		return "the kschannel module is not loaded";
	case EBUSY:
		return "another daemon serves this network namespace";
	case EPERM:
		return "this needs CAP_NET_ADMIN";
	}
	return strerror(error);
}

/* All threads exist by now; none can be created afterwards. */
static bool confine(struct daemon *d)
{
	int rc = ksc_sandbox_drop(d->config->has_user, d->config->uid, d->config->gid);

	if (!rc)
		rc = ksc_sandbox_confine();
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=sandbox-failed reason=\"%s\"", strerror(-rc));
		return false;
	}
	rc = ksc_worker_employ(d->worker);
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=threads-failed threads=%u reason=\"%s\"",
			d->config->workers, strerror(-rc));
		return false;
	}
	rc = ksc_loader_start(d->loader);
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=loader-failed reason=\"%s\"", strerror(-rc));
		return false;
	}
	rc = ksc_sandbox_seal();
	if (rc)
		ksc_log(KSC_LOG_ERROR, "event=seccomp-failed reason=\"%s\"", strerror(-rc));
	return !rc;
}

static int serve(struct daemon *d, struct ev_loop *loop)
{
	ev_signal term, interrupt, hangup;
	struct ksc_manager manager;
	int rc;

	/* the reader of the readiness message may be gone */
	signal(SIGPIPE, SIG_IGN);
	ev_signal_init(&term, on_stop, SIGTERM);
	ev_signal_init(&interrupt, on_stop, SIGINT);
	ev_signal_init(&hangup, on_hangup, SIGHUP);
	term.data = d;
	interrupt.data = d;
	hangup.data = d;
	ev_signal_start(loop, &term);
	ev_signal_start(loop, &interrupt);
	ev_signal_start(loop, &hangup);
	rc = ksc_worker_start(d->worker);
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "event=start-failed reason=\"%s\"", start_problem(-rc));
		return EXIT_FAILURE;
	}
	ksc_manager_open(&manager);
	d->reload = ksc_reload_new(loop, d->intake, KSC_INTAKE_MS, &reload_ops, d);
	d->renew = ksc_renew_new(loop, &ksc_renew_times, on_due, d);
	d->expiry = ksc_expiry_new(loop);
	d->loader = ksc_loader_new(loop, d->options.config, on_loaded, d);
	if (!d->reload || !d->renew || !d->expiry || !d->loader)
		return EXIT_FAILURE;
	ksc_expiry_watch(d->expiry, d->config->credentials);
	d->control = open_control(d, loop);
	listen_to_applications(d);
	if (!confine(d))
		return EXIT_FAILURE;
	/* not before it is confined: the waiting process may leave the daemon alone from then on */
	tell_ready(d, &manager, loop);
	ksc_log(KSC_LOG_INFO, "event=ready");
	ev_run(loop, 0);
	ksc_manager_close(&manager);
	ksc_log(KSC_LOG_INFO, "event=stopped");
	return d->stopped ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Called before there are keys: once swapped out, they can be found on a disk years later. */
static void keep_memory(void)
{
	const int rc = ksc_memory_keep();

	if (rc)
		ksc_log(KSC_LOG_WARNING, "event=memory-not-locked reason=\"%s\"",
			rc == -EPERM ? "RLIMIT_MEMLOCK is not unlimited" : strerror(-rc));
}

/* Each connected application takes one. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		ksc_log(KSC_LOG_WARNING, "event=nofile-not-raised reason=\"%s\"", strerror(errno));
}

static struct ksc_intake *start_reader(const char *path)
{
	pid_t pid;
	const int fd = ksc_reader_start(path, &pid);
	struct ksc_intake *intake = fd < 0 ? NULL : ksc_intake_new(fd);

	if (!intake)
		ksc_log(KSC_LOG_ERROR, "event=start-failed reason=\"%s\"",
			strerror(fd < 0 ? -fd : ENOMEM));
	return intake;
}

int main(int argc, char **argv)
{
	struct daemon d = { .options = { .config = KSC_CONFIG_FILE, .ready_fd = -1,
					.context = KSC_CONTEXT_SOCKET } };
	struct ev_loop *loop;
	int rc = EXIT_FAILURE;

	if (argp_parse(&parser, argc, argv, 0, NULL, &d.options))
		return EXIT_FAILURE;
	if (d.options.reload)
		return ask_to_reload(&d.options) ? EXIT_SUCCESS : EXIT_FAILURE;
	ksc_log_open(STDERR_FILENO);
	if (d.options.check) {
		d.config = ksc_config_load(d.options.config, stderr);
		if (d.config) {
			ksc_hidden_warn(d.options.config);
			ksc_advice_give(d.config, d.options.config);
		}
		rc = d.config ? EXIT_SUCCESS : EXIT_FAILURE;
		ksc_config_free(d.config);
		return rc;
	}
	keep_memory();
	d.intake = start_reader(d.options.config);
	if (!d.intake)
		return EXIT_FAILURE;
	d.config = start_config(&d);
	if (!d.config)
		return EXIT_FAILURE;
	ksc_log_set_level(d.config->log_level);
	loop = ev_default_loop(EVBACKEND_EPOLL | EVFLAG_NOENV);
	if (!loop) {
		ksc_log(KSC_LOG_ERROR, "event=start-failed reason=\"no event loop\"");
		ksc_config_free(d.config);
		return EXIT_FAILURE;
	}
	d.begun = (struct ksc_config) {
		.workers = d.config->workers, .has_user = d.config->has_user,
		.uid = d.config->uid, .gid = d.config->gid,
	};
	raise_descriptors();
	d.worker = ksc_worker_new(loop, d.config);
	if (d.worker) {
		rc = serve(&d, loop);
		ksc_control_free(d.control);
		ksc_reload_free(d.reload);
		ksc_renew_free(d.renew);
		ksc_expiry_free(d.expiry);
		/* An orderly exit is not safe while a thread still runs. */
		if (!ksc_loader_free(d.loader) || !ksc_worker_free(d.worker)) {
			ksc_log(KSC_LOG_WARNING,
				"event=stop-incomplete reason=\"a step or a load did not end\"");
			_exit(rc);
		}
	} else {
		ksc_log(KSC_LOG_ERROR, "event=start-failed reason=\"%s\"", start_problem(errno));
		ksc_config_free(d.config);
	}
	ksc_intake_free(d.intake);
	return rc;
}
