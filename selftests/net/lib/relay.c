// SPDX-License-Identifier: GPL-2.0-only
/* A relay between client and server that parses TLS records and modifies them. */
#include <netinet/tcp.h>
#include <unistd.h>

#include "relay.h"

/**
 * struct half - one direction of a relay
 * @relay: the relay
 * @direction: which
 * @from: where records come from
 * @to: where they go
 * @held: records that wait for the next
 * @held_len: their length
 * @counts: how many records of each type have passed
 */
struct half {
	struct relay *relay;
	enum relay_direction direction;
	int from;
	int to;
	uint8_t held[4 * RELAY_MAX_RECORD];
	size_t held_len;
	unsigned int counts[256];
};

static bool read_all(int fd, uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = recv(fd, data, len, 0);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool write_all(const struct half *half, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = send(half->to, data, half->relay->bytewise ? 1 : len, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

static bool get_record(struct half *half, struct relay_record *record)
{
	size_t len;

	if (!read_all(half->from, record->data, 5))
		return false;
	len = (size_t)record->data[3] << 8 | record->data[4];
	if (len > RELAY_MAX_RECORD - 5 || !read_all(half->from, record->data + 5, len))
		return false;
	record->direction = half->direction;
	record->type = record->data[0];
	record->len = 5 + len;
	record->index = half->counts[record->type]++;
	return true;
}

static bool hold(struct half *half, const struct relay_record *record)
{
	if (half->held_len + record->len > sizeof(half->held))
		return false;
	memcpy(half->held + half->held_len, record->data, record->len);
	half->held_len += record->len;
	return true;
}

static bool pass(struct half *half, const struct relay_record *record)
{
	size_t len;

	if (!hold(half, record))
		return false;
	len = half->held_len;
	half->held_len = 0;
	return write_all(half, half->held, len);
}

static void *half_main(void *arg)
{
	struct half *half = arg;
	struct relay *relay = half->relay;
	struct relay_record record;
	bool more = true;

	while (more && get_record(half, &record)) {
		switch (relay->judge ? relay->judge(relay, &record) : RELAY_PASS) {
		case RELAY_PASS:
			more = pass(half, &record);
			break;
		case RELAY_DROP:
			break;
		case RELAY_HOLD:
			more = hold(half, &record);
			break;
		case RELAY_PASS_FIN:
			pass(half, &record);
			more = false;
			break;
		case RELAY_FIN:
			more = false;
			break;
		}
	}
	shutdown(half->to, SHUT_WR);
	/* later data is read still, so that no RST overtakes the FIN */
	while (recv(half->from, record.data, sizeof(record.data), 0) > 0)
		;
	return NULL;
}

static void *relay_main(void *arg)
{
	static _Thread_local struct half halves[2];
	struct relay *relay = arg;
	const int one = 1;
	pthread_t thread;

	memset(halves, 0, sizeof(halves));
	relay->client_fd = accept4(relay->listener, NULL, NULL, SOCK_CLOEXEC);
	relay->server_fd = socket(relay->server.ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (relay->client_fd < 0 || connect(relay->server_fd, (struct sockaddr *)&relay->server.ss,
					    relay->server.len))
		goto out;
	setsockopt(relay->client_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(relay->server_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	halves[0] = (struct half){ .relay = relay, .direction = RELAY_TO_SERVER,
				   .from = relay->client_fd, .to = relay->server_fd };
	halves[1] = (struct half){ .relay = relay, .direction = RELAY_TO_CLIENT,
				   .from = relay->server_fd, .to = relay->client_fd };
	if (pthread_create(&thread, NULL, half_main, &halves[0]))
		goto out;
	half_main(&halves[1]);
	pthread_join(thread, NULL);
out:
	close(relay->server_fd);
	close(relay->client_fd);
	return NULL;
}

/**
 * relay_start() - start a relay
 * @relay: the relay; zeroed, but for judge, arg and bytewise
 * @server: where the server listens
 */
void relay_start(struct relay *relay, const struct t_addr *server)
{
	relay->server = *server;
	relay->listener = t_listen(server->ss.ss_family, NULL, &relay->addr);
	t_thread(&relay->thread, relay_main, relay);
}

/**
 * relay_join() - wait until both directions have ended
 * @relay: the relay
 */
void relay_join(struct relay *relay)
{
	t_join(relay->thread);
	close(relay->listener);
}
