// SPDX-License-Identifier: GPL-2.0-only
/* Allocations that fail when a test says so: Documentation/fault-injection of the kernel. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "fault.h"
#include "own.h"

#define FAULTS "/sys/kernel/debug/"
/* Far more than any operation has */
#define MAX_FAULTS 400
#define MAX_WORKERS 256

static const char *const kinds[] = { "failslab", "fail_page_alloc", "fail_usercopy" };

static int nth = -1;
/* the current walk, and its progress */
static const char *walking;
static unsigned int step;
/* the kernel's workers: in each, one of what the module allocates there is to fail */
static int workers[MAX_WORKERS];
static size_t nworkers;

static bool write_to(const char *file, const char *text)
{
	t_keep(file);
	return t_write_file(file, text);
}

static void set_fault(const char *kind, const char *name, unsigned long value)
{
	char file[128], text[32];

	snprintf(file, sizeof(file), FAULTS "%s/%s", kind, name);
	snprintf(text, sizeof(text), "%lu", value);
	if (!write_to(file, text))
		fail_msg("%s: %s", file, strerror(errno));
}

static void set_faults(const char *name, unsigned long value)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		set_fault(kinds[i], name, value);
}

/**
 * struct range - where code is
 * @start: its first byte
 * @end: the first that is not
 */
struct range {
	unsigned long start;
	unsigned long end;
};

/*
 * Allocations below the module's code fail; but not the FIN's: on allocation failure TCP itself
 * drops the FIN.
 */
static void find_code(struct range *module, struct range *fin)
{
	FILE *symbols = fopen("/proc/kallsyms", "re");
	char line[512], type, name[256], owner[64];
	unsigned long at;

	assert_non_null(symbols);
	*module = (struct range){ .start = ~0UL };
	*fin = (struct range){ 0 };
	while (fgets(line, sizeof(line), symbols)) {
		int n = sscanf(line, "%lx %c %255s %63s", &at, &type, name, owner);

		/* the kernel's own are in order */
		if (n == 3 && fin->start && !fin->end)
			fin->end = at;
		if (n == 3 && !strcmp(name, "tcp_send_fin"))
			fin->start = at;
		if (n != 4 || strcmp(owner, "[kschannel]") != 0 || (type != 't' && type != 'T'))
			continue;
		module->start = at < module->start ? at : module->start;
		module->end = at > module->end ? at : module->end;
	}
	(void)fclose(symbols);
	assert_true(module->start && module->start < module->end);
	assert_true(fin->start && fin->start < fin->end);
	/* the last function is shorter than that */
	module->end += 4096;
}

/**
 * fault_possible() - does the kernel have fault injection?
 * Return: whether it is
 */
bool fault_possible(void)
{
	return !access("/proc/thread-self/fail-nth", R_OK | W_OK) &&
	       !access(FAULTS "failslab", X_OK);
}

/**
 * fault_setup() - get ready, before a test
 * @state: unused
 * Return: 0
 */
int fault_setup(void **state)
{
	struct range module, fin;

	t_setup(state);
	find_code(&module, &fin);
	set_faults("probability", 0);
	set_faults("verbose", 0);
	set_faults("interval", 1);
	set_faults("space", 0);
	/* as many frames as it looks at */
	set_faults("stacktrace-depth", 32);
	set_faults("require-start", module.start);
	set_faults("require-end", module.end);
	set_faults("reject-start", fin.start);
	set_faults("reject-end", fin.end);
	for (int i = 0; i < 2; i++) {
		char file[128];

		snprintf(file, sizeof(file), FAULTS "%s/ignore-gfp-wait", kinds[i]);
		assert_true(write_to(file, "N"));
	}
	assert_true(write_to(FAULTS "fail_page_alloc/ignore-gfp-highmem", "N"));
	set_fault("fail_page_alloc", "min-order", 0);
	nth = (int)SYS(open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC));
	return 0;
}

/**
 * fault_teardown() - stop injecting faults
 * @state: unused
 * Return: 0
 */
int fault_teardown(void **state)
{
	(void)state;
	if (walking)
		print_message("# %s: it was fault %u\n", walking, step);
	walking = NULL;
	while (nworkers > 0)
		(void)!pwrite(workers[--nworkers], "0", 1, 0);
	if (nth >= 0 && pwrite(nth, "0", 1, 0) == 1)
		close(nth);
	nth = -1;
	set_faults("probability", 0);
	set_faults("task-filter", 0);
	set_faults("require-start", 0);
	set_faults("require-end", ~0UL);
	set_faults("reject-start", 0);
	set_faults("reject-end", 0);
	return 0;
}

/* A call for a task has been made: not if that is a worker, which may exit when it is idle */
static bool made(ssize_t ret, bool worker)
{
	if (worker && ret < 0 && errno == ESRCH)
		return false;
	SYS(ret);
	return true;
}

static void arm_one(int fd, unsigned int n, bool worker)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", n);
	made(pwrite(fd, text, strlen(text), 0), worker);
}

/* Was there a fault? */
static bool disarm_one(int fd, bool worker)
{
	char text[16] = "";

	return made(pread(fd, text, sizeof(text) - 1, 0), worker) &&
	       made(pwrite(fd, "0", 1, 0), worker) && !strtoul(text, NULL, 10);
}

