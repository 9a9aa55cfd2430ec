// SPDX-License-Identifier: GPL-2.0-only
/* worker.c, pool.c: real handshakes by several threads, with a fake kernel. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "handshake/load.h"
#include "handshake/netlink.h"
#include "side.h"
#include "worker.h"

#define CERTS	KSC_TEST_CERTS

#define SETTINGS	"[credential server]\nrole = server\ncert = " CERTS "/server.pem\n" \
			"key = " CERTS "/server.key\nusers = root\ndefault = yes\n%s" \
			"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n" \
			"[daemon]\nlog-level = error\nworkers = %d\ndrain-time = %d\n"

#define MANY	150
/* Connections at once, and how many end between two reloads. */
#define AT_ONCE	12
#define RELOAD	25

/* ---- the fake kernel: it passes tokens between both ends ---- */

/* A context; those of a connection are 2n and 2n + 1, the client's first. */
struct end {
	struct wire in;
	uint32_t seq;
	bool begun;
	bool asked;	/* a step is awaited */
	bool fresh;	/* something came after the last one was asked for */
	enum ksc_status status;
	bool resumed;
	bool tickets;
	struct ksc_keys keys;
};

static struct {
	const struct ksc_netlink_ops *ops;
	void *ptr;
	uint32_t msg;
	int fd;
	pthread_t thread;
	struct ev_loop *loop;
	struct ksc_worker *worker;
	struct end *ends;
	unsigned int n, begun, over, resumed, failed;
	unsigned int at_once, until;
	bool reload;
} kernel;

struct ksc_netlink *ksc_netlink_open(const struct ksc_netlink_ops *ops, void *ptr)
{
	kernel.ops = ops;
	kernel.ptr = ptr;
	kernel.fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return (struct ksc_netlink *)&kernel;
}

void ksc_netlink_close(struct ksc_netlink *nl)
{
	(void)nl;
	close(kernel.fd);
}

int ksc_netlink_fd(const struct ksc_netlink *nl)
{
	(void)nl;
	return kernel.fd;
}

int ksc_netlink_register(struct ksc_netlink *nl)
{
	(void)nl;
	return 0;
}

int ksc_netlink_drain(struct ksc_netlink *nl)
{
	(void)nl;
	return 0;
}

int ksc_netlink_inherit(struct ksc_netlink *nl, struct ksc_inherited *inherited)
{
	(void)nl;
	memset(inherited, 0, sizeof(*inherited));
	return 0;
}

int ksc_netlink_key(struct ksc_netlink *nl, const struct ksc_key_request *request, uint32_t *msg)
{
	(void)nl;
	(void)request;
	*msg = 0;
	return -EIO;
}

int ksc_load_policy(struct ksc_netlink *nl, uint64_t generation, const struct ksc_rules *rules)
{
	(void)nl;
	(void)generation;
	(void)rules;
	return 0;
}

int ksc_load_limits(struct ksc_netlink *nl, const struct ksc_limits *limits)
{
	(void)nl;
	(void)limits;
	return 0;
}

static void wake(void)
{
	assert_int_equal(eventfd_write(kernel.fd, 1), 0);
}

static bool finished(const struct end *end)
{
	return end->begun && !end->asked &&
	       (end->status == KSC_STATUS_OK || ksc_status_is_failure(end->status));
}

int ksc_netlink_step(struct ksc_netlink *nl, uint64_t id, uint32_t seq,
		     const struct ksc_step *step, uint32_t *msg)
{
	struct end *end = &kernel.ends[id], *peer = &kernel.ends[id ^ 1];

	(void)nl;
	/* Answers come from the one thread that has the socket, each to what was asked. */
	assert_true(pthread_equal(pthread_self(), kernel.thread));
	assert_true(end->asked);
	assert_int_equal(seq, end->seq);
	end->asked = false;
	end->status = step->status;
	wire_eat(&end->in, step->consumed);
	if (step->token_len) {
		wire_put(&peer->in, step->token, step->token_len);
		peer->fresh = true;
	}
	if (step->status == KSC_STATUS_OK) {
		end->resumed = step->info.resumed;
		end->tickets = step->tickets;
		end->keys = step->keys;
	}
	*msg = ++kernel.msg;
	wake();
	return 0;
}

/* ---- the daemon ---- */

static struct ksc_config *load(const char *more, int workers, int drain)
{
	char path[] = "/tmp/ksc-workers-XXXXXX";
	int fd = mkstemp(path);
	struct ksc_config *config;

	assert_true(fd >= 0);
	assert_true(dprintf(fd, SETTINGS, more, workers, drain) > 0);
	close(fd);
	config = ksc_config_load(path, stderr);
	unlink(path);
	assert_non_null(config);
	return config;
}

