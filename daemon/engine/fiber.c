// SPDX-License-Identifier: GPL-2.0-only
/*
 * A function that can be suspended and resumed, on a stack of its own. It is for callbacks of
 * libraries that cannot wait.
 */
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "engine/fiber.h"

/* Several times what GnuTLS uses; pages that are not touched use no memory. */
#define STACK_SIZE	((size_t)256 * 1024)

/**
 * struct ksc_fiber - a function that can be suspended
 * @caller: context of the caller
 * @self: context of the function
 * @stack: its stack, whose lowest page is a guard page
 * @size: size of the stack in bytes
 * @fn: the function
 * @arg: its argument
 * @result: its result
 * @begun: it has begun and not returned
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

/* makecontext() passes nothing wider than int. */
static void begin(unsigned int high, unsigned int low)
{
	struct ksc_fiber *fiber = (void *)(((uintptr_t)high << 32) | low);

	fiber->result = fiber->fn(fiber->arg);
	fiber->begun = false;
}

/**
 * ksc_fiber_new() - allocate a fiber
 *
 * Return: the fiber, or NULL if out of memory
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
 * ksc_fiber_free() - free a fiber
 * @fiber: the fiber, without a suspended function, or NULL
 */
void ksc_fiber_free(struct ksc_fiber *fiber)
{
	if (!fiber)
		return;
	munmap(fiber->stack, fiber->size);
	free(fiber);
}

/**
 * ksc_fiber_run() - call a function, or resume the suspended one
 * @fiber: the fiber
 * @fn: the function, unless one is suspended
 * @arg: its argument
 * @result: set to its result
 *
 * Return: true if it has returned, false if it was suspended by ksc_fiber_pause()
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
 * ksc_fiber_paused() - check whether a function is suspended
 * @fiber: the fiber
 *
 * Return: true if one is
 */
bool ksc_fiber_paused(const struct ksc_fiber *fiber)
{
	return fiber->begun;
}

/**
 * ksc_fiber_pause() - suspend the calling function until it is resumed
 * @fiber: the fiber
 */
void ksc_fiber_pause(struct ksc_fiber *fiber)
{
	swapcontext(&fiber->self, &fiber->caller);
}
