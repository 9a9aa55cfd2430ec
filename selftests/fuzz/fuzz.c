// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's entry: the input is a byte of options, then a peer's bytes in chunks,
 * each with two bytes of length in front; steps are made whenever a chunk has come.
 * Behind the end of a handshake that has tickets, the rest is those.
 */
#include <stdlib.h>
#include <string.h>

#include "target.h"

/* As the kernel bounds what it offers. */
#define ROOM	KSC_MAX_TOKEN

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_over(const struct ksc_step *step)
{
	return step->status == KSC_STATUS_OK || ksc_status_is_failure(step->status);
}

/* Steps with all pending bytes, as a program does that has read several flights at once. */
static void make_steps(struct ksc_engine *engine, uint8_t *pending, size_t *len,
		       struct ksc_step *step)
{
	do {
		target_step(engine, pending, *len, step);
		*len -= step->consumed;
		memmove(pending, pending + step->consumed, *len);
	} while (*len && step->consumed && !is_over(step));
}

/* What is left are tickets, of the lengths that they say. */
static void feed_tickets(struct ksc_engine *engine, const uint8_t *data, size_t size)
{
	int rc = 0;

	while (size >= 4 && rc >= 0) {
		size_t len = 4 + ((size_t)data[2] << 8 | data[3]);
		uint8_t *copy;

		if (len > size)
			len = size;
		copy = malloc(len);
		if (!copy)
			return;
		memcpy(copy, data, len);
		rc = target_ticket(engine, copy, len);
		free(copy);
		data += len;
		size -= len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	struct ksc_engine *engine;
	uint8_t *pending = NULL;
	size_t len = 0;

	if (!size)
		return 0;
	engine = target_new(*data++);
	size--;
	if (target_role == KSC_ROLE_CLIENT)
		target_step(engine, NULL, 0, &step);
	while (size >= 2 && !is_over(&step)) {
		size_t chunk = (size_t)data[0] << 8 | data[1];
		uint8_t *bigger;

		data += 2;
		size -= 2;
		if (chunk > size)
			chunk = size;
		if (chunk > ROOM - len)
			break;
		/* Of just the size that is needed, so that reading past it is seen. */
		bigger = realloc(pending, len + chunk + !(len + chunk));
		if (!bigger)
			break;
		pending = bigger;
		memcpy(pending + len, data, chunk);
		len += chunk;
		data += chunk;
		size -= chunk;
		make_steps(engine, pending, &len, &step);
	}
	if (step.status == KSC_STATUS_OK && step.tickets)
		feed_tickets(engine, data, size);
	/* After the end there is nothing but an error, whatever comes. */
	if (is_over(&step))
		if (target_step(engine, pending, len, &step) != KSC_STATUS_INTERNAL_ERROR)
			abort();
	ksc_step_wipe(&step);
	ksc_engine_free(engine);
	free(pending);
	return 0;
}
