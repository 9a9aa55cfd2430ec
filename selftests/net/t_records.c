// SPDX-License-Identifier: GPL-2.0-only
/* Records: split, coalesced, empty, forged; and what can be seen of them on the wire. */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include "lib/craft.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/relay.h"

#define DATA CRAFT_DATA

/**
 * struct wrong - a record that is authentic and still wrong
 * @type: its content type
 * @data: its content
 * @len: length of it
 * @status: what it comes to
 * @error: the errno of that
 */
struct wrong {
	uint8_t type;
	const char *data;
	size_t len;
	enum ksc_status status;
	int error;
};

static const struct wrong fatal_alert = { CRAFT_ALERT, "\2\120", 2, KSC_STATUS_ALERT_RECEIVED,
					  EPROTO };
static const struct wrong short_alert = { CRAFT_ALERT, "\2", 1, KSC_STATUS_PROTOCOL_ERROR,
					  EPROTO };
static const struct wrong unknown_type = { 99, "what?", 5, KSC_STATUS_PROTOCOL_ERROR, EPROTO };
static const struct wrong late_ccs = { CRAFT_CCS, "\1", 1, KSC_STATUS_PROTOCOL_ERROR, EPROTO };
static const struct wrong client_hello = { CRAFT_HANDSHAKE, "\1\0\0\0", 4,
					   KSC_STATUS_PROTOCOL_ERROR, EPROTO };
static const struct wrong empty_handshake = { CRAFT_HANDSHAKE, NULL, 0, KSC_STATUS_PROTOCOL_ERROR,
					      EPROTO };
static const struct wrong bad_update = { CRAFT_HANDSHAKE, "\30\0\0\1\2", 5,
					 KSC_STATUS_PROTOCOL_ERROR, EPROTO };

/**
 * struct relayed - two protected sockets with a relay between
 * @relay: the relay
 * @listener: the server's listener
 * @client: the client
 * @server: the server
 */
struct relayed {
	struct relay relay;
	int listener;
	int client;
	int server;
};

static void relayed_open(struct relayed *r, relay_fn judge, void *arg, bool bytewise)
{
	const int on = 1;
	struct t_addr addr;

	memset(r, 0, sizeof(*r));
	r->relay.judge = judge;
	r->relay.arg = arg;
	r->relay.bytewise = bytewise;
	r->listener = t_listen(AF_INET, &t_server, &addr);
	relay_start(&r->relay, &addr);
	r->client = t_begin(&r->relay.addr, &t_client);
	r->server = t_accept(r->listener);
	t_finish(r->client);
	/* each write makes a record of its own */
	SYS(setsockopt(r->client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
}

static void relayed_close(struct relayed *r)
{
	close(r->client);
	close(r->server);
	close(r->listener);
	relay_join(&r->relay);
}

/* Case 1: every byte in a segment of its own. */
static void case_01_bytewise(void **state)
{
	struct relayed r;

	(void)state;
	relayed_open(&r, NULL, NULL, true);
	t_exchange(r.client, r.server);
	SYS(shutdown(r.client, SHUT_WR));
	t_expect_eof(r.server);
	relayed_close(&r);
}

/* Of what follows the server's first flight, a few application records at a time. */
static enum relay_verdict hold_two_of_three(struct relay *relay, struct relay_record *record)
{
	unsigned int *after = relay->arg;

	if (record->direction != RELAY_TO_SERVER || record->type != DATA)
		return RELAY_PASS;
	/* the first is the client's Finished, which waits for data to keep it company */
	return *after && record->index % 3 != 2 ? RELAY_HOLD : RELAY_PASS;
}

/* Cases 5 and 8: Finished and application data in one segment, at the server. */
static void case_05_08_coalesced(void **state)
{
	unsigned int hold = 1;
	struct relayed r;

	(void)state;
	relayed_open(&r, hold_two_of_three, &hold, false);
	t_send(r.client, "one ", 4);
	t_send(r.client, "two", 3);
	t_expect(r.server, "one two");
	t_send(r.server, "answer", 6);
	t_expect(r.client, "answer");
	hold = 0;
	relayed_close(&r);
}

/* Collects what a TLS 1.2 server says last with the first that it sends as data. */
static enum relay_verdict hold_last_flight(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction == RELAY_TO_CLIENT && record->type != DATA && record->index > 3)
		return RELAY_HOLD;
	if (record->direction == RELAY_TO_CLIENT && record->type == 20)
		return RELAY_HOLD;
	return RELAY_PASS;
}

static void greet_twice(struct peer *peer)
{
	if (peer_handshake(peer) || peer_write(peer, "first", 5) || peer_write(peer, "second", 6))
		return;
	if (!peer_expect_close(peer))
		peer_close(peer);
}

/* The same at the client, whose peer says more right after its Finished. */
static void test_coalesced_client(void **state)
{
	struct relay relay = { .judge = hold_last_flight };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	relay_start(&relay, &addr);
	peer_accept(&peer, *state, listener, greet_twice);
	fd = t_connect(&relay.addr, &t_client);
	t_expect(fd, "firstsecond");
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
	relay_join(&relay);
	close(listener);
}

static void send_empty_records(struct peer *peer)
{
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	for (int i = 0; i < 5; i++)
		craft_send(&craft, CRAFT_DATA, NULL, 0, 0);
	craft_send(&craft, CRAFT_DATA, "full", 4, 0);
	craft_send(&craft, CRAFT_DATA, NULL, 0, peer->conf.version == 0x0304 ? 100 : 0);
	/* only empty records are in flight now: signal that by other means */
	if (peer_expect(peer, "go on"))
		return;
	craft_send(&craft, CRAFT_DATA, NULL, 0, 0);
	craft_send(&craft, CRAFT_DATA, "again", 5, peer->conf.version == 0x0304 ? 1000 : 0);
	craft_send(&craft, CRAFT_ALERT, "\1", 2, 0);
	peer_await_fin(peer);
}

/* Case 37: empty records are not the end of the data, and not an empty read. */
static void test_empty(void **state)
{
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, send_empty_records);
	char buf[8];

	assert_int_equal(SYS(recv(fd, buf, sizeof(buf), 0)), 4);
	assert_memory_equal(buf, "full", 4);
	FAILS(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), EAGAIN);
	t_send(fd, "go on", 5);
	assert_int_equal(SYS(recv(fd, buf, 5, MSG_WAITALL)), 5);
	assert_memory_equal(buf, "again", 5);
	t_expect_eof(fd);
	close(fd);
	peer_join(&peer);
}

