// SPDX-License-Identifier: GPL-2.0-only
/*
 * libFuzzer's entry: the input is a peer's bytes in chunks, each with two bytes
 * of length in front, and a step is made whenever a chunk has come.
 */
#include <stdlib.h>
#include <string.h>

#include "target.h"

/* As the kernel bounds what it offers. */
#define ROOM	KSC_MAX_TOKEN

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ksc_engine *engine = target_new();
	struct ksc_step step = { .status = KSC_STATUS_CONTINUE_NEEDED };
	uint8_t *pending = NULL;
	size_t len = 0;

	if (target_role == KSC_ROLE_CLIENT)
		target_step(engine, NULL, 0, &step);
	while (size >= 2 && step.status != KSC_STATUS_OK &&
	       !ksc_status_is_failure(step.status)) {
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
		target_step(engine, pending, len, &step);
		len -= step.consumed;
		memmove(pending, pending + step.consumed, len);
	}
	/* After the end there is nothing but an error, whatever comes. */
	if (step.status == KSC_STATUS_OK || ksc_status_is_failure(step.status))
		if (target_step(engine, pending, len, &step) != KSC_STATUS_INTERNAL_ERROR)
			abort();
	ksc_step_wipe(&step);
	ksc_engine_free(engine);
	free(pending);
	return 0;
}
