// SPDX-License-Identifier: GPL-2.0-only
/*
 * A handshake in packets of another protocol, as in TDS. The header:
 *
 *	type, 0x12 | status | length of the packet, two bytes | four zero bytes
 *
 * The last packet of a token has LAST in its status. When the server is done, it sends a
 * packet with OVER. Bytes in this and earlier packets that the client's handshake did not
 * consume are the beginning of the stream of records.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "packets.h"

#define TYPE		0x12
#define HEADER		8
/* Small, so that a flight takes several packets */
#define MAX_PACKET	512

#define LAST		0x01
#define OVER		0x02

static int send_packet(int fd, uint8_t status, const uint8_t *data, size_t len)
{
	uint8_t packet[MAX_PACKET] = { TYPE, status };

	packet[2] = (uint8_t)((HEADER + len) >> 8);
	packet[3] = (uint8_t)(HEADER + len);
	if (len)
		memcpy(packet + HEADER, data, len);
	return send_all(fd, packet, HEADER + len);
}

static int send_token(void *arg, const void *token, size_t len)
{
	const uint8_t *p = token;
	int fd = *(int *)arg;

	while (len) {
		size_t n = len < MAX_PACKET - HEADER ? len : MAX_PACKET - HEADER;

		if (send_packet(fd, n == len ? LAST : 0, p, n))
			return -1;
		p += n;
		len -= n;
	}
	return 0;
}

/* Receives one packet, and returns the length of its contents, or -1. */
static ssize_t receive_packet(int fd, uint8_t *status, void *buf, size_t size)
{
	uint8_t header[HEADER];
	size_t len;

	if (recv(fd, header, HEADER, MSG_WAITALL) != HEADER)
		return -1;
	len = (size_t)header[2] << 8 | header[3];
	if (header[0] != TYPE || len < HEADER || len > MAX_PACKET || len - HEADER > size) {
		fprintf(stderr, "not a handshake packet\n");
		return -1;
	}
	len -= HEADER;
	if (len && recv(fd, buf, len, MSG_WAITALL) != (ssize_t)len)
		return -1;
	*status = header[1];
	return (ssize_t)len;
}

static ssize_t receive_token(void *arg, void *buf, size_t size)
{
	uint8_t status;

	return receive_packet(*(int *)arg, &status, buf, size);
}

/* The client is done before the server, which still sends session tickets. */
static int receive_rest(struct session *s, int fd)
{
	uint8_t status = 0;

	while (!(status & OVER)) {
		ssize_t n = receive_packet(fd, &status, s->extra + s->len,
					   sizeof(s->extra) - s->len);

		if (n < 0)
			return -1;
		s->len += (size_t)n;
	}
	return 0;
}

/**
 * packets_handshake() - run a handshake in packets, and then use TLS on the socket
 * @s: role and target
 * @fd: the TCP socket
 * Return: 0, or -1 with a line on stderr
 */
int packets_handshake(struct session *s, int fd)
{
	const struct transport t = { .send = send_token, .receive = receive_token, .arg = &fd };
	int rc = handshake(s, &t);

	if (!rc)
		rc = s->role == KSC_ROLE_SERVER ? send_packet(fd, OVER, NULL, 0) :
						  receive_rest(s, fd);
	if (rc) {
		give_up(s, fd);
		return -1;
	}
	return protect(s, fd);
}
