// SPDX-License-Identifier: GPL-2.0-only
/* Handshake flights, fragmented and coalesced in ways that TLS allows. */
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "lib/craft.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/relay.h"

/* Every such border is a cut of the same connection. */
#define STRIDE 16

#define CLIENT_HELLO 1
#define SERVER_HELLO 2
#define SERVER_HELLO_DONE 14

#define MAX_HELLO 2048

/* The first record that a client of ours sends. */
static size_t record_client_hello(uint8_t *data)
{
	const struct t_opts opts = { .server_name = "server.test", .nonblock = true };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd, peer;
	size_t len;

	fd = t_try_connect(&addr, &opts);
	assert_int_equal(errno, EINPROGRESS);
	peer = t_accept(listener);
	t_recv(peer, data, 5);
	len = (size_t)data[3] << 8 | data[4];
	assert_in_range(len, 100, MAX_HELLO - 5);
	t_recv(peer, data + 5, len);
	assert_int_equal(data[5], CLIENT_HELLO);
	close(fd);
	close(peer);
	close(listener);
	return 5 + len;
}

/* Case 1: a ClientHello cut at every byte border, though not at all of them at a time. */
static void test_borders(void **state)
{
	uint64_t contexts = tnl_counter(KSC_A_STATS_CONTEXTS);
	uint8_t hello[MAX_HELLO], reply[6];
	size_t len = record_client_hello(hello), cuts = 0;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);

	(void)state;
	for (size_t first = 1; first <= STRIDE; first++) {
		int fd = t_connect(&addr, NULL), child = t_accept(listener);

		SYS(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int)));
		for (size_t at = 0, next = first; at < len; at = next, next += STRIDE) {
			if (next > len)
				next = len;
			t_send(fd, hello + at, next - at);
			cuts += next < len;
		}
		t_recv(fd, reply, sizeof(reply));
		assert_int_equal(reply[0], CRAFT_HANDSHAKE);
		assert_int_equal(reply[5], SERVER_HELLO);
		close(fd);
		close(child);
	}
	assert_int_equal(cuts, len - 1);
	close(listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, contexts);
}

/**
 * struct fragments - handshake messages that a relay distributes over records anew
 * @size: how much of them a record gets
 * @direction: whose messages
 * @last: the type of the last one that is rearranged; it ends a flight
 * @bytewise: each byte is a segment
 * @peer: the peer
 * @data: the messages
 * @len: their length
 * @records: how many records they have become
 */
struct fragments {
	size_t size;
	enum relay_direction direction;
	uint8_t last;
	bool bytewise;
	struct peer_conf peer;
	uint8_t data[16384];
	size_t len;
	size_t records;
};

static bool flight_complete(const struct fragments *f)
{
	uint8_t type = 0;
	size_t at = 0;

	while (at + 4 <= f->len) {
		type = f->data[at];
		at += 4 + ((size_t)f->data[at + 1] << 16 | (size_t)f->data[at + 2] << 8 |
			   f->data[at + 3]);
	}
	return at == f->len && type == f->last;
}

static enum relay_verdict rearrange(struct relay *relay, struct relay_record *record)
{
	struct fragments *f = relay->arg;
	size_t out = 0;

	if (record->direction != f->direction || record->type != CRAFT_HANDSHAKE || f->records)
		return RELAY_PASS;
	if (record->len - 5 > sizeof(f->data) - f->len)
		return RELAY_FIN;
	memcpy(f->data + f->len, record->data + 5, record->len - 5);
	f->len += record->len - 5;
	if (!flight_complete(f))
		return RELAY_DROP;
	for (size_t at = 0, n; at < f->len; at += n, out += 5 + n, f->records++) {
		n = f->len - at < f->size ? f->len - at : f->size;
		if (out + 5 + n > sizeof(record->data))
			return RELAY_FIN;
		/* type and version are the first's, which are there already */
		memmove(record->data + out, record->data, 3);
		record->data[out + 3] = (uint8_t)(n >> 8);
		record->data[out + 4] = (uint8_t)n;
		memcpy(record->data + out + 5, f->data + at, n);
	}
	record->len = out;
	return RELAY_PASS;
}

