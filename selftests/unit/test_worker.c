// SPDX-License-Identifier: GPL-2.0-only
/* worker.c, generations.c: sessions and configurations, with a fake kernel. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <arpa/inet.h>
#include <unistd.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "context/contexts.h"
#include "engine/cache.h"
#include "handshake/generations.h"
#include "handshake/load.h"
#include "handshake/netlink.h"
#include "side.h"
#include "worker.h"

#define CERTS	KSC_TEST_CERTS

/* Steps are made at once by one worker. */
#define SETTINGS	"[credential server]\nrole = server\ncert = " CERTS "/server.pem\n" \
			"key = " CERTS "/server.key\n" \
			"[credential c]\nrole = client\ntrust = " CERTS "/ca.pem\ndefault = yes\n" \
			"[daemon]\nworkers = 1\n"

/* ---- the kernel ---- */

static struct {
	const struct ksc_netlink_ops *ops;
	void *ptr;
	uint32_t msg;
	int policy;
	int fd;
	enum ksc_status status;
	uint8_t token[KSC_MAX_TOKEN];
	size_t token_len;
	struct nl_msg *const *before;
} kernel;

struct ksc_netlink *ksc_netlink_open(const struct ksc_netlink_ops *ops, void *ptr)
{
	kernel.ops = ops;
	kernel.ptr = ptr;
	kernel.fd = eventfd(0, EFD_CLOEXEC);
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

int ksc_netlink_inherit(struct ksc_netlink *nl, struct ksc_inherited *inherited)
{
	struct nlattr *a[KSC_A_POLICY_MAX + 1];
	struct nl_msg *const *msg;

	(void)nl;
	memset(inherited, 0, sizeof(*inherited));
	for (msg = kernel.before; msg && *msg; msg++) {
		assert_int_equal(genlmsg_parse(nlmsg_hdr(*msg), 0, a, KSC_A_POLICY_MAX, NULL), 0);
		assert_int_equal(ksc_inherit_take(inherited, a), 0);
	}
	return 0;
}

int ksc_netlink_drain(struct ksc_netlink *nl)
{
	(void)nl;
	return 0;
}

int ksc_netlink_receive(struct ksc_netlink *nl, int max)
{
	(void)nl;
	(void)max;
	return 0;
}

int ksc_netlink_step(struct ksc_netlink *nl, uint64_t id, uint32_t seq,
		     const struct ksc_step *step, uint32_t *msg)
{
	(void)nl;
	(void)id;
	(void)seq;
	kernel.status = step->status;
	kernel.token_len = step->token_len < sizeof(kernel.token) ? step->token_len : 0;
	if (kernel.token_len)
		memcpy(kernel.token, step->token, kernel.token_len);
	*msg = ++kernel.msg;
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
	return kernel.policy;
}

int ksc_load_limits(struct ksc_netlink *nl, const struct ksc_limits *limits)
{
	(void)nl;
	(void)limits;
	return 0;
}

/* ---- the daemon ---- */

static struct ksc_config *load(const char *text)
{
	char path[] = "/tmp/ksc-worker-XXXXXX";
	int fd = mkstemp(path);
	struct ksc_config *config;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	config = ksc_config_load(path, stderr);
	unlink(path);
	assert_non_null(config);
	return config;
}

static struct ksc_worker *start(struct ksc_config *config)
{
	struct ksc_worker *worker;

