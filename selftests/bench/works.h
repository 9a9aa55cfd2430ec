/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef KSB_WORKS_H
#define KSB_WORKS_H

#include "bench.h"

extern const struct ksb_work ksb_works[];
extern const unsigned int ksb_n_works;

#endif /* KSB_WORKS_H */
