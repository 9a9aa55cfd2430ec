/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A handshake in packets of another protocol, as in TDS: each token is split into packets
 * with a header of eight bytes. After the handshake, the connection carries records
 * without headers.
 */
#ifndef EXAMPLES_PACKETS_H
#define EXAMPLES_PACKETS_H

#include "loop.h"

int packets_handshake(struct session *s, int fd);

#endif /* EXAMPLES_PACKETS_H */
