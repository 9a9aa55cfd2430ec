/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KSC_SELFTESTS_STOP_H
#define KSC_SELFTESTS_STOP_H

#include <stdatomic.h>
#include <stdint.h>

/* Where stop.so has a struct stop */
#define STOP_FILE	"/run/kschanneld.stop"

/**
 * struct stop - which of kschanneld's threads are stopped
 * @want: so many more are to be, each at the next step that it takes
 * @held: so many are
 * @round: they go on when this changes, by a futex
 */
struct stop {
	_Atomic uint32_t want;
	_Atomic uint32_t held;
	_Atomic uint32_t round;
};

#endif
