/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A handshake in packets of another protocol, as TDS has it: each token is cut into
 * packets with a header of eight bytes. Behind the handshake, records follow each
 * other on the connection without any.
 */
#ifndef EXAMPLES_PACKETS_H
#define EXAMPLES_PACKETS_H

#include "loop.h"

int packets_handshake(struct session *s, int fd);

#endif /* EXAMPLES_PACKETS_H */
