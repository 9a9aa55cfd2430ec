/* SPDX-License-Identifier: GPL-2.0-only */
/* A BPF object that clang built, under the name KSC_BPF_NAME. */
#define JOIN(a, b) a ## b
#define SYMBOL(name, suffix) JOIN(name, suffix)

	.section .rodata
	.balign	16
	.globl	KSC_BPF_NAME
KSC_BPF_NAME:
	.incbin	KSC_BPF_OBJECT
	.globl	SYMBOL(KSC_BPF_NAME, _end)
SYMBOL(KSC_BPF_NAME, _end):
	.byte	0
	.section .note.GNU-stack, "", @progbits
