// SPDX-License-Identifier: GPL-2.0
/*
 * Which host name an address was looked up by.
 *
 * A program that resolves a name and then connects does not say what the two
 * have to do with each other, and may do them in different threads. The last
 * results are kept; of those with the address, one of the thread's own counts
 * more than another thread's, and a newer one more than an older.
 */
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <linux/kschannel.h>

#include "names.h"

/* A name can have many addresses, and a program many names in the air. */
#define NAMES_MAX 128

/**
 * struct lookup - one address that a name had
 * @addr: the address; IPv4 as v4-mapped
 * @thread: who looked it up
 * @name: the name
 */
struct lookup {
	struct in6_addr addr;
	pthread_t thread;
	char name[KSC_MAX_NAME + 1];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* a ring: count is how many were ever added */
static struct lookup lookups[NAMES_MAX];
static size_t count;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

/**
 * names_init() - to be called once, before the others
 */
void names_init(void)
{
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* connect() may be called in a signal handler: it must not find the lock taken by its own thread.
 */
static void names_lock(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
	pthread_mutex_lock(&lock);
}

static void names_unlock(const sigset_t *old)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static bool to_in6(const struct sockaddr *addr, socklen_t len, struct in6_addr *in6)
{
	if (addr->sa_family == AF_INET6 && len >= sizeof(struct sockaddr_in6)) {
		*in6 = ((const struct sockaddr_in6 *)addr)->sin6_addr;
		return true;
	}
	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		memset(in6, 0, sizeof(*in6));
		in6->s6_addr[10] = 0xff;
		in6->s6_addr[11] = 0xff;
		memcpy(in6->s6_addr + 12, &((const struct sockaddr_in *)addr)->sin_addr, 4);
		return true;
	}
	return false;
}

/**
 * names_remember() - a name was looked up and has this address
 * @name: the name
 * @addr: the address, a complete struct sockaddr_in or sockaddr_in6
 */
void names_remember(const char *name, const struct sockaddr *addr)
{
	size_t len = strlen(name);
	struct in6_addr in6;
	struct lookup *lookup;
	sigset_t old;

	/* "host." is host, absolutely */
	if (len > 1 && name[len - 1] == '.')
		len--;
	if (!len || len > KSC_MAX_NAME)
		return;
	if (!to_in6(addr, sizeof(struct sockaddr_in6), &in6))
		return;
	names_lock(&old);
	lookup = &lookups[count++ % NAMES_MAX];
	lookup->addr = in6;
	lookup->thread = pthread_self();
	memcpy(lookup->name, name, len);
	lookup->name[len] = '\0';
	names_unlock(&old);
}

/**
 * names_find() - which name was looked up to get an address
 * @addr: the address
 * @len: its length
 * @name: where to put the name
 * @size: how much fits there
 * Return: whether there is one
 */
bool names_find(const struct sockaddr *addr, socklen_t len, char *name, size_t size)
{
	const struct lookup *found = NULL;
	struct in6_addr in6;
	sigset_t old;

	if (!to_in6(addr, len, &in6))
		return false;
	names_lock(&old);
	for (size_t i = 0; i < NAMES_MAX && i < count; i++) {
		const struct lookup *lookup = &lookups[(count - 1 - i) % NAMES_MAX];
		bool own = pthread_equal(lookup->thread, pthread_self());

		if (memcmp(&lookup->addr, &in6, sizeof(in6)) != 0)
			continue;
		if (own || !found)
			found = lookup;
		if (own)
			break;
	}
	if (found)
		snprintf(name, size, "%s", found->name);
	names_unlock(&old);
	return found;
}
