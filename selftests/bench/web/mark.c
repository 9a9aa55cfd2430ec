// SPDX-License-Identifier: GPL-2.0-only
/*
 * A program that does nothing but pass one of the profiler's marks: "mark begin" or
 * "mark end".
 */
#include <stdio.h>
#include <string.h>

#include "../bench.h"

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "begin")) {
		ksb_mark_begin();
	} else if (argc == 2 && !strcmp(argv[1], "end")) {
		ksb_mark_end();
	} else {
		fprintf(stderr, "usage: ksc-mark begin|end\n");
		return 2;
	}
	return 0;
}
