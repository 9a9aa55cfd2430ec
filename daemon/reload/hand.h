/* SPDX-License-Identifier: GPL-2.0-only */
/* hand.c: hands over to the daemon what the configuration names. */
#ifndef KSC_HAND_H
#define KSC_HAND_H

#include <stdint.h>

#include "reload/watch.h"

void ksc_hand_word(int sock, uint32_t number, uint32_t kind, int error);
int ksc_hand_config(int sock, uint32_t number, const char *path, struct ksc_watch *watch,
		    int enough);

#endif
