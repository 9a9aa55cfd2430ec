// SPDX-License-Identifier: GPL-2.0-only
/*
 * A QEMU plugin that counts the guest's instructions by address, from one mark
 * to another.
 *
 *	-plugin libprofile.so,begin=ADDRESS,end=ADDRESS,out=FILE
 *
 * @begin and @end are addresses of functions in the guest. What several processes
 * do at the same time counts from the first one's begin to the last one's end, as
 * one period. Each line of FILE has the period's number, the CPU's, the address of a
 * block of code and how many instructions were executed in it. Debian packages no
 * header for plugins, so what is used of the documented interface is declared here.
 */
#include <inttypes.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

struct qemu_plugin_tb;
struct qemu_info_t;

typedef uint64_t plugin_id;

enum plugin_cb_flags {
	PLUGIN_CB_NO_REGS,
};

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
					   void (*cb)(plugin_id,
						      struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb,
					  void (*cb)(unsigned int, void *),
					  enum plugin_cb_flags flags,
					  void *data);
void qemu_plugin_register_atexit_cb(plugin_id id,
				    void (*cb)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);

int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info, int argc,
			char **argv);

/* Counted apart; what comes later counts with the last of them. */
#define PERIODS 16
#define CPUS 2

/* The interface's version; all of the above is at least as old. */
EXPORT int qemu_plugin_version = 2;

/**
 * struct block - code that was translated at once
 * @next: translated before it
 * @address: of its first instruction
 * @instructions: in it
 * @runs: between the marks, each CPU's its own, so that none is lost
 */
struct block {
	struct block *next;
	uint64_t address;
	uint64_t instructions;
	uint64_t runs[PERIODS][CPUS];
};

static struct block *_Atomic blocks;
static uint64_t begin_address;
static uint64_t end_address;
static const char *out_path;
/* Marks that were passed and not ended yet */
static atomic_int active;
static atomic_uint period;

static void on_begin(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	atomic_fetch_add(&active, 1);
}

static void on_end(unsigned int cpu, void *data)
{
	(void)cpu;
	(void)data;
	if (atomic_fetch_sub(&active, 1) == 1 && atomic_load(&period) < PERIODS - 1)
		atomic_fetch_add(&period, 1);
}

static void on_run(unsigned int cpu, void *data)
{
	struct block *b = data;

	if (atomic_load_explicit(&active, memory_order_relaxed) > 0)
		b->runs[atomic_load_explicit(&period, memory_order_relaxed)][cpu % CPUS]++;
}

static void on_translate(plugin_id id, struct qemu_plugin_tb *tb)
{
	uint64_t address = qemu_plugin_tb_vaddr(tb);
	struct block *b = calloc(1, sizeof(*b));

	(void)id;
	if (!b)
		abort();
	b->address = address;
	b->instructions = qemu_plugin_tb_n_insns(tb);
	b->next = atomic_load(&blocks);
	while (!atomic_compare_exchange_weak(&blocks, &b->next, b))
		;
	if (address == begin_address)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_begin,
						     PLUGIN_CB_NO_REGS, NULL);
	if (address == end_address)
		qemu_plugin_register_vcpu_tb_exec_cb(tb, on_end,
						     PLUGIN_CB_NO_REGS, NULL);
	qemu_plugin_register_vcpu_tb_exec_cb(tb, on_run, PLUGIN_CB_NO_REGS, b);
}

static void on_quit(plugin_id id, void *data)
{
	FILE *f = fopen(out_path, "w");
	struct block *b;
	unsigned int i;
	unsigned int cpu;

	(void)id;
	(void)data;
	if (!f) {
		perror(out_path);
		return;
	}
	for (b = atomic_load(&blocks); b; b = b->next)
		for (i = 0; i < PERIODS; i++)
			for (cpu = 0; cpu < CPUS; cpu++)
				if (b->runs[i][cpu])
					fprintf(f, "%u %u %" PRIx64 " %" PRIu64 "\n",
						i, cpu, b->address,
						b->runs[i][cpu] * b->instructions);
	if (fclose(f))
		perror(out_path);
}

EXPORT int qemu_plugin_install(plugin_id id, const struct qemu_info_t *info,
			       int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "begin=", 6))
			begin_address = strtoull(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "end=", 4))
			end_address = strtoull(argv[i] + 4, NULL, 0);
		else if (!strncmp(argv[i], "out=", 4))
			out_path = strdup(argv[i] + 4);
	}
	if (!begin_address || !end_address || !out_path) {
		fprintf(stderr, "profile: begin, end and out are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, on_translate);
	qemu_plugin_register_atexit_cb(id, on_quit, NULL);
	return 0;
}
