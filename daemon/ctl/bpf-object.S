/* SPDX-License-Identifier: GPL-2.0 */
/* The BPF program, as clang has made it. */
	.section .rodata
	.balign	16
	.globl	ctl_bpf_object
ctl_bpf_object:
	.incbin	KSC_BPF_OBJECT
	.globl	ctl_bpf_object_end
ctl_bpf_object_end:
	.byte	0
	.section .note.GNU-stack, "", @progbits
