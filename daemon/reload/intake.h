/* SPDX-License-Identifier: GPL-2.0-only */
/* intake.c: the daemon's side of the reader. */
#ifndef KSC_INTAKE_H
#define KSC_INTAKE_H

#include <stdbool.h>

#include "config/handed.h"

/* Time limit of a load, however slow account services are. */
#define KSC_INTAKE_MS	30000

struct ksc_intake;

struct ksc_intake *ksc_intake_new(int fd);
void ksc_intake_free(struct ksc_intake *intake);
int ksc_intake_fd(const struct ksc_intake *intake);
int ksc_intake_ask(struct ksc_intake *intake);
int ksc_intake_take(struct ksc_intake *intake, struct ksc_handed **handed);
bool ksc_intake_changed(struct ksc_intake *intake);
void ksc_intake_cancel(struct ksc_intake *intake);
int ksc_intake_load(struct ksc_intake *intake, int ms, struct ksc_handed **handed);
const char *ksc_intake_fault(int error);

#endif
