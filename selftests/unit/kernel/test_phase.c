// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of a socket's phases: every pair of a phase and an event is here, and what
 * has to hold of all of them together.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <linux/kschannel.h>

#include "socket/phase.h"

#define INIT	    KSC_PHASE_INIT
#define CONNECTING  KSC_PHASE_CONNECTING
#define LISTEN	    KSC_PHASE_LISTEN
#define HANDSHAKE   KSC_PHASE_HANDSHAKE
#define VERIFY	    KSC_PHASE_VERIFY
#define ESTABLISHED KSC_PHASE_ESTABLISHED
#define FAILED	    KSC_PHASE_FAILED
#define CLOSED	    KSC_PHASE_CLOSED
#define PLAIN	    KSC_PHASE_PLAIN

/* In the order of enum ksc_event */
static const int wanted[KSC_PHASES][KSC_EVENTS] = {
	[INIT] = { CONNECTING, LISTEN, INIT, HANDSHAKE, -EINVAL, -EINVAL, ESTABLISHED, -EINVAL,
		   PLAIN, CLOSED },
	[CONNECTING] = { -EALREADY, -EINVAL, INIT, HANDSHAKE, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
			 PLAIN, CLOSED },
	[LISTEN] = { -EISCONN, LISTEN, INIT, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
		     -EINVAL, CLOSED },
	[HANDSHAKE] = { -EALREADY, -EINVAL, -EOPNOTSUPP, -EINVAL, VERIFY, -EINVAL, ESTABLISHED,
			FAILED, PLAIN, CLOSED },
	[VERIFY] = { -EALREADY, -EINVAL, -EOPNOTSUPP, -EINVAL, -EINVAL, HANDSHAKE, -EINVAL,
		     FAILED, -EINVAL, CLOSED },
	[ESTABLISHED] = { -EISCONN, -EINVAL, -EOPNOTSUPP, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
			  FAILED, PLAIN, CLOSED },
	[FAILED] = { -EISCONN, -EINVAL, -EOPNOTSUPP, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
		     -EINVAL, -EINVAL, CLOSED },
	[CLOSED] = { -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
		     -EINVAL, -EINVAL },
	[PLAIN] = { -EISCONN, -EINVAL, INIT, -EINVAL, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
		    -EINVAL, CLOSED },
};

static void test_pairs(void **state)
{
	(void)state;
	for (uint8_t phase = 0; phase < KSC_PHASES; phase++)
		for (int event = 0; event < KSC_EVENTS; event++)
			assert_int_equal(ksc_phase_next(phase, (enum ksc_event)event),
					 wanted[phase][event]);
}

/* Which phases follow, by any events but @without */
static unsigned int reach(unsigned int from, unsigned int without)
{
	for (unsigned int before = 0; before != from;) {
		before = from;
		for (uint8_t phase = 0; phase < KSC_PHASES; phase++)
			for (int event = 0; event < KSC_EVENTS; event++) {
				int to = ksc_phase_next(phase, (enum ksc_event)event);

				if (from & 1U << phase && to >= 0 && !(without & 1U << event))
					from |= 1U << to;
			}
	}
	return from;
}

static void test_ways(void **state)
{
	const unsigned int tls = 1U << HANDSHAKE | 1U << VERIFY | 1U << ESTABLISHED | 1U << FAILED;

	(void)state;
	assert_int_equal(reach(1U << INIT, 0), (1U << KSC_PHASES) - 1);
	assert_int_equal(reach(1U << CLOSED, 0), 1U << CLOSED);
	/* a socket that has begun TLS never gets to another kind of phase, unless it is detached */
	assert_int_equal(reach(tls, 1U << KSC_EVENT_LEAVE), tls | 1U << CLOSED);
	/* what has failed is not left in plaintext */
	assert_int_equal(reach(1U << FAILED, 0), 1U << FAILED | 1U << CLOSED);
	/* what is left connects again only as ours */
	assert_int_equal(reach(1U << PLAIN, 1U << KSC_EVENT_UNCONNECT),
			 1U << PLAIN | 1U << CLOSED);
	/* a listener can't get to another phase, unless TCP is in state CLOSE again */
	assert_int_equal(reach(1U << LISTEN, 1U << KSC_EVENT_UNCONNECT),
			 1U << LISTEN | 1U << CLOSED);
}

static void test_bounds(void **state)
{
	(void)state;
	assert_int_equal(ksc_phase_next(KSC_PHASES, KSC_EVENT_CLOSE), -EINVAL);
	assert_int_equal(ksc_phase_next(UINT8_MAX, KSC_EVENT_CLOSE), -EINVAL);
	assert_int_equal(ksc_phase_next(INIT, KSC_EVENTS), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_ways),
		cmocka_unit_test(test_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