static void ask(uint64_t id)
{
	struct end *end = &kernel.ends[id];
	struct ksc_offer offer = {
		.id = id, .seq = ++end->seq, .role = id & 1 ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT,
		.deadline_ms = 300000, .peer.ss_family = AF_INET, .rule = KSC_NO_RULE,
		.token = end->in.data, .token_len = end->in.len,
	};
	const bool first = !end->begun;

	if (!(id & 1))
		strcpy(offer.server_name, "server.test");
	end->begun = true;
	end->asked = true;
	end->fresh = false;
	if (first)
		kernel.ops->context_new(kernel.ptr, &offer);
	else
		kernel.ops->token(kernel.ptr, &offer);
}

/* What the record layer finds after the handshake, and that there will be no more. */
static void give_tickets(uint64_t id)
{
	struct end *end = &kernel.ends[id];
	uint8_t buf[1 << 14], type;
	int n;

	while (end->tickets && end->in.len) {
		n = record_open(&end->keys, &end->keys.rx, &end->in, &type, buf, sizeof(buf));
		assert_true(n > 0 && type == 22);
		kernel.ops->ticket(kernel.ptr, id, buf, (size_t)n);
	}
	kernel.ops->context_del(kernel.ptr, id);
}

static void begin_connections(void)
{
	while (kernel.begun < kernel.n && kernel.begun - kernel.over < kernel.at_once)
		ask((uint64_t)2 * kernel.begun++);
}

static void conclude(uint64_t id)
{
	const struct end *client = &kernel.ends[id], *server = client + 1;

	give_tickets(id);
	kernel.ops->context_del(kernel.ptr, id + 1);
	kernel.over++;
	if (client->status != KSC_STATUS_OK || server->status != KSC_STATUS_OK)
		kernel.failed++;
	if (client->resumed)
		kernel.resumed++;
	if (kernel.reload && kernel.over % RELOAD == 0)
		assert_int_equal(ksc_worker_configure(kernel.worker, load("", 4, 1000)), 0);
}

int ksc_netlink_receive(struct ksc_netlink *nl, int max)
{
	eventfd_t count;
	uint64_t id;

	(void)nl;
	(void)max;
	(void)eventfd_read(kernel.fd, &count);
	for (id = 0; id < (uint64_t)2 * kernel.begun; id++) {
		struct end *end = &kernel.ends[id];

		if (end->seq == UINT32_MAX)
			continue;
		if (!end->asked && end->fresh && !finished(end))
			ask(id);
		if (!(id & 1) && finished(end) && finished(end + 1)) {
			conclude(id);
			end->seq = (end + 1)->seq = UINT32_MAX;
		}
	}
	begin_connections();
	if (kernel.over >= kernel.until)
		ev_break(kernel.loop, EVBREAK_ALL);
	return 0;
}

static void start(const char *more, unsigned int workers, unsigned int n, unsigned int at_once)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.thread = pthread_self();
	kernel.loop = ev_default_loop(0);
	kernel.ends = calloc((size_t)2 * n, sizeof(*kernel.ends));
	kernel.n = n;
	kernel.until = n;
	kernel.at_once = at_once;
	ksc_log_set_level(KSC_LOG_ERROR);
	kernel.worker = ksc_worker_new(kernel.loop, load(more, (int)workers, 100));
	assert_non_null(kernel.worker);
	assert_int_equal(ksc_worker_start(kernel.worker), 0);
	assert_int_equal(ksc_worker_employ(kernel.worker), 0);
}

static void stop(void)
{
	assert_true(ksc_worker_free(kernel.worker));
	free(kernel.ends);
}

/* ---- a step that is held up ---- */

static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool armed, held, all;
	unsigned int waiting;
} gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

static atomic_uint elsewhere;

enum ksc_status __real_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);
enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step);

/* The first that comes after the gate is armed waits until it is opened, or all that come. */
enum ksc_status __wrap_ksc_engine_step(struct ksc_engine *engine, const uint8_t *in, size_t len,
				       struct ksc_step *step)
{
	if (!pthread_equal(pthread_self(), kernel.thread))
		elsewhere++;
	pthread_mutex_lock(&gate.lock);
	if (gate.armed) {
		gate.armed = gate.all;
		gate.held = true;
		gate.waiting++;
		pthread_cond_broadcast(&gate.changed);
		while (gate.held)
			pthread_cond_wait(&gate.changed, &gate.lock);
		gate.waiting--;
	}
	pthread_mutex_unlock(&gate.lock);
	return __real_ksc_engine_step(engine, in, len, step);
}

int __real_ksc_engine_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len);
int __wrap_ksc_engine_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len);

/* Where others could be faster, they are. */
int __wrap_ksc_engine_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len)
{
	if (!pthread_equal(pthread_self(), kernel.thread))
		usleep(10000);
	return __real_ksc_engine_ticket(engine, msg, len);
}

