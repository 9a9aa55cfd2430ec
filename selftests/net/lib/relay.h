/* SPDX-License-Identifier: GPL-2.0-only */
/* A relay between client and server that parses TLS records and modifies them. */
#ifndef KSC_TEST_RELAY_H
#define KSC_TEST_RELAY_H

#include "net.h"

#define RELAY_MAX_RECORD (5 + 16384 + 256)

enum relay_direction { RELAY_TO_SERVER, RELAY_TO_CLIENT };

/**
 * struct relay_record - a record that passes
 * @direction: which way
 * @index: how many of @type passed that way before
 * @type: its outer content type
 * @data: the record with its header; may be changed
 * @len: its length; may be changed
 */
struct relay_record {
	enum relay_direction direction;
	unsigned int index;
	uint8_t type;
	uint8_t data[RELAY_MAX_RECORD];
	size_t len;
};

enum relay_verdict {
	/* send it on */
	RELAY_PASS,
	/* and do not send it on */
	RELAY_DROP,
	/* hold it, and send it together with the next that is passed that way */
	RELAY_HOLD,
	/* send it on, then end this direction with FIN, reading no more */
	RELAY_PASS_FIN,
	/* end this direction with FIN instead */
	RELAY_FIN,
};

struct relay;

/**
 * typedef relay_fn - judges a record
 * @relay: the relay
 * @record: the record
 * Return: what to do with it
 */
typedef enum relay_verdict (*relay_fn)(struct relay *relay, struct relay_record *record);

/**
 * struct relay - a relay for one connection
 * @judge: judges each record; NULL: all pass
 * @arg: for @judge
 * @bytewise: send each byte in a segment of its own
 * @listener: where the client connects to
 * @addr: its address
 * @server: where the server is
 * @client_fd: connection with the client
 * @server_fd: connection with the server
 * @thread: its thread
 */
struct relay {
	relay_fn judge;
	void *arg;
	bool bytewise;
	int listener;
	struct t_addr addr;
	struct t_addr server;
	int client_fd;
	int server_fd;
	pthread_t thread;
};

void relay_start(struct relay *relay, const struct t_addr *server);
void relay_join(struct relay *relay);

#endif /* KSC_TEST_RELAY_H */
