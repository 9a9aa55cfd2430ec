// SPDX-License-Identifier: GPL-2.0-only
/* ctl/dropin.c: the drop-ins of units. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "ctl/dropin.h"

#define LIBRARY "/usr/lib/libkschannel-preload.so"

static char *write_it(struct ctl_drop_in in)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert_non_null(file);
	in.self = in.self ? in.self : "/usr/sbin/kschannelctl";
	in.library = LIBRARY;
	in.environment = in.environment ? in.environment : "";
	ctl_drop_in_write(file, &in);
	fclose(file);
	return text;
}

static void expect(struct ctl_drop_in in, const char *line, bool there)
{
	char *text = write_it(in);

	if (!strstr(text, line) == there)
		print_message("\"%s\" is %s in:\n%s", line, there ? "missing" : "", text);
	assert_int_equal(!!strstr(text, line), there);
	free(text);
}

static void environment(const char *shown, const char *libraries)
{
	char line[256];

	snprintf(line, sizeof(line), "\nEnvironment=\"LD_PRELOAD=%s\"\n", libraries);
	expect((struct ctl_drop_in){ .environment = shown }, line, true);
}

/* What connects before there is a policy is refused: the daemon comes first. */
static void order(void **state)
{
	(void)state;
	expect((struct ctl_drop_in){ .bpf = true },
	       "\n[Unit]\nWants=kschanneld.service\nAfter=kschanneld.service\n[Service]\n", true);
	expect((struct ctl_drop_in){ 0 }, "\nAfter=kschanneld.service\n", true);
}

/* Libraries that the unit has keep being loaded. */
static void libraries(void **state)
{
	(void)state;
	environment("", LIBRARY);
	environment("A=1 B=2", LIBRARY);
	environment("NOT_LD_PRELOAD=/x.so", LIBRARY);
	environment("A=1 LD_PRELOAD=/usr/lib/libjemalloc.so.2 B=2",
		    LIBRARY ":/usr/lib/libjemalloc.so.2");
	environment("\"A=b LD_PRELOAD=/no.so\" \"LD_PRELOAD=/a.so /b.so\"", LIBRARY ":/a.so:/b.so");
	environment("$'LD_PRELOAD=/a.so' B=2", LIBRARY ":/a.so");
	environment("LD_PRELOAD=:/a%.so:", LIBRARY ":/a%%.so");
	/* it was enabled before, by another version */
	environment("LD_PRELOAD=" LIBRARY ":/opt/libkschannel-preload.so:/a.so", LIBRARY ":/a.so");
	/* cut off */
	environment("\"LD_PRELOAD=/a.so", LIBRARY ":/a.so");
	environment("LD_PRELOAD=", LIBRARY);
}

/* No mount namespace of its own for a unit that has none. */
static void exec_paths(void **state)
{
	(void)state;
	expect((struct ctl_drop_in){ .bpf = true }, "ExecPaths", false);
	expect((struct ctl_drop_in){ .exec_paths = true },
	       "\nExecPaths=-\"" LIBRARY "\" -\"/usr/sbin/kschannelctl\"\n", true);
}

/* The status of the condition that is written for a program. */
static int condition(const char *self)
{
	struct ctl_drop_in in = { .self = self, .bpf = true };
	char *text = write_it(in), *line = strstr(text, "ExecCondition=+"), *dollars;
	int status;

	assert_non_null(line);
	line += strlen("ExecCondition=+");
	line[strcspn(line, "\n")] = '\0';
	/* as systemd reads it */
	dollars = strstr(line, "$$");
	assert_non_null(dollars);
	memmove(dollars, dollars + 1, strlen(dollars));
	status = system(line); /* NOLINT(cert-env33-c): the line is what is tested */
	free(text);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* 1 to 254 would have the service skipped without a word. */
static void missing(void **state)
{
	(void)state;
	assert_int_equal(condition("/bin/true"), 0);
	assert_int_equal(condition("/bin/false"), 255);
	assert_int_equal(condition("/nowhere/kschannelctl"), 255);
	assert_int_equal(condition("/etc/passwd"), 255);
}

/* A drop-in that was written is recognized; those of others are not. */
static void read_again(void **state)
{
	static const char others[] = "[Service]\nExecStartPre=x attach --condition y\n";
	struct ctl_drop_in in;
	unsigned int i;
	char *text;
	FILE *file;

	(void)state;
	for (i = 0; i < 5; i++) {
		in = (struct ctl_drop_in){ .bpf = i & 1, .guard = i & 2, .socket = i & 4 };
		text = write_it(in);
		file = fmemopen(text, strlen(text), "r");
		assert_true(ctl_drop_in_read(file, &in));
		/* systemd itself preloads nothing */
		assert_int_equal(in.bpf, i & 1 || i & 4);
		assert_int_equal(in.guard, !!(i & 2));
		assert_int_equal(in.socket, !!(i & 4));
		fclose(file);
		free(text);
	}
	file = fmemopen((void *)others, strlen(others), "r");
	assert_false(ctl_drop_in_read(file, &in));
	fclose(file);
	file = fopen("/dev/null", "r");
	assert_false(ctl_drop_in_read(file, &in));
	fclose(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order),
		cmocka_unit_test(libraries),
		cmocka_unit_test(exec_paths),
		cmocka_unit_test(missing),
		cmocka_unit_test(read_again),
	};

	return cmocka_run_group_tests_name("dropin", tests, NULL, NULL);
}
