// SPDX-License-Identifier: GPL-2.0-only
/* BPF programs that replace the address of connect(). */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "net.h"
#include "rewrite.h"

#define CGROUP	"/sys/fs/cgroup/rewrite"

static char home[4096];
static int cgroup = -1;

static long sys_bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static void enter(const char *where)
{
	char path[sizeof(home) + 64];
	int fd;

	snprintf(path, sizeof(path), "%s/cgroup.procs", where);
	fd = (int)SYS(open(path, O_WRONLY | O_CLOEXEC));
	assert_int_equal(write(fd, "0", 1), 1);
	close(fd);
}

/* The one that this process is in, of version 2 */
static void find_home(void)
{
	char line[4000];
	FILE *file = fopen("/proc/self/cgroup", "r");

	assert_non_null(file);
	home[0] = '\0';
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = '\0';
		if (!strncmp(line, "0::", 3))
			snprintf(home, sizeof(home), "/sys/fs/cgroup%s", line + 3);
	}
	fclose(file);
	assert_true(home[0]);
}

/* If each of these words is what was asked for, they are replaced; 1 lets it go on */
static int load(int type, uint32_t n, size_t offset, const uint32_t *from, const uint32_t *to)
{
	static char log[4096];
	struct bpf_insn prog[16] = { 0 };
	union bpf_attr attr = { 0 };
	uint32_t at = 0, i;

	for (i = 0; i < n; i++) {
		prog[at++] = (struct bpf_insn){
			.code = BPF_LDX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_2,
			.src_reg = BPF_REG_1, .off = (int16_t)(offset + 4 * i),
		};
		/* to the last two */
		prog[at++] = (struct bpf_insn){
			.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = BPF_REG_2,
			.imm = (int32_t)from[i], .off = (int16_t)(2 * (n - i - 1) + 2 * n),
		};
	}
	for (i = 0; i < n; i++) {
		prog[at++] = (struct bpf_insn){
			.code = BPF_ALU | BPF_MOV | BPF_K, .dst_reg = BPF_REG_2,
			.imm = (int32_t)to[i],
		};
		prog[at++] = (struct bpf_insn){
			.code = BPF_STX | BPF_MEM | BPF_W, .dst_reg = BPF_REG_1,
			.src_reg = BPF_REG_2, .off = (int16_t)(offset + 4 * i),
		};
	}
	prog[at++] = (struct bpf_insn){
		.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1,
	};
	prog[at++] = (struct bpf_insn){ .code = BPF_JMP | BPF_EXIT };
	attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	attr.expected_attach_type = (uint32_t)type;
	attr.insns = (uint64_t)(uintptr_t)prog;
	attr.insn_cnt = at;
	attr.license = (uint64_t)(uintptr_t)"GPL";
	attr.log_buf = (uint64_t)(uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	i = (uint32_t)sys_bpf(BPF_PROG_LOAD, &attr);
	if ((int)i < 0)
		print_error("%s\n", log);
	return (int)SYS((int)i);
}

/**
 * rewrite_begin() - go to a cgroup whose connections are rewritten
 * @rewrite: how
 *
 * Sockets that are made from now on are in it; rewrite_end() leaves it.
 */
void rewrite_begin(const struct rewrite *rewrite)
{
	bool v6 = rewrite->family == AF_INET6;
	int type = v6 ? BPF_CGROUP_INET6_CONNECT : BPF_CGROUP_INET4_CONNECT;
	union bpf_attr attr = { 0 };
	uint32_t from[4], to[4];
	int prog;

	assert_int_equal(inet_pton(rewrite->family, rewrite->from, from), 1);
	assert_int_equal(inet_pton(rewrite->family, rewrite->to, to), 1);
	prog = load(type, v6 ? 4 : 1, v6 ? offsetof(struct bpf_sock_addr, user_ip6) :
					   offsetof(struct bpf_sock_addr, user_ip4), from, to);
	if (cgroup < 0) {
		find_home();
		if (mkdir(CGROUP, 0755))
			assert_int_equal(errno, EEXIST);
		cgroup = (int)SYS(open(CGROUP, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
		enter(CGROUP);
	}
	attr.target_fd = (uint32_t)cgroup;
	attr.attach_bpf_fd = (uint32_t)prog;
	attr.attach_type = (uint32_t)type;
	SYS(sys_bpf(BPF_PROG_ATTACH, &attr));
	close(prog);
}

/**
 * rewrite_end() - leave it
 */
void rewrite_end(void)
{
	static const int types[] = { BPF_CGROUP_INET4_CONNECT, BPF_CGROUP_INET6_CONNECT };

	if (cgroup < 0)
		return;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		union bpf_attr attr = { .target_fd = (uint32_t)cgroup,
					.attach_type = (uint32_t)types[i] };

		/* there may be none */
		sys_bpf(BPF_PROG_DETACH, &attr);
	}
	enter(home);
	close(cgroup);
	cgroup = -1;
	/* busy, if a child is left: no program is attached to it */
	rmdir(CGROUP);
}