/* Case 6: a message over several records, and several messages in one. */
static void test_fragments(void **state)
{
	struct fragments *f = *state;
	struct relay relay = { .judge = rearrange, .arg = f, .bytewise = f->bytewise };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	f->len = 0;
	f->records = 0;
	listener = t_listen(AF_INET, f->peer.server ? NULL : &t_server, &addr);
	relay_start(&relay, &addr);
	if (f->peer.server) {
		peer_accept(&peer, &f->peer, listener, peer_echo);
		fd = t_connect(&relay.addr, &t_client);
	} else {
		peer_connect(&peer, &f->peer, &relay.addr, peer_echo);
		fd = t_accept(listener);
	}
	t_send(fd, "whole", 5);
	t_expect(fd, "whole");
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
	relay_join(&relay);
	close(listener);
	/* it has been as meant */
	assert_int_equal(f->records, (f->len + f->size - 1) / f->size);
	assert_true(f->len > 4);
}

/**
 * struct versions - record versions of a ClientHello
 * @peer: the client
 * @minor: minor numbers of the versions
 */
struct versions {
	struct peer_conf peer;
	uint8_t minor[5];
};

static enum relay_verdict set_version(struct relay *relay, struct relay_record *record)
{
	if (record->direction == RELAY_TO_SERVER && record->type == CRAFT_HANDSHAKE &&
	    !record->index)
		record->data[2] = *(const uint8_t *)relay->arg;
	return RELAY_PASS;
}

/* RFC 5246 E.1, RFC 8446 5.1: a ClientHello's record may have any version {3, XX}. */
static void test_versions(void **state)
{
	const struct versions *versions = *state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);

	for (size_t i = 0; i < ARRAY_SIZE(versions->minor); i++) {
		uint8_t minor = versions->minor[i];
		struct relay relay = { .judge = set_version, .arg = &minor };
		struct peer peer = { 0 };
		int fd;

		relay_start(&relay, &addr);
		peer_connect(&peer, &versions->peer, &relay.addr, peer_echo);
		fd = t_accept(listener);
		t_send(fd, "any", 3);
		t_expect(fd, "any");
		assert_int_equal(t_info(fd).version, versions->peer.version);
		SYS(shutdown(fd, SHUT_WR));
		t_expect_eof(fd);
		close(fd);
		peer_join(&peer);
		relay_join(&relay);
	}
	close(listener);
}

/**
 * struct farewell - an alert right after a peer's Finished
 * @peer: the peer
 * @alert: the alert
 * @status: what it comes to
 * @error: the errno of that
 */
struct farewell {
	struct peer_conf peer;
	const char *alert;
	enum ksc_status status;
	int error;
};

static void handshake_then_alert(struct peer *peer)
{
	const struct farewell *farewell = peer->arg;
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	if (!craft_send(&craft, CRAFT_ALERT, farewell->alert, 2, 0))
		peer_await_fin(peer);
}

/* Holds a TLS 1.2 server's last flight until something comes after it. */
static enum relay_verdict hold_server(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction != RELAY_TO_CLIENT)
		return RELAY_PASS;
	if (record->type == CRAFT_CCS || (record->type == CRAFT_HANDSHAKE && record->index > 3))
		return RELAY_HOLD;
	return RELAY_PASS;
}

/* And a TLS 1.3 client's, of which the middleboxes think as of data. */
static enum relay_verdict hold_client(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction == RELAY_TO_SERVER && record->type == CRAFT_DATA && !record->index)
		return RELAY_HOLD;
	return RELAY_PASS;
}

/* Case 9: the handshake is done, and so is the connection. */
static void test_alert_after_finished(void **state)
{
	const struct farewell *farewell = *state;
	bool server = farewell->peer.server;
	struct relay relay = { .judge = server ? hold_server : hold_client };
	struct peer peer = { .arg = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, server ? NULL : &t_server, &addr), fd;
	char c;

	relay_start(&relay, &addr);
	if (server) {
		peer_accept(&peer, &farewell->peer, listener, handshake_then_alert);
		fd = t_connect(&relay.addr, &t_client);
	} else {
		peer_connect(&peer, &farewell->peer, &relay.addr, handshake_then_alert);
		fd = t_accept(listener);
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_HANDSHAKE, &(int){ 1 }, sizeof(int)));
	}
	t_wait(fd, POLLIN);
	if (farewell->error)
		FAILS(recv(fd, &c, 1, 0), farewell->error);
	else
		t_expect_eof(fd);
	t_expect_error(fd, farewell->status, farewell->error);
	if (farewell->error)
		assert_int_equal(t_error(fd).alert, farewell->alert[1]);
	close(fd);
	peer_join(&peer);
	relay_join(&relay);
	close(listener);
}