static void send_key_updates(struct peer *peer)
{
	/* KeyUpdate: update_not_requested */
	static const uint8_t update[] = { 24, 0, 0, 1, 0 };
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	craft_send(&craft, CRAFT_DATA, "old ", 4, 0);
	for (int i = 0; i < 3; i++) {
		craft_send(&craft, CRAFT_HANDSHAKE, update, sizeof(update), 0);
		craft_update(&craft);
		craft_send(&craft, CRAFT_DATA, "new ", 4, 0);
	}
	craft_send(&craft, CRAFT_ALERT, "\1", 2, 0);
	peer_await_fin(peer);
}

/* Case 31: a KeyUpdate between records loses none. */
static void test_key_update(void **state)
{
	uint64_t updates = tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED);
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, send_key_updates);

	t_expect(fd, "old new new new ");
	t_expect_eof(fd);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED), updates + 3);
	close(fd);
	peer_join(&peer);
}

static void send_wrong_record(struct peer *peer)
{
	const struct wrong *wrong = peer->arg;
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	craft_send(&craft, CRAFT_DATA, "before", 6, 0);
	craft_send(&craft, wrong->type, wrong->data, wrong->len, 0);
	peer_await_fin(peer);
}

static void test_wrong_record(void **state)
{
	const struct wrong *wrong = *state;
	struct peer peer = { .arg = *state };
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true, .version = 0x0304,
					.cipher = PEER_AES128, .no_tickets = true };
	int fd = peer_serve(&peer, &conf, send_wrong_record);
	char c;

	t_expect(fd, "before");
	FAILS(recv(fd, &c, 1, 0), wrong->error);
	t_expect_error(fd, wrong->status, wrong->error);
	close(fd);
	peer_join(&peer);
}

/**
 * struct forgery - which record is changed
 * @index: how many application records pass before
 * @offset: of the byte, from the record's end
 */
struct forgery {
	unsigned int index;
	size_t offset;
};

static enum relay_verdict forge(struct relay *relay, struct relay_record *record)
{
	const struct forgery *forgery = relay->arg;

	if (record->direction == RELAY_TO_SERVER && record->type == DATA &&
	    record->index == forgery->index)
		record->data[record->len - 1 - forgery->offset] ^= 0x01;
	return RELAY_PASS;
}