	memset(&kernel, 0, sizeof(kernel));
	worker = ksc_worker_new(ev_default_loop(0), config);
	assert_non_null(worker);
	assert_int_equal(ksc_worker_start(worker), 0);
	ksc_log_set_level(KSC_LOG_ERROR);
	return worker;
}

/* A client's connection, whose first flight is asked for. */
static void offer(uint64_t id, uint64_t generation)
{
	struct ksc_offer offer = {
		.id = id, .role = KSC_ROLE_CLIENT, .server_name = "server.test",
		.deadline_ms = 30000, .peer.ss_family = AF_INET, .generation = generation,
		.rule = KSC_NO_RULE,
	};

	kernel.ops->context_new(kernel.ptr, &offer);
}

/* ---- keys that are no longer used ---- */

/* The same text again, since certificates were renewed: the old keys are gone at once. */
static void renewal(void **state)
{
	struct ksc_config *config = load(SETTINGS);
	struct ksc_credentials *first = ksc_credentials_get(config->credentials), *second;
	struct ksc_worker *worker = start(config);

	(void)state;
	config = load(SETTINGS);
	second = ksc_credentials_get(config->credentials);
	assert_int_equal(ksc_worker_configure(worker, config), 0);
	assert_int_equal(first->refs, 1);
	/* or with the last handshake that has begun with them */
	offer(1, config->generation);
	offer(2, config->generation);
	assert_int_equal(ksc_worker_configure(worker, load(SETTINGS)), 0);
	assert_int_equal(second->refs, 3);
	kernel.ops->context_del(kernel.ptr, 1);
	assert_int_equal(second->refs, 2);
	kernel.ops->context_del(kernel.ptr, 2);
	assert_int_equal(second->refs, 1);
	ksc_worker_free(worker);
	ksc_credentials_put(first);
	ksc_credentials_put(second);
}

/* However many other ones have come since, a connection's own policy is known. */
static void edited(void **state)
{
	struct ksc_config *config = load(SETTINGS);
	struct ksc_credentials *first = ksc_credentials_get(config->credentials);
	const uint64_t generation = config->generation;
	struct ksc_worker *worker = start(config);
	char text[sizeof(SETTINGS) + 80];
	int i;

	(void)state;
	for (i = 0; i < 8; i++) {
		snprintf(text, sizeof(text), SETTINGS "max-handshakes = %d\n", i + 1);
		assert_int_equal(ksc_worker_configure(worker, load(text)), 0);
	}
	assert_int_equal(first->refs, 2);
	offer(1, generation);
	assert_int_equal(first->refs, 3);
	kernel.ops->context_del(kernel.ptr, 1);
	/* What the kernel does not take leaves all as it was. */
	kernel.policy = -EBUSY;
	config = load(SETTINGS);
	assert_int_equal(ksc_worker_configure(worker, config), -EBUSY);
	ksc_config_free(config);
	assert_int_equal(first->refs, 2);
	kernel.policy = 0;
	/* The same content again counts as the first one. */
	assert_int_equal(ksc_worker_configure(worker, load(SETTINGS)), 0);
	assert_int_equal(first->refs, 1);
	ksc_worker_free(worker);
	ksc_credentials_put(first);
}

static void retired(void **state)
{
	static const char *const texts[] = { SETTINGS, SETTINGS "log-level = info\n",
					     SETTINGS "drain-time = 1\n" };
	struct ksc_generation *now = NULL;
	uint64_t numbers[3];
	double next;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		struct ksc_config *config = load(texts[i]);

		numbers[i] = config->generation;
		assert_int_equal(ksc_generations_add(&now, config), 0);
		ksc_generations_settle(now, 1000 + i);
	}
	next = ksc_generations_expire(now, 1002);
	assert_true(next >= 1001 + 30);
	assert_non_null(ksc_generations_find(now, numbers[0]));
	assert_true(ksc_generations_expire(now, next) == next + 1);
	assert_null(ksc_generations_find(now, numbers[0]));
	assert_non_null(ksc_generations_find(now, numbers[1]));
	assert_true(ksc_generations_expire(now, next + 1) == 0);
	assert_null(ksc_generations_find(now, numbers[1]));
	assert_non_null(ksc_generations_find(now, numbers[2]));
	ksc_generations_free(now);
}

/* ---- connections of the time between two daemons ---- */

static struct nl_msg *told(uint64_t generation, uint32_t number, const char *name)
{
	struct nl_msg *msg = nlmsg_alloc();
	struct nlattr *nest;

