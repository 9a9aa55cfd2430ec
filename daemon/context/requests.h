/* SPDX-License-Identifier: GPL-2.0-only */
/* requests.c: connected applications and their requests. */
#ifndef KSC_REQUESTS_H
#define KSC_REQUESTS_H

#include "context/application.h"

void ksc_application_new(struct ksc_contexts *of, int fd);
void ksc_application_turn(struct ksc_application *app);
void ksc_application_close(struct ksc_application *app);

#endif