#define FRAGMENTS(name, from, lib, ver, type, bytes)                                               \
	{                                                                                          \
		name, test_fragments, NULL, NULL, &(struct fragments)                              \
		{                                                                                  \
			.direction = (from), .last = (type), .size = (bytes),                      \
			.peer = { .library = (lib),                                                \
				  .server = (from) == RELAY_TO_CLIENT,                             \
				  .version = (ver) },                                              \
		}                                                                                  \
	}
#define HELLO(name, lib, ver, bytes)                                                               \
	FRAGMENTS(name, RELAY_TO_SERVER, lib, ver, CLIENT_HELLO, bytes)
#define LONG_HELLO(name_, ver, filling, bytes, segments)                                           \
	{                                                                                          \
		"ClientHello of " name_, test_fragments, NULL, NULL, &(struct fragments)           \
		{                                                                                  \
			.direction = RELAY_TO_SERVER, .last = CLIENT_HELLO, .size = (bytes),       \
			.bytewise = (segments),                                                    \
			.peer = { .library = PEER_OPENSSL, .version = (ver), .hello = (filling) }, \
		}                                                                                  \
	}
#define FLIGHT(name, lib, bytes)                                                                   \
	FRAGMENTS(name, RELAY_TO_CLIENT, lib, 0x0303, SERVER_HELLO_DONE, bytes)

#define VERSIONS(name, lib, ver)                                                                   \
	T_CASE(name, test_versions, (&(struct versions){                                           \
		.peer = { .library = (lib), .version = (ver) },                                    \
		.minor = { 0, 4, 5, 0x7f, 0xff },                                                  \
	}))

#define FAREWELL(name, is_server, ver, bytes, what, err)                                           \
	{                                                                                          \
		name, test_alert_after_finished, NULL, NULL, &(struct farewell)                    \
		{                                                                                  \
			.peer = { .library = PEER_OPENSSL,                                         \
				  .server = (is_server),                                           \
				  .version = (ver),                                                \
				  .cipher = PEER_AES128,                                           \
				  .no_tickets = true },                                            \
			.alert = (bytes), .status = (what), .error = (err),                        \
		}                                                                                  \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		{ "ClientHello, cut at every border", test_borders, NULL, NULL, NULL },
		HELLO("ClientHello in fragments, OpenSSL TLS 1.3", PEER_OPENSSL, 0x0304, 40),
		HELLO("ClientHello in fragments, OpenSSL TLS 1.2", PEER_OPENSSL, 0x0303, 7),
		HELLO("ClientHello in fragments, GnuTLS TLS 1.3", PEER_GNUTLS, 0x0304, 100),
		LONG_HELLO("1.6 KiB in a record, TLS 1.3", 0x0304, 1400, 16384, false),
		LONG_HELLO("1.6 KiB byte by byte, TLS 1.3", 0x0304, 1400, 16384, true),
		LONG_HELLO("1.6 KiB in records, byte by byte, TLS 1.3", 0x0304, 1400, 512, true),
		LONG_HELLO("1.6 KiB in records, byte by byte, TLS 1.2", 0x0303, 1400, 512, true),
		LONG_HELLO("12 KiB in many records, TLS 1.3", 0x0304, 12000, 1430, false),
		VERSIONS("any record version, OpenSSL TLS 1.3", PEER_OPENSSL, 0x0304),
		VERSIONS("any record version, OpenSSL TLS 1.2", PEER_OPENSSL, 0x0303),
		VERSIONS("any record version, GnuTLS TLS 1.3", PEER_GNUTLS, 0x0304),
		FLIGHT("messages in one record, OpenSSL", PEER_OPENSSL, 16384),
		FLIGHT("messages in one record, GnuTLS", PEER_GNUTLS, 16384),
		FLIGHT("messages over records, OpenSSL", PEER_OPENSSL, 101),
		FLIGHT("messages over records, GnuTLS", PEER_GNUTLS, 53),
		FAREWELL("alert after Finished, to a client", true, 0x0303, "\2\120",
			 KSC_STATUS_ALERT_RECEIVED, EPROTO),
		FAREWELL("alert after Finished, to a server", false, 0x0304, "\2\52",
			 KSC_STATUS_ALERT_RECEIVED, EPROTO),
		FAREWELL("close_notify after Finished, to a client", true, 0x0303, "\1",
			 KSC_STATUS_OK, 0),
		FAREWELL("close_notify after Finished, to a server", false, 0x0304, "\1",
			 KSC_STATUS_OK, 0),
	};

	return T_RUN(tests);
}