	assert_non_null(msg);
	assert_non_null(genlmsg_put(msg, 1, 1, 0x100, 0, 0, KSC_CMD_POLICY_GET, 1));
	if (!name) {
		assert_int_equal(nla_put_u64(msg, KSC_A_POLICY_GENERATION, generation), 0);
		return msg;
	}
	nest = nla_nest_start(msg, KSC_A_POLICY_RULE);
	assert_int_equal(nla_put_string(msg, KSC_A_RULE_NAME, name), 0);
	assert_int_equal(nla_put_u32(msg, KSC_A_RULE_NUMBER, number), 0);
	nla_nest_end(msg, nest);
	return msg;
}

static enum ksc_status offer_ruled(uint64_t id, uint64_t generation, uint32_t rule)
{
	struct ksc_offer offer = {
		.id = id, .role = KSC_ROLE_CLIENT, .server_name = "server.test",
		.deadline_ms = 30000, .peer.ss_family = AF_INET, .generation = generation,
		.rule = rule, .by_policy = true,
	};

	kernel.status = KSC_STATUS_OK;
	kernel.ops->context_new(kernel.ptr, &offer);
	return kernel.status;
}

/* The changed rule applies to them, anywhere in the file. */
static void between(void **state)
{
	struct ksc_config *config = load(SETTINGS
		"[rule off]\ndirection = connect\nremote = 192.0.2.1\naction = never\n"
		"[rule new]\ndirection = connect\nremote = 192.0.2.2\naction = require\n"
		"[rule stays]\ndirection = connect\naction = require\n");
	struct nl_msg *const before[] = {
		told(77, 0, NULL), told(0, 0, "gone"), told(0, 2, "off"), told(0, 3, "stays"),
		NULL
	};
	struct ksc_worker *worker;
	size_t i;

	(void)state;
	memset(&kernel, 0, sizeof(kernel));
	kernel.before = before;
	worker = ksc_worker_new(ev_default_loop(0), config);
	assert_non_null(worker);
	assert_int_equal(ksc_worker_start(worker), 0);
	ksc_log_set_level(KSC_LOG_ERROR);
	assert_int_equal(offer_ruled(1, 77, 3), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(offer_ruled(2, config->generation, 1), KSC_STATUS_CONTINUE_NEEDED);
	/* gone, never told, now "never", there never was one, of another policy */
	assert_int_equal(offer_ruled(3, 77, 0), KSC_STATUS_POLICY);
	assert_int_equal(offer_ruled(4, 77, 1), KSC_STATUS_POLICY);
	assert_int_equal(offer_ruled(5, 77, 2), KSC_STATUS_POLICY);
	assert_int_equal(offer_ruled(6, 77, 4), KSC_STATUS_POLICY);
	assert_int_equal(offer_ruled(7, 78, 3), KSC_STATUS_POLICY);
	/* and after a reload, too */
	assert_int_equal(ksc_worker_configure(worker, load(SETTINGS
		"[rule stays]\ndirection = connect\naction = require\n")), 0);
	assert_int_equal(offer_ruled(8, 77, 3), KSC_STATUS_CONTINUE_NEEDED);
	ksc_worker_free(worker);
	for (i = 0; before[i]; i++)
		nlmsg_free(before[i]);
}

/* ---- more than there may be ---- */

/* Handshakes beyond the limit are refused; there is room again once another ends. */
static void full(void **state)
{
	struct ksc_worker *worker = start(load(SETTINGS "max-handshakes = 2\n"));
	char line[256];
	ssize_t len;
	int fds[2];

	(void)state;
	assert_int_equal(offer_ruled(1, 0, KSC_NO_RULE), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(offer_ruled(2, 0, KSC_NO_RULE), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(pipe(fds), 0);
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_WARNING);
	assert_int_equal(offer_ruled(3, 0, KSC_NO_RULE), KSC_STATUS_OVERLOADED);
	ksc_log_open(STDERR_FILENO);
	ksc_log_set_level(KSC_LOG_ERROR);
	len = read(fds[0], line, sizeof(line) - 1);
	assert_true(len > 0);
	line[len] = '\0';
	assert_string_equal(line, "event=handshake-refused context=3 "
			    "reason=\"max-handshakes is reached.\"\n");
	close(fds[0]);
	close(fds[1]);
	/* what is offered again is no further one */
	assert_int_equal(offer_ruled(2, 0, KSC_NO_RULE), KSC_STATUS_CONTINUE_NEEDED);
	kernel.ops->context_del(kernel.ptr, 1);
	assert_int_equal(offer_ruled(3, 0, KSC_NO_RULE), KSC_STATUS_CONTINUE_NEEDED);
	assert_int_equal(offer_ruled(4, 0, KSC_NO_RULE), KSC_STATUS_OVERLOADED);
	assert_int_equal(ksc_worker_configure(worker, load(SETTINGS "max-handshakes = 3\n")), 0);
	assert_int_equal(offer_ruled(4, 0, KSC_NO_RULE), KSC_STATUS_CONTINUE_NEEDED);
	ksc_worker_free(worker);
}

/* ---- what memory that takes ---- */

/* As many of each as tell what one takes */
#define SOME	200
/* What the allocator adds to what it is asked for */
#define WITH_HEAP(bytes)	((bytes) + (bytes) / 4)

/* MemoryMax= of the daemon's unit */
static uint64_t memory_max(void)
{
	FILE *file = fopen(KSC_TEST_UNIT, "r");
	unsigned int gib = 0;
	char line[256];

	assert_non_null(file);
	while (!gib && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemoryMax=%uG\n", &gib) != 1)
			gib = 0;
	fclose(file);
	assert_true(gib > 0);
	return (uint64_t)gib << 30;
}

/* Of the sanitizer, which has a header for it that not all compilers come with. */
size_t __sanitizer_get_current_allocated_bytes(void);

/* So many of a full daemon's handshakes: bytes of each */
static uint64_t bytes_of(enum ksc_role role, const uint8_t *token, size_t len)
{
	static uint64_t id = 1000;
	const uint64_t before = __sanitizer_get_current_allocated_bytes();
	int i;

	for (i = 0; i < SOME; i++) {
		struct ksc_offer offer = {
			.id = ++id, .role = role, .deadline_ms = 30000,
			.peer.ss_family = AF_INET, .rule = KSC_NO_RULE, .token = token,
			.token_len = len,
		};

		if (role == KSC_ROLE_CLIENT)
			strcpy(offer.server_name, "server.test");
		kernel.ops->context_new(kernel.ptr, &offer);
		assert_int_equal(kernel.status, KSC_STATUS_CONTINUE_NEEDED);
	}
	return WITH_HEAP(__sanitizer_get_current_allocated_bytes() - before) / SOME;
}

/* As many as there may be, and sessions that can be resumed, fit into what the unit allows. */
static void fits(void **state)
{
	struct ksc_config *config = load(SETTINGS);
	const struct ksc_allowance *may = &config->contexts;
	const uint64_t n = config->max_handshakes;
	uint64_t client, server, most, total;
	uint8_t hello[KSC_MAX_TOKEN];
	struct ksc_worker *worker;
	size_t len;

	(void)state;
	worker = start(config);
	offer(1, 0);
	len = kernel.token_len;
	assert_true(len > 0);
	memcpy(hello, kernel.token, len);
	client = bytes_of(KSC_ROLE_CLIENT, NULL, 0);
	server = bytes_of(KSC_ROLE_SERVER, hello, len);
	most = client > server ? client : server;
	/* those that wait for tickets are beyond these, and those of applications, with tokens */
	total = (n + 1000) * most + (uint64_t)KSC_CACHE_SIZE * KSC_CACHE_MAX_DATA;
	total += (may->total + KSC_MAX_KEPT) * (most + sizeof(struct ksc_context) +
						 sizeof(struct ksc_application)) + may->bytes;
	print_message("# a client takes %zu bytes, a server %zu, all %zu MiB\n", (size_t)client,
		      (size_t)server, (size_t)(total >> 20));
	assert_true(client > 1000 && server > 1000);
	assert_true(total < memory_max());
	ksc_worker_free(worker);
}

/* ---- steps that the kernel refuses ---- */

#define MANY	300
#define TIMES	300000

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The context of the message ends, no other; it is found at once among many. */
static void refused(void **state)
{
	struct ksc_config *config = load(SETTINGS);
	struct ksc_credentials *creds = ksc_credentials_get(config->credentials);
	struct ksc_worker *worker = start(config);
	uint32_t first;
	double begun, took;
	int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		offer((uint64_t)i + 1, config->generation);
	first = kernel.msg - MANY + 1;
	assert_int_equal(creds->refs, 2 + MANY);
	/* A message that was not sent, or that is not the last of its session */
	offer(1, config->generation);
	kernel.ops->refused(kernel.ptr, first, ENOENT, "");
	kernel.ops->refused(kernel.ptr, 0, ESTALE, "");
	assert_int_equal(creds->refs, 2 + MANY);
	kernel.ops->refused(kernel.ptr, first + MANY, ESTALE, "");
	kernel.ops->refused(kernel.ptr, first + 1, ESTALE, "");
	kernel.ops->refused(kernel.ptr, first + 1, ESTALE, "");
	assert_int_equal(creds->refs, MANY);
	begun = seconds();
	for (i = 0; i < TIMES; i++)
		kernel.ops->refused(kernel.ptr, (uint32_t)i + 1000000, ESTALE, "");
	took = seconds() - begun;
	if (took > 1)
		fail_msg("%d refusals took %.2f s", TIMES, took);
	for (i = 2; i < MANY; i++)
		kernel.ops->refused(kernel.ptr, first + (uint32_t)i, ENOENT, "");
	assert_int_equal(creds->refs, 2);
	offer(1, config->generation);
	ksc_worker_free(worker);
	ksc_credentials_put(creds);
}

/* ---- what the kernel has ended by itself ---- */

static void failed(void **state)
{
	static const char lines[] =
		"event=handshake role=server peer=192.0.2.77:40000 status=protocol-error rule=db "
		"local=192.0.2.1:5432 uid=103 alert-sent=10 "
		"reason=\"the peer does not speak TLS\"\n"
		"event=handshake role=client peer=192.0.2.77:40000 status=protocol-error "
		"local=192.0.2.1:5432 uid=103 reason=\"the peer does not speak TLS\"\n";
	struct ksc_failed said = {
		.role = KSC_ROLE_SERVER, .uid = 103, .status = KSC_STATUS_PROTOCOL_ERROR,
		.direction = KSC_DIRECTION_SENT, .alert = 10,
		.text = "the peer does not speak TLS", .rule = "db",
	};
	struct sockaddr_in6 *local = (struct sockaddr_in6 *)&said.local;
	struct sockaddr_in *peer = (struct sockaddr_in *)&said.peer;
	struct ksc_worker *worker = start(load(SETTINGS));
	char line[512];
	ssize_t len;
	int fds[2];

	(void)state;
	local->sin6_family = AF_INET6;
	local->sin6_port = htons(5432);
	inet_pton(AF_INET6, "::ffff:192.0.2.1", &local->sin6_addr);
	peer->sin_family = AF_INET;
	peer->sin_port = htons(40000);
	inet_pton(AF_INET, "192.0.2.77", &peer->sin_addr);
	assert_int_equal(pipe(fds), 0);
	ksc_log_open(fds[1]);
	ksc_log_set_level(KSC_LOG_INFO);
	kernel.ops->failed(kernel.ptr, &said);
	said.direction = KSC_DIRECTION_NONE;
	said.rule[0] = '\0';
	said.role = KSC_ROLE_CLIENT;
	kernel.ops->failed(kernel.ptr, &said);
	ksc_log_open(STDERR_FILENO);
	ksc_log_set_level(KSC_LOG_ERROR);
	len = read(fds[0], line, sizeof(line) - 1);
	assert_true(len > 0);
	line[len] = '\0';
	assert_string_equal(line, lines);
	close(fds[0]);
	close(fds[1]);
	ksc_worker_free(worker);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(renewal),
		cmocka_unit_test(edited),
		cmocka_unit_test(retired),
		cmocka_unit_test(between),
		cmocka_unit_test(full),
		cmocka_unit_test(fits),
		cmocka_unit_test(refused),
		cmocka_unit_test(failed),
	};

	return cmocka_run_group_tests_name("worker", tests, NULL, NULL);
}
