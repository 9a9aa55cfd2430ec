// SPDX-License-Identifier: GPL-2.0-only
/*
 * h_bpf FUNCTION: whether a BPF program can give a function of the kernel's another result.
 * That needs the function, the kernel's description of its types, a just-in-time compiler
 * and a trampoline, for which no two kernels have the same options; so it is tried, with a
 * program that changes nothing. The status is 0 if it can; or else it prints what is missing.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <linux/bpf.h>

int main(int argc, char **argv)
{
	/* return 0: the function's own result is the result */
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, options, .expected_attach_type = BPF_MODIFY_RETURN);
	int id, program;

	if (argc != 2)
		errx(2, "usage: h_bpf FUNCTION");
	id = libbpf_find_vmlinux_btf_id(argv[1], BPF_MODIFY_RETURN);
	if (id <= 0)
		errx(1, "the kernel describes no %s()", argv[1]);
	options.attach_btf_id = (unsigned int)id;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "nothing", "GPL", nothing,
				sizeof(nothing) / sizeof(*nothing), &options);
	if (program < 0)
		err(1, "a program for %s() can't be loaded", argv[1]);
	/* the trampoline is made only now; the end of this program detaches it */
	if (bpf_raw_tracepoint_open(NULL, program) < 0)
		err(1, "no program can be put before %s()", argv[1]);
	return 0;
}
