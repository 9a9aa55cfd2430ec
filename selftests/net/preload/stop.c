// SPDX-License-Identifier: GPL-2.0-only
/*
 * Stops threads of kschanneld within a step, as a test asks by a file that both map, and for
 * as long. Only what its sandbox allows is used for that.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "stop.h"

static struct stop *stop;
static int (*handshake)(gnutls_session_t session);

/* Shells and others on the way to the daemon are left alone. */
static void __attribute__((constructor)) look(void)
{
	void *p;
	int fd;

	handshake = (int (*)(gnutls_session_t))dlsym(RTLD_NEXT, "gnutls_handshake");
	if (strcmp(program_invocation_short_name, "kschanneld"))
		return;
	fd = open(STOP_FILE, O_RDWR | O_CLOEXEC);
	p = mmap(NULL, sizeof(*stop), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (!handshake || fd < 0 || p == MAP_FAILED)
		abort();
	close(fd);
	stop = p;
}

static bool wanted(void)
{
	uint32_t n = stop->want;

	while (n && !atomic_compare_exchange_weak(&stop->want, &n, n - 1))
		;
	return n;
}

static void wait_for_round(uint32_t round)
{
	stop->held++;
	while (stop->round == round)
		syscall(SYS_futex, &stop->round, FUTEX_WAIT, round, NULL, NULL, 0);
	stop->held--;
}

int gnutls_handshake(gnutls_session_t session)
{
	/* before this one is reported as stopped, lest it sleep through its release */
	uint32_t round = stop ? stop->round : 0;

	if (stop && wanted())
		wait_for_round(round);
	return handshake(session);
}
