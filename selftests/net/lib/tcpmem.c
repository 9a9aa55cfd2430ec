// SPDX-License-Identifier: GPL-2.0-only
/*
 * TCP's memory limits. They are the whole machine's, and only the first network namespace can
 * set them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net.h"
#include "tcpmem.h"

#define TCP_MEM "/proc/sys/net/ipv4/tcp_mem"

/* What CPUs may have of it without its being counted, and more: 1 MiB each */
#define BALLAST (4 << 20)

static char before[128];
static int ballast[2] = { -1, -1 };

/**
 * tcpmem_setup() - before a test that sets limits
 * @state: cmocka's
 * Return: 0
 */
int tcpmem_setup(void **state)
{
	FILE *file = fopen(TCP_MEM, "re");

	t_setup(state);
	before[0] = '\0';
	if (!file)
		return 0;
	t_keep(TCP_MEM);
	if (!fgets(before, sizeof(before), file))
		before[0] = '\0';
	return fclose(file);
}

/**
 * tcpmem_restore() - set the limits that there were; after such a test, or in it
 * @state: cmocka's
 * Return: 0, or -1 if the kernel refuses
 */
int tcpmem_restore(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (ballast[i] >= 0)
			close(ballast[i]);
		ballast[i] = -1;
	}
	return !*before || t_write_file(TCP_MEM, before) ? 0 : -1;
}

/**
 * tcpmem_need() - skip the test where the limits can't be changed
 */
void tcpmem_need(void)
{
	if (*before)
		return;
	/* the rig's tests are in the first namespace, which has them always */
	assert_non_null(getenv("KTAP"));
	print_message("# this network namespace can't set tcp_mem\n");
	skip();
}

/**
 * tcpmem_set() - set the limits
 * @limits: three numbers of pages
 */
void tcpmem_set(const char *limits)
{
	assert_true(t_write_file(TCP_MEM, limits));
}

/* The third of the original limits, the hard one */
static long most_pages(void)
{
	long most = 0;

	if (sscanf(before, "%*d %*d %ld", &most) != 1)
		fail_msg("tcp_mem: %s", before);
	return most;
}

static const uint8_t data[1 << 16];

/* Data that is not read */
static void take_ballast(void)
{
	const int size = 2 * BALLAST;
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	SYS(setsockopt(listener, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)));
	ballast[0] = t_connect(&addr, NULL);
	ballast[1] = t_accept(listener);
	close(listener);
	SYS(setsockopt(ballast[0], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)));
	for (size_t i = 0; i < BALLAST / sizeof(data); i++)
		t_send(ballast[0], data, sizeof(data));
}

/**
 * tcpmem_press() - put TCP under memory pressure, without refusing anything
 *
 * A page is pressure, and there is no other limit. What is allocated has to be counted for
 * that, which is not done for each socket; and it is noticed when memory is allocated.
 */
void tcpmem_press(void)
{
	char text[64];

	tcpmem_need();
	take_ballast();
	snprintf(text, sizeof(text), "0 1 %ld", most_pages());
	tcpmem_set(text);
	t_send(ballast[0], data, sizeof(data));
}
