// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function that can be left in the middle, and gone on with later, on a stack of its
 * own. It is for callbacks of libraries that can't wait.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "engine/fiber.h"

/* Several times what GnuTLS uses; what isn't touched takes no memory. */
#define STACK_SIZE	((size_t)256 * 1024)

/**
 * struct ksc_fiber - a function on its way
 * @caller: where it goes back to
 * @self: where it goes on
 * @stack: its stack, the lowest page of which may not be touched
 * @size: bytes of that
 * @fn: the function
 * @arg: its argument
 * @result: what it has returned
 * @begun: it is on its way
 */
struct ksc_fiber {
	ucontext_t caller;
	ucontext_t self;
	void *stack;
	size_t size;
	int (*fn)(void *arg);
	void *arg;
	int result;
	bool begun;
};

/* makecontext() hands over nothing wider than int. */
static void begin(unsigned int high, unsigned int low)
{
	struct ksc_fiber *fiber = (void *)(((uintptr_t)high << 32) | low);

	fiber->result = fiber->fn(fiber->arg);
	fiber->begun = false;
}

/**
 * ksc_fiber_new() - make a fiber
 *
 * Return: the fiber, or NULL without memory
 */
struct ksc_fiber *ksc_fiber_new(void)
{
	struct ksc_fiber *fiber = calloc(1, sizeof(*fiber));
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!fiber)
		return NULL;
	fiber->size = STACK_SIZE + page;
	fiber->stack = mmap(NULL, fiber->size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	if (fiber->stack == MAP_FAILED) {
		free(fiber);
		return NULL;
	}
	if (mprotect(fiber->stack, page, PROT_NONE)) {
		ksc_fiber_free(fiber);
		return NULL;
	}
	return fiber;
}

/**
 * ksc_fiber_free() - be done with a fiber
 * @fiber: the fiber, with nothing on its way, or NULL
 */
void ksc_fiber_free(struct ksc_fiber *fiber)
{
	if (!fiber)
		return;
	munmap(fiber->stack, fiber->size);
	free(fiber);
}

/**
 * ksc_fiber_run() - begin a function, or go on with the one that was left
 * @fiber: the fiber
 * @fn: the function, of no interest when there is one on its way
 * @arg: its argument
 * @result: set to what it has returned
 *
 * Return: true when it has returned, false when it was left by ksc_fiber_pause()
 */
bool ksc_fiber_run(struct ksc_fiber *fiber, int (*fn)(void *arg), void *arg, int *result)
{
	const uintptr_t self = (uintptr_t)fiber;

	if (!fiber->begun) {
		getcontext(&fiber->self);
		fiber->self.uc_stack.ss_sp = fiber->stack;
		fiber->self.uc_stack.ss_size = fiber->size;
		fiber->self.uc_link = &fiber->caller;
		fiber->fn = fn;
		fiber->arg = arg;
		fiber->begun = true;
		makecontext(&fiber->self, (void (*)(void))begin, 2, (unsigned int)(self >> 32),
			    (unsigned int)self);
	}
	swapcontext(&fiber->caller, &fiber->self);
	*result = fiber->result;
	return !fiber->begun;
}

/**
 * ksc_fiber_paused() - whether there is a function to go on with
 * @fiber: the fiber
 *
 * Return: true when it was left
 */
bool ksc_fiber_paused(const struct ksc_fiber *fiber)
{
	return fiber->begun;
}

/**
 * ksc_fiber_pause() - leave the function, from within, until it is gone on with
 * @fiber: the fiber
 */
void ksc_fiber_pause(struct ksc_fiber *fiber)
{
	swapcontext(&fiber->self, &fiber->caller);
}
