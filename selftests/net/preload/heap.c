// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the bytes that kschanneld has from malloc(), in a file that tests map: the kernel's
 * figures of the process show the arenas' peak instead.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "heap.h"

/* the C library's own, though other objects define malloc() as well */
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void __libc_free(void *p);

static atomic_long early;
static atomic_long *held = &early;

/* The daemon's readers are other processes, which may exit without freeing. */
static void stand_apart(void)
{
	held = &early;
}

/* Before there are threads. Shells and others on the way to the daemon do not count. */
static void __attribute__((constructor)) share(void)
{
	void *p;
	int fd;

	if (strcmp(program_invocation_short_name, "kschanneld"))
		return;
	fd = open(HEAP_FILE, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || ftruncate(fd, sizeof(*held)))
		abort();
	p = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		abort();
	close(fd);
	held = p;
	*held = early;
	if (pthread_atfork(NULL, NULL, stand_apart))
		abort();
}

static void *taken(void *p)
{
	if (p)
		*held += (long)malloc_usable_size(p);
	return p;
}

void *malloc(size_t size)
{
	return taken(__libc_malloc(size));
}

void *calloc(size_t n, size_t size)
{
	return taken(__libc_calloc(n, size));
}

void *realloc(void *old, size_t size)
{
	long before = old ? (long)malloc_usable_size(old) : 0;
	void *p = __libc_realloc(old, size);

	if (p || !size)
		*held -= before;
	return taken(p);
}

void *memalign(size_t align, size_t size)
{
	return taken(__libc_memalign(align, size));
}

void *aligned_alloc(size_t align, size_t size)
{
	return memalign(align, size);
}

int posix_memalign(void **p, size_t align, size_t size)
{
	*p = memalign(align, size);
	return *p ? 0 : ENOMEM;
}

void free(void *p)
{
	if (p)
		*held -= (long)malloc_usable_size(p);
	__libc_free(p);
}
