/* SPDX-License-Identifier: GPL-2.0-only */
/* systemd.c: queries systemd. */
#ifndef KSC_CTL_SYSTEMD_H
#define KSC_CTL_SYSTEMD_H

#include <stdbool.h>

#include "ctl/facts.h"

bool ctl_systemd_reload(void);
struct ctl_facts ctl_systemd_facts(const char *unit);

#endif /* KSC_CTL_SYSTEMD_H */
