// SPDX-License-Identifier: GPL-2.0-only
/*
 * Linked to the kernel's test: a case ends with _exit(), and its earlier output, that it goes
 * on without TLS, must not be lost.
 */
#include <stdio.h>

__attribute__((constructor)) static void unbuffered(void)
{
	setvbuf(stdout, NULL, _IONBF, 0);
}
