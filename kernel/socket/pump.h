/* SPDX-License-Identifier: GPL-2.0-only */
/* Managed sockets, and their streams' calls. */
#ifndef _KSC_SOCKET_PUMP_H
#define _KSC_SOCKET_PUMP_H

#include "socket/state.h"

extern const struct ksc_stream_ops ksc_sock_stream;
extern struct ksc_kind ksc_managed;

#endif /* _KSC_SOCKET_PUMP_H */