/* Case 38: a record that was forged; what came before it is delivered first. */
static void test_bad_mac(void **state)
{
	struct forgery forgery = { .index = 3, .offset = *(const size_t *)*state };
	uint64_t bad = tnl_counter(KSC_A_STATS_RX_BAD_RECORDS);
	struct relayed r;
	char c;

	/* record 0 is the client's Finished */
	relayed_open(&r, forge, &forgery, false);
	t_send(r.client, "first ", 6);
	t_send(r.client, "second", 6);
	t_send(r.client, "forged", 6);
	t_send(r.client, "fourth", 6);
	t_expect(r.server, "first second");
	FAILS(recv(r.server, &c, 1, 0), EBADMSG);
	FAILS(recv(r.server, &c, 1, 0), EBADMSG);
	assert_true(send(r.server, &c, 1, MSG_NOSIGNAL) < 0);
	t_expect_error(r.server, KSC_STATUS_BAD_RECORD, EBADMSG);
	assert_int_equal(t_error(r.server).direction, KSC_DIRECTION_SENT);
	assert_int_equal(t_error(r.server).alert, 20);
	/* the other end gets an alert */
	FAILS(recv(r.client, &c, 1, 0), EPROTO);
	t_expect_error(r.client, KSC_STATUS_ALERT_RECEIVED, EPROTO);
	assert_int_equal(t_error(r.client).direction, KSC_DIRECTION_RECEIVED);
	assert_int_equal(t_error(r.client).alert, 20);
	assert_int_equal(tnl_counter(KSC_A_STATS_RX_BAD_RECORDS), bad + 1);
	relayed_close(&r);
}

static enum relay_verdict drop_third(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction == RELAY_TO_SERVER && record->type == DATA && record->index == 2)
		return RELAY_DROP;
	return RELAY_PASS;
}

/* A record that is missing is noticed by the next. */
static void test_missing(void **state)
{
	struct relayed r;
	char c;

	(void)state;
	relayed_open(&r, drop_third, NULL, false);
	t_send(r.client, "one", 3);
	t_send(r.client, "two", 3);
	t_send(r.client, "three", 5);
	t_expect(r.server, "one");
	FAILS(recv(r.server, &c, 1, 0), EBADMSG);
	relayed_close(&r);
}

static enum relay_verdict cut(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction == RELAY_TO_SERVER && record->type == DATA && record->index == 2) {
		record->len -= 3;
		return RELAY_PASS_FIN;
	}
	return RELAY_PASS;
}

/* The end of the connection in the middle of a record. */
static void test_cut(void **state)
{
	struct relayed r;
	char c;

	(void)state;
	relayed_open(&r, cut, NULL, false);
	t_send(r.client, "one", 3);
	t_send(r.client, "two", 3);
	t_expect(r.server, "one");
	FAILS(recv(r.server, &c, 1, 0), ECONNRESET);
	t_expect_error(r.server, KSC_STATUS_TRUNCATED, ECONNRESET);
	relayed_close(&r);
}

static enum relay_verdict forge_handshake(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	/* the first protected record of the server's flight */
	if (record->direction == RELAY_TO_CLIENT && record->type == DATA && record->index == 0)
		record->data[record->len - 1] ^= 0x80;
	return RELAY_PASS;
}

/* A handshake that the relay has modified. */
static void test_forged_handshake(void **state)
{
	struct relay relay = { .judge = forge_handshake };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, child;
	char c;

	(void)state;
	relay_start(&relay, &addr);
	fd = t_begin(&relay.addr, &t_client);
	child = t_accept(listener);
	assert_int_equal(t_handshake(fd), -1);
	assert_true(errno == EPROTO || errno == EBADMSG);
	assert_int_equal(t_error(fd).direction, KSC_DIRECTION_SENT);
	FAILS(recv(child, &c, 1, 0), EPROTO);
	t_expect_error(child, KSC_STATUS_ALERT_RECEIVED, EPROTO);
	close(fd);
	close(child);
	relay_join(&relay);
	close(listener);
}

static int capture_open(void)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex("lo") };
	int fd = (int)SYS(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)));
	int size = 8 << 20;

	SYS(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)));
	SYS(bind(fd, (struct sockaddr *)&ll, sizeof(ll)));
	return fd;
}

/* Reads what was captured; returns how many packets have the text. */
static unsigned int capture_count(int fd, const char *text)
{
	struct tpacket_stats stats;
	static uint8_t packet[70000];
	socklen_t len = sizeof(stats);
	unsigned int found = 0;
	ssize_t n;

	while ((n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT)) > 0)
		found += !!memmem(packet, (size_t)n, text, strlen(text));
	assert_int_equal(errno, EAGAIN);
	SYS(getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len));
	assert_true(stats.tp_packets > 0);
	assert_int_equal(stats.tp_drops, 0);
	return found;
}

#define MARK "this must not be seen on the wire"

static void send_marks(int a, int b)
{
	for (int i = 0; i < 10; i++) {
		t_send(a, MARK, sizeof(MARK) - 1);
		t_expect(b, MARK);
		t_send(b, MARK, sizeof(MARK) - 1);
		t_expect(a, MARK);
	}
	SYS(send(a, MARK, sizeof(MARK) - 1, MSG_MORE));
	SYS(shutdown(a, SHUT_WR));
	t_expect(b, MARK);
	t_expect_eof(b);
	send(a, MARK, sizeof(MARK) - 1, MSG_NOSIGNAL);
	t_send(b, MARK, sizeof(MARK) - 1);
	close(b);
	t_expect(a, MARK);
	close(a);
}

