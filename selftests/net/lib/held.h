/* SPDX-License-Identifier: GPL-2.0-only */
/* held.c: what TCP holds back, to merge it with later writes. */
#ifndef KSC_TEST_HELD_H
#define KSC_TEST_HELD_H

#include "wire.h"

/* Of the loopback interface, where a full segment is wanted */
#define HELD_MTU 1500
/* An open record waits for more for so long at least; it is 200 ms, in ticks */
#define HELD_MS 100

void held_set_tcp(const struct wire *w, int option, int value);
int held_unsent(const struct wire *w);
bool held_late(int64_t since);
bool held_too_long(struct wire *w, int64_t since, size_t len);
size_t held_fill(const struct wire *w);
void held_expect(struct wire *w, size_t sent);

#endif