static void open_gate(void)
{
	pthread_mutex_lock(&gate.lock);
	gate.armed = false;
	gate.all = false;
	gate.held = false;
	pthread_cond_broadcast(&gate.changed);
	pthread_mutex_unlock(&gate.lock);
}

/* ---- tests ---- */

static void handshakes(unsigned int workers, const char *more)
{
	start(more, workers, MANY, AT_ONCE);
	kernel.reload = true;
	elsewhere = 0;
	wake();
	ev_run(kernel.loop, 0);
	assert_int_equal(kernel.over, MANY);
	assert_int_equal(kernel.failed, 0);
	assert_in_range(kernel.resumed, 1, MANY);
	if (workers > 1)
		assert_in_range(elsewhere, MANY, UINT32_MAX);
	else
		assert_int_equal(elsewhere, 0);
	stop();
}

/* Sessions are resumed, and the configuration is loaded again, all the while. */
static void several(void **state)
{
	(void)state;
	handshakes(4, "");
	handshakes(4, "max-version = 1.2\n");
}

/* What a connection has left is there for the next, however soon that comes. */
static void one_by_one(void **state)
{
	(void)state;
	start("", 4, MANY, 1);
	kernel.reload = false;
	wake();
	ev_run(kernel.loop, 0);
	assert_int_equal(kernel.failed, 0);
	assert_int_equal(kernel.resumed, MANY - 1);
	stop();
}

static void one(void **state)
{
	(void)state;
	handshakes(1, "");
}

/* One worker of two is stopped in a step: it is the first connection alone that waits. */
static void held(void **state)
{
	unsigned int i;

	(void)state;
	start("", 2, 40, 6);
	gate.armed = true;
	kernel.until = 39;
	wake();
	ev_run(kernel.loop, 0);
	assert_int_equal(kernel.over, 39);
	assert_int_equal(kernel.failed, 0);
	/* When the last tickets are read, no step runs, but one could. */
	for (i = 0; i < 1000; i++)
		while (!ksc_worker_moves(kernel.worker))
			sched_yield();
	open_gate();
	kernel.until = 40;
	ev_run(kernel.loop, 0);
	assert_int_equal(kernel.over, 40);
	assert_int_equal(kernel.failed, 0);
	stop();
}

/* All are stopped: no more than once, for what was done before. */
static void all_held(void **state)
{
	unsigned int i;

	(void)state;
	start("", 2, 40, 6);
	assert_true(ksc_worker_moves(kernel.worker));
	gate.armed = true;
	gate.all = true;
	wake();
	ev_run(kernel.loop, EVRUN_ONCE);
	pthread_mutex_lock(&gate.lock);
	while (gate.waiting < 2)
		pthread_cond_wait(&gate.changed, &gate.lock);
	pthread_mutex_unlock(&gate.lock);
	ksc_worker_moves(kernel.worker);
	for (i = 0; i < 3; i++)
		assert_false(ksc_worker_moves(kernel.worker));
	open_gate();
	ev_run(kernel.loop, 0);
	assert_int_equal(kernel.over, 40);
	assert_int_equal(kernel.failed, 0);
	assert_true(ksc_worker_moves(kernel.worker));
	stop();
}

/* A context that goes while its step is made is forgotten with that, and nothing is answered. */
static void gone(void **state)
{
	struct end *end;
	uint64_t id;

	(void)state;
	start("", 2, 20, 6);
	gate.armed = true;
	kernel.until = 19;
	wake();
	ev_run(kernel.loop, 0);
	for (id = 0; kernel.ends[id].seq == UINT32_MAX; id++)
		;
	end = &kernel.ends[id & ~(uint64_t)1];
	kernel.ops->context_del(kernel.ptr, id & ~(uint64_t)1);
	kernel.ops->context_del(kernel.ptr, id | 1);
	end[0].asked = false;
	end[1].asked = false;
	open_gate();
	/* An answer would fail in ksc_netlink_step(). */
	stop();
}

static int end_while_held(void)
{
	start("", 2, 4, 4);
	gate.armed = true;
	kernel.until = 3;
	wake();
	ev_run(kernel.loop, 0);
	ksc_worker_drain(kernel.worker);
	ev_run(kernel.loop, 0);
	return ksc_worker_free(kernel.worker);
}

/* A step that never returns does not keep the daemon from its end. */
static void ends(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	assert_true(pid >= 0);
	if (!pid) {
		alarm(60);
		ev_loop_fork(ev_default_loop(0));
		_exit(end_while_held());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends),
		cmocka_unit_test(one),
		cmocka_unit_test(several),
		cmocka_unit_test(one_by_one),
		cmocka_unit_test(held),
		cmocka_unit_test(all_held),
		cmocka_unit_test(gone),
	};

	alarm(600);
	return cmocka_run_group_tests_name("workers", tests, NULL, NULL);
}