static size_t find_workers(void)
{
	char path[300], name[32];
	struct dirent *entry;
	DIR *proc = opendir("/proc");
	size_t found = 0;

	assert_non_null(proc);
	while ((entry = readdir(proc)) != NULL) {
		FILE *comm;
		bool is;

		if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
			continue;
		snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
		comm = fopen(path, "re");
		if (!comm)
			continue;
		is = fgets(name, sizeof(name), comm) && !strncmp(name, "kworker/", 8);
		(void)fclose(comm);
		if (!is)
			continue;
		assert_true(found < MAX_WORKERS);
		snprintf(path, sizeof(path), "/proc/%s/fail-nth", entry->d_name);
		workers[found] = open(path, O_RDWR | O_CLOEXEC);
		/* one that had nothing to do may have gone */
		if (workers[found] >= 0)
			found++;
	}
	closedir(proc);
	return found;
}

static void arm(const struct fault_walk *walk, unsigned int n)
{
	if (!walk->workers) {
		arm_one(nth, n, false);
		return;
	}
	nworkers = find_workers();
	for (size_t i = 0; i < nworkers; i++)
		arm_one(workers[i], n, true);
}

static bool disarm(const struct fault_walk *walk)
{
	bool hit = false;

	if (!walk->workers)
		return disarm_one(nth, false);
	for (size_t i = 0; i < nworkers; i++) {
		hit |= disarm_one(workers[i], true);
		close(workers[i]);
	}
	nworkers = 0;
	return hit;
}

static bool may_be(const struct fault_walk *walk, int error)
{
	return error == ENOMEM || error == ENOBUFS || error == EFAULT ||
	       (walk->error && error == walk->error);
}

/**
 * fault_refused() - an answer of the daemon's was refused a second time
 * @fd: the socket whose handshake it is for
 *
 * What reaches the handshake and can't be taken ends it; what does not get there, changes
 * nothing and can be said again.
 */
void fault_refused(int fd)
{
	/* the handshake may have ended by then, or not yet */
	assert_true(errno == ESTALE || errno == ENOENT);
	t_wait(fd, POLLERR);
	t_expect_error(fd, KSC_STATUS_INTERNAL_ERROR, EIO);
}

/**
 * fault_references() - the module's reference count
 * Return: their number
 */
unsigned int fault_references(void)
{
	FILE *refs = fopen("/sys/module/kschannel/refcnt", "re");
	unsigned int n = 0;

	assert_non_null(refs);
	assert_int_equal(fscanf(refs, "%u", &n), 1);
	(void)fclose(refs);
	return n;
}

/**
 * fault_await_references() - wait until all references are gone that a test has taken
 * @what: the test
 * @n: how many held the module before
 */
void fault_await_references(const char *what, unsigned int n)
{
	const struct timespec pause = { .tv_nsec = 20000000 };
	int64_t end = t_now_ms() + PATIENCE_S * 1000L;

	while (fault_references() > n) {
		if (t_now_ms() > end)
			fail_msg("%s: %u hold the module, not %u", what, fault_references(), n);
		nanosleep(&pause, NULL);
	}
}

/**
 * fault_walk() - repeat an operation until each of its allocations has failed once
 * @walk: the operation
 */
void fault_walk(const struct fault_walk *walk)
{
	unsigned int n, failed = 0, references = fault_references();
	bool hit = true;

	for (n = 1; hit; n++) {
		int error;

		if (n > MAX_FAULTS)
			fail_msg("%s: no end of allocations", walk->name);
		walking = walk->name;
		step = n;
		if (walk->before)
			walk->before();
		arm(walk, n);
		error = walk->act() ? errno : 0;
		hit = disarm(walk);
		if (error && (!hit || !may_be(walk, error)))
			fail_msg("%s: fault %u: %s", walk->name, n, strerror(error));
		failed += error != 0;
		walk->after(error);
	}
	walking = NULL;
	print_message("# %s: %u faults, of which %u made it fail\n", walk->name, n - 2, failed);
	/* it does allocate */
	assert_true(n > 2 || walk->none);
	fault_await_references(walk->name, references);
}

/**
 * fault_always() - make all the module's allocations fail in this thread
 * @on: or stop that
 */
void fault_always(bool on)
{
	assert_true(write_to("/proc/thread-self/make-it-fail", on ? "1" : "0"));
	for (int i = 0; i < 2; i++) {
		set_fault(kinds[i], "task-filter", on);
		set_fault(kinds[i], "times", ~0U);
		set_fault(kinds[i], "probability", on ? 100 : 0);
	}
}

/**
 * fault_random() - make the module's allocations fail at random, in all threads
 * @percent: of them; 0: stop that
 */
void fault_random(unsigned int percent)
{
	for (int i = 0; i < 2; i++) {
		char times[128];

		snprintf(times, sizeof(times), FAULTS "%s/times", kinds[i]);
		assert_true(write_to(times, "-1"));
		set_fault(kinds[i], "probability", percent);
	}
}

/**
 * fault_test() - a walk as a test of cmocka's
 * @state: struct fault_walk
 */
void fault_test(void **state)
{
	fault_walk(*state);
}

/* ---- what the daemon does ---- */

struct tnl_conn fault_nl;

/**
 * fault_own_setup() - before a test that plays the daemon, in a namespace of its own
 * @state: cmocka's
 * Return: 0, or -1 if that cannot be
 */
int fault_own_setup(void **state)
{
	own_namespace();
	return !tnl_open(&fault_nl) || tnl_register(&fault_nl) ? -1 : fault_setup(state);
}

/**
 * fault_own_teardown() - after it; the namespace stays
 * @state: cmocka's
 * Return: 0
 */
int fault_own_teardown(void **state)
{
	fault_teardown(state);
	tnl_close(&fault_nl);
	return 0;
}

/**
 * fault_request() - ask the kernel for something, as the daemon
 * @msg: the request, which is freed
 * Return: 0, or -1 with errno
 */
int fault_request(struct nl_msg *msg)
{
	int error = tnl_do(&fault_nl, msg);

	errno = -error;
	return error ? -1 : 0;
}
