/* SPDX-License-Identifier: GPL-2.0-only */
/* crowd.c: many applications of several users. */
#ifndef KSC_TEST_CROWD_H
#define KSC_TEST_CROWD_H

#include "apps.h"

struct ask client(uint32_t context);
void begin_many(struct app *app, uint32_t from, uint32_t n);
void all_gone(void);
struct app *app_of(uid_t uid);
size_t put_records(uint8_t *bytes, size_t n);
struct ksc_connection *last_one(void);
size_t bytes_now(void);

#endif
