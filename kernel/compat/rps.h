/* SPDX-License-Identifier: GPL-2.0-only */
/* sock_rps_record_flow(): 6.9 moved it here from net/sock.h */
#ifndef _KSC_COMPAT_RPS_H
#define _KSC_COMPAT_RPS_H

#include "have.h"

#ifndef KSC_HAVE_RPS_IN_SOCK
#include <net/rps.h>
#endif

#endif /* _KSC_COMPAT_RPS_H */