/* Case 39: no plaintext in any packet, whatever state the socket was in. */
static void case_39_nothing_on_the_wire(void **state)
{
	const struct t_opts nonblock = { .server_name = "server.test", .nonblock = true };
	int capture = capture_open(), fds[2], listener, fd;
	struct t_addr addr;

	(void)state;
	/* without protection it is seen, so that seeing nothing means something */
	listener = t_listen(AF_INET, NULL, &addr);
	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	send_marks(fds[0], fds[1]);
	assert_true(capture_count(capture, MARK) >= 20);

	t_pair(AF_INET, fds);
	send_marks(fds[0], fds[1]);
	/* sending before the handshake is done, to a peer that never answers */
	fd = t_try_connect(&addr, &nonblock);
	assert_int_equal(errno, EINPROGRESS);
	assert_true(send(fd, MARK, sizeof(MARK) - 1, 0) < 0);
	fds[0] = t_accept(listener);
	send(fd, MARK, sizeof(MARK) - 1, 0);
	close(fd);
	close(fds[0]);
	/* to one that refuses */
	fd = t_try_connect(&addr, &nonblock);
	fds[0] = t_accept(listener);
	t_send(fds[0], "HTTP/1.0 400 Bad Request\r\n\r\n", 28);
	t_wait(fd, POLLOUT);
	assert_true(send(fd, MARK, sizeof(MARK) - 1, 0) < 0);
	close(fd);
	close(fds[0]);
	/* the data that TCP's fast open would put into the first segment */
	fd = t_socket(AF_INET, &t_client);
	sendto(fd, MARK, sizeof(MARK) - 1, MSG_FASTOPEN | MSG_DONTWAIT,
	       (struct sockaddr *)&addr.ss, addr.len);
	close(fd);
	close(listener);
	assert_int_equal(capture_count(capture, MARK), 0);
	close(capture);
}

#define WRONG(record)                                                                              \
	{                                                                                          \
		"wrong record: " #record, test_wrong_record, NULL, NULL, (void *)&(record)         \
	}

int main(void)
{
	static const size_t tag = 0, body = 17, header = 20;
	const struct peer_conf gnutls_13 = { .library = PEER_GNUTLS, .server = true,
					     .version = 0x0304 };
	const struct peer_conf gnutls_12 = { .library = PEER_GNUTLS, .server = true,
					     .version = 0x0303 };
	const struct peer_conf openssl_12 = { .library = PEER_OPENSSL, .server = true,
					      .version = 0x0303 };
	const struct peer_conf crafty_13 = { .library = PEER_OPENSSL, .server = true,
					     .version = 0x0304, .cipher = PEER_AES128,
					     .no_tickets = true };
	const struct peer_conf crafty_12 = { .library = PEER_OPENSSL, .server = true,
					     .version = 0x0303, .cipher = PEER_AES128,
					     .no_tickets = true };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_01_bytewise),
		cmocka_unit_test(case_05_08_coalesced),
		{ "coalesced, OpenSSL TLS 1.2", test_coalesced_client, NULL, NULL,
		  (void *)&openssl_12 },
		{ "coalesced, GnuTLS TLS 1.2", test_coalesced_client, NULL, NULL,
		  (void *)&gnutls_12 },
		{ "coalesced, GnuTLS TLS 1.3", test_coalesced_client, NULL, NULL,
		  (void *)&gnutls_13 },
		{ "empty records, TLS 1.3", test_empty, NULL, NULL, (void *)&crafty_13 },
		{ "empty records, TLS 1.2", test_empty, NULL, NULL, (void *)&crafty_12 },
		{ "KeyUpdate", test_key_update, NULL, NULL, (void *)&crafty_13 },
		WRONG(fatal_alert),
		WRONG(short_alert),
		WRONG(unknown_type),
		WRONG(late_ccs),
		WRONG(client_hello),
		WRONG(empty_handshake),
		WRONG(bad_update),
		{ "forged tag", test_bad_mac, NULL, NULL, (void *)&tag },
		{ "forged type", test_bad_mac, NULL, NULL, (void *)&(const size_t){ 16 } },
		{ "forged body", test_bad_mac, NULL, NULL, (void *)&body },
		{ "forged start", test_bad_mac, NULL, NULL, (void *)&header },
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_forged_handshake),
		cmocka_unit_test(case_39_nothing_on_the_wire),
	};

	return T_RUN(tests);
}
