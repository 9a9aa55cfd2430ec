// SPDX-License-Identifier: GPL-2.0-only
/* A handshake that the kernel ends tells the peer why, by an alert under the current keys. */
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include "lib/craft.h"
#include "lib/net.h"
#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/relay.h"

#define UNEXPECTED_MESSAGE 10
#define RECORD_OVERFLOW 22

/**
 * struct bad - a record that ends a handshake
 * @data: the record
 * @len: its length
 * @behind: it is no record, but stands behind another's content
 * @alert: the alert that answers it
 * @words: the alert's name, as libraries have it
 * @status: what it comes to
 * @error: the errno of that
 */
struct bad {
	const char *data;
	size_t len;
	bool behind;
	uint8_t alert;
	const char *words;
	enum ksc_status status;
	int error;
};

#define BYTES(text) .data = (text), .len = sizeof(text) - 1

static const struct bad empty = {
	BYTES("\x16\x03\x03\x00\x00"),
	.alert = UNEXPECTED_MESSAGE, .words = "nexpected message",
	.status = KSC_STATUS_PROTOCOL_ERROR, .error = EPROTO,
};

static const struct bad unknown = {
	BYTES("\x63\x03\x03\x00\x02hm"),
	.alert = UNEXPECTED_MESSAGE, .words = "nexpected message",
	.status = KSC_STATUS_PROTOCOL_ERROR, .error = EPROTO,
};

static const struct bad oversized = {
	BYTES("\x17\x03\x03\xff\xfftoo long"),
	.alert = RECORD_OVERFLOW, .words = "ecord overflow",
	.status = KSC_STATUS_RECORD_OVERFLOW, .error = EMSGSIZE,
};

/* Behind a message that ends a flight: another, or the beginning of one. */
static const struct bad message = {
	BYTES("\x04\x00\x00\x00"), .behind = true,
	.alert = UNEXPECTED_MESSAGE, .words = "nexpected message",
	.status = KSC_STATUS_PROTOCOL_ERROR, .error = EPROTO,
};

static const struct bad byte = {
	BYTES("\x04"), .behind = true,
	.alert = UNEXPECTED_MESSAGE, .words = "nexpected message",
	.status = KSC_STATUS_PROTOCOL_ERROR, .error = EPROTO,
};

/* ---- before either end has keys: a plaintext client ---- */

static void expect_plain_alert(int peer, uint8_t alert)
{
	uint8_t record[7];

	t_recv(peer, record, sizeof(record));
	assert_memory_equal(record, "\x15\x03\x03\x00\x02\x02", 6);
	assert_int_equal(record[6], alert);
	t_expect_eof(peer);
}

static void expect_failure(int fd, const struct bad *bad)
{
	char c;

	FAILS(recv(fd, &c, 1, 0), bad->error);
	t_expect_error(fd, bad->status, bad->error);
	assert_int_equal(t_error(fd).alert, bad->alert);
	assert_int_equal(t_error(fd).direction, KSC_DIRECTION_SENT);
}

/* A part of a ClientHello in a record that is all right, and then what is not. */
static void test_half_hello(void **state)
{
	static const char half[] = "\x16\x03\x01\x00\x06\x01\x00\x01\xfc\x03\x03";
	const struct bad *bad = *state;
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr);

	for (int apart = 0; apart < 2; apart++) {
		uint64_t sent = tnl_counter(KSC_A_STATS_ALERTS_SENT);
		uint64_t steps = tnl_counter(KSC_A_STATS_STEPS);
		int peer = t_connect(&addr, NULL), fd = t_accept(listener);
		char both[64];

		if (apart) {
			t_send(peer, half, sizeof(half) - 1);
			tnl_await_counter(KSC_A_STATS_STEPS, steps + 1);
			t_send(peer, bad->data, bad->len);
		} else {
			memcpy(both, half, sizeof(half) - 1);
			memcpy(both + sizeof(half) - 1, bad->data, bad->len);
			t_send(peer, both, sizeof(half) - 1 + bad->len);
		}
		expect_failure(fd, bad);
		expect_plain_alert(peer, bad->alert);
		assert_int_equal(tnl_counter(KSC_A_STATS_ALERTS_SENT), sent + 1);
		close(fd);
		close(peer);
	}
	close(listener);
}

/* A ClientHello that has more than any may have. */
static void test_long_hello(void **state)
{
	static uint8_t record[5 + 16384] = { 0x16, 3, 1, 0x40, 0, 1, 1, 0, 0, 3, 3 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, peer;
	uint8_t got[7];
	char c;

	(void)state;
	peer = t_connect(&addr, NULL);
	fd = t_accept(listener);
	/* it need not take all of them */
	for (int i = 0; i < 5; i++)
		if (send(peer, record, sizeof(record), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	assert_true(recv(fd, &c, 1, 0) < 0);
	assert_int_equal(t_error(fd).direction, KSC_DIRECTION_SENT);
	t_recv(peer, got, sizeof(got));
	assert_memory_equal(got, "\x15\x03\x03\x00\x02\x02", 6);
	assert_int_equal(got[6], t_error(fd).alert);
	close(fd);
	close(peer);
	close(listener);
}

/* ---- with keys: a relay puts a bad record in the place of a good one ---- */

/**
 * struct cut - a handshake that breaks off
 * @peer: the far end
 * @type: of the peer's record that is replaced
 * @index: number of it among those of its type
 * @bad: what stands in its place
 * @done: it does
 */
struct cut {
	struct peer_conf peer;
	uint8_t type;
	unsigned int index;
	const struct bad *bad;
	bool done;
};

static enum relay_verdict replace(struct relay *relay, struct relay_record *record)
{
	struct cut *cut = relay->arg;

	if (record->direction != (cut->peer.server ? RELAY_TO_CLIENT : RELAY_TO_SERVER))
		return RELAY_PASS;
	if (cut->done)
		return RELAY_DROP;
	if (record->type != cut->type || record->index != cut->index)
		return RELAY_PASS;
	if (!cut->bad->behind)
		record->len = 0;
	memcpy(record->data + record->len, cut->bad->data, cut->bad->len);
	record->len += cut->bad->len;
	if (cut->bad->behind) {
		record->data[3] = (uint8_t)((record->len - 5) >> 8);
		record->data[4] = (uint8_t)(record->len - 5);
	}
	cut->done = true;
	return RELAY_PASS;
}

/* A client's part of TLS 1.3 is done before the alert comes. */
static void shake_and_wait(struct peer *peer)
{
	if (!peer_handshake(peer))
		peer_expect_close(peer);
}

static void test_cut(void **state)
{
	struct cut *cut = *state;
	const struct bad *bad = cut->bad;
	struct relay relay = { .judge = replace, .arg = cut };
	uint64_t sent = tnl_counter(KSC_A_STATS_ALERTS_SENT);
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener, fd;

	cut->done = false;
	listener = t_listen(AF_INET, cut->peer.server ? NULL : &t_server, &addr);
	relay_start(&relay, &addr);
	if (cut->peer.server) {
		peer_accept(&peer, &cut->peer, listener, shake_and_wait);
		fd = t_try_connect(&relay.addr, &t_client);
		assert_int_equal(errno, bad->error);
	} else {
		peer_connect(&peer, &cut->peer, &relay.addr, shake_and_wait);
		fd = t_accept(listener);
	}
	expect_failure(fd, bad);
	assert_true(cut->done);
	/* it could read it */
	peer_join_failed(&peer, "alert ");
	if (!strstr(peer.error, bad->words))
		fail_msg("peer: \"%s\", not \"%s\"", peer.error, bad->words);
	assert_int_equal(tnl_counter(KSC_A_STATS_ALERTS_SENT), sent + 1);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
	close(fd);
	relay_join(&relay);
	close(listener);
}

/* ---- behind Finished: it is made again by the keys that OpenSSL has then ---- */

static enum relay_verdict drop_finished(struct relay *relay, struct relay_record *record)
{
	(void)relay;
	if (record->direction == RELAY_TO_CLIENT && record->type == CRAFT_HANDSHAKE &&
	    record->index == 4)
		return RELAY_DROP;
	return RELAY_PASS;
}

static void finish_anew(struct peer *peer)
{
	uint8_t finished[4 + 12 + 4] = { 20, 0, 0, 12 };
	const struct bad *more = peer->arg;
	struct craft craft;

	if (peer_handshake(peer) || craft_init(&craft, peer))
		return;
	if (SSL_get_finished(peer->session, finished + 4, 12) != 12) {
		peer_error(peer, "there is no Finished");
		return;
	}
	if (more)
		memcpy(finished + 16, more->data, more->len);
	craft.seq = 0;
	if (craft_send(&craft, CRAFT_HANDSHAKE, finished, 16 + (more ? more->len : 0), 0))
		return;
	if (more)
		peer_expect_close(peer);
	else if (!peer_expect(peer, "as it was"))
		peer_write(peer, "so it is", 8);
}

static void test_behind_finished(void **state)
{
	static const struct peer_conf conf = {
		.library = PEER_OPENSSL, .server = true, .version = 0x0303, .cipher = PEER_AES128,
		.no_tickets = true,
	};
	const struct bad *more = *state;
	struct relay relay = { .judge = drop_finished };
	struct peer peer = { .arg = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	relay_start(&relay, &addr);
	peer_accept(&peer, &conf, listener, finish_anew);
	fd = t_try_connect(&relay.addr, &t_client);
	assert_int_equal(errno, more ? more->error : 0);
	if (more) {
		expect_failure(fd, more);
		peer_join_failed(&peer, more->words);
	} else {
		t_send(fd, "as it was", 9);
		t_expect(fd, "so it is");
		peer_join(&peer);
	}
	close(fd);
	relay_join(&relay);
	close(listener);
}

/* ---- the daemon is asked for the alert: how that can end ---- */

/* what is to be done before that must be, though the guest may be paused */
static const struct t_opts hasty = { .timeout = 5000 };

static struct tnl_conn nl;

static int become_daemon(void **state)
{
	t_setup(state);
	return t_shell("ksc-daemon stop") || !tnl_open(&nl) || tnl_register(&nl) ? -1 : 0;
}

static int restore_daemon(void **state)
{
	(void)state;
	tnl_close(&nl);
	return t_shell("ksc-daemon start") ? -1 : 0;
}

/**
 * struct asked - a server whose daemon is asked for an alert
 * @listener: where it listens
 * @fd: the server
 * @peer: its client
 * @event: the question
 */
struct asked {
	int listener;
	int fd;
	int peer;
	struct tnl_event event;
};

/* The end of the one before may be notified first, once it is no longer counted */
static void next_question(struct asked *a)
{
	while (tnl_next_event(&nl, &a->event) && a->event.cmd == KSC_CMD_CONTEXT_DEL)
		tnl_free_event(&a->event);
}

/* A client has begun */
static void begin(struct asked *a, const struct t_opts *opts)
{
	struct t_addr addr;

	a->listener = t_listen(AF_INET, opts, &addr);
	a->peer = t_connect(&addr, NULL);
	a->fd = t_accept(a->listener);
	t_send(a->peer, "\x16\x03\x01\x00\x02\x01\x00", 7);
	next_question(a);
	assert_int_equal(a->event.cmd, KSC_CMD_CONTEXT_NEW);
	assert_null(a->event.attrs[KSC_A_CONTEXT_STATUS]);
}

/* and was answered */
static void speak(struct asked *a)
{
	struct nl_msg *msg;

	msg = tnl_step(&nl, &a->event, KSC_STATUS_CONTINUE_NEEDED);
	nla_put_u32(msg, KSC_A_CONTEXT_CONSUMED, 7);
	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "hello");
	assert_int_equal(tnl_do(&nl, msg), 0);
	tnl_free_event(&a->event);
	t_expect(a->peer, "hello");
}

static void ask(struct asked *a, const struct t_opts *opts)
{
	struct nlattr **attrs = a->event.attrs;

	begin(a, opts);
	speak(a);
	t_send(a->peer, oversized.data, oversized.len);
	next_question(a);
	assert_int_equal(a->event.cmd, KSC_CMD_TOKEN);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_SEQ]), 1);
	assert_int_equal(nla_get_u8(attrs[KSC_A_CONTEXT_ALERT]), RECORD_OVERFLOW);
	assert_int_equal(nla_get_u32(attrs[KSC_A_CONTEXT_STATUS]), KSC_STATUS_RECORD_OVERFLOW);
	assert_non_null(strstr(nla_get_string(attrs[KSC_A_CONTEXT_TEXT]), "exceeds"));
	assert_null(attrs[KSC_A_CONTEXT_VERDICT]);
	assert_null(attrs[KSC_A_CONTEXT_TOKEN]);
}

static void done(struct asked *a)
{
	tnl_free_event(&a->event);
	if (a->fd >= 0)
		close(a->fd);
	close(a->peer);
	close(a->listener);
	tnl_await_counter(KSC_A_STATS_CONTEXTS, 0);
}

static struct nl_msg *answer(struct asked *a, uint32_t status, bool sent)
{
	struct nl_msg *msg = tnl_step(&nl, &a->event, status);

	nla_put(msg, KSC_A_CONTEXT_TOKEN, 5, "alert");
	if (sent) {
		nla_put_u8(msg, KSC_A_CONTEXT_ALERT, RECORD_OVERFLOW);
		nla_put_u32(msg, KSC_A_CONTEXT_DIRECTION, KSC_DIRECTION_SENT);
	}
	return msg;
}

/* What was found first stays the reason, and nothing but an alert was sent. */
static void expect_silent(struct asked *a)
{
	char c;

	FAILS(recv(a->fd, &c, 1, 0), EMSGSIZE);
	t_expect_error(a->fd, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE);
	assert_int_equal(t_error(a->fd).direction, KSC_DIRECTION_NONE);
	t_expect_eof(a->peer);
}

static void test_answered(void **state)
{
	struct asked a;

	(void)state;
	ask(&a, &t_server);
	/* until then the handshake is in progress */
	FAILS(recv(a.fd, &(char){ 0 }, 1, MSG_DONTWAIT), EAGAIN);
	assert_int_equal(tnl_do(&nl, answer(&a, KSC_STATUS_CANCELLED, true)), 0);
	expect_failure(a.fd, &oversized);
	t_expect(a.peer, "alert");
	t_expect_eof(a.peer);
	done(&a);
}

/* A daemon that goes on, or makes no alert: nothing is sent. */
static void test_answered_wrongly(void **state)
{
	struct asked a;

	(void)state;
	ask(&a, &t_server);
	assert_int_equal(tnl_do(&nl, answer(&a, KSC_STATUS_CONTINUE_NEEDED, false)), 0);
	expect_silent(&a);
	done(&a);
	ask(&a, &t_server);
	assert_int_equal(tnl_do(&nl, tnl_step(&nl, &a.event, KSC_STATUS_INTERNAL_ERROR)), 0);
	expect_silent(&a);
	done(&a);
}

static void test_unanswered(void **state)
{
	struct asked a;

	(void)state;
	ask(&a, &hasty);
	expect_silent(&a);
	assert_int_equal(tnl_do(&nl, answer(&a, KSC_STATUS_CANCELLED, true)), -ENOENT);
	done(&a);
}

static void test_daemon_gone(void **state)
{
	struct asked a;

	(void)state;
	ask(&a, &t_server);
	tnl_close(&nl);
	expect_silent(&a);
	done(&a);
	assert_true(tnl_open(&nl) && !tnl_register(&nl));
}

static void test_peer_gone(void **state)
{
	struct asked a;
	char c;

	(void)state;
	ask(&a, &t_server);
	t_reset(a.peer);
	a.peer = SYS(dup(a.listener));
	FAILS(recv(a.fd, &c, 1, 0), EMSGSIZE);
	t_expect_error(a.fd, KSC_STATUS_RECORD_OVERFLOW, EMSGSIZE);
	assert_int_equal(t_error(a.fd).direction, KSC_DIRECTION_NONE);
	done(&a);
}

static void test_closed(void **state)
{
	struct tnl_event del;
	struct asked a;

	(void)state;
	ask(&a, &t_server);
	close(a.fd);
	a.fd = -1;
	tnl_expect_event(&nl, &del, KSC_CMD_CONTEXT_DEL);
	tnl_free_event(&del);
	assert_int_equal(tnl_do(&nl, answer(&a, KSC_STATUS_CANCELLED, true)), -ENOENT);
	done(&a);
}

/* ---- the daemon is not asked, kschanneld(8) says why ---- */

/* A FIN, and no question; the daemon forgets it. */
static void expect_fin(struct asked *a, enum ksc_status status, int error)
{
	char c;

	FAILS(recv(a->fd, &c, 1, 0), error);
	t_expect_error(a->fd, status, error);
	assert_int_equal(t_error(a->fd).direction, KSC_DIRECTION_NONE);
	t_expect_eof(a->peer);
	tnl_expect_event(&nl, &a->event, KSC_CMD_CONTEXT_DEL);
	done(a);
}

static void test_out_of_time(void **state)
{
	struct asked a;

	(void)state;
	begin(&a, &hasty);
	tnl_free_event(&a.event);
	expect_fin(&a, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
	begin(&a, &hasty);
	speak(&a);
	expect_fin(&a, KSC_STATUS_TIMED_OUT, ETIMEDOUT);
}

static void limit_user(uint32_t handshakes)
{
	struct nl_msg *msg = tnl_request(&nl, KSC_CMD_LIMITS_SET);

	if (handshakes)
		nla_put_u32(msg, KSC_A_LIMITS_PER_USER, handshakes);
	assert_int_equal(tnl_do(&nl, msg), 0);
}

/* Another takes the place of one that was answered and says no more. */
static void test_evicted(void **state)
{
	struct asked a, b;

	(void)state;
	limit_user(1);
	begin(&a, &t_server);
	speak(&a);
	begin(&b, &t_server);
	limit_user(0);
	FAILS(recv(a.fd, &(char){ 0 }, 1, 0), EBUSY);
	t_expect_error(a.fd, KSC_STATUS_OVERLOADED, EBUSY);
	assert_int_equal(t_error(a.fd).direction, KSC_DIRECTION_NONE);
	t_expect_eof(a.peer);
	close(a.fd);
	close(a.peer);
	close(a.listener);
	done(&b);
}

#define CUT(name, lib, is_server, ver, what, nr, how)                                              \
	T_CASE(name, test_cut, (&(struct cut){                                                     \
		.peer = { .library = (lib), .server = (is_server), .version = (ver) },             \
		.type = (what), .index = (nr), .bad = (how),                                       \
	}))

#define ASKED(name, test)                                                                          \
	{                                                                                          \
		name, test, become_daemon, restore_daemon, NULL                                    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("server: half a ClientHello, an empty record", test_half_hello, &empty),
		T_CASE("server: half a ClientHello, an unknown type", test_half_hello, &unknown),
		T_CASE("server: half a ClientHello, too long a record", test_half_hello,
		       &oversized),
		T_CASE("server: too long a ClientHello", test_long_hello, NULL),
		CUT("server: 1.2, no ClientKeyExchange, OpenSSL", PEER_OPENSSL, false, 0x0303,
		    CRAFT_HANDSHAKE, 1, &empty),
		CUT("server: 1.2, no ClientKeyExchange, GnuTLS", PEER_GNUTLS, false, 0x0303,
		    CRAFT_HANDSHAKE, 1, &unknown),
		CUT("server: 1.2, no ChangeCipherSpec, OpenSSL", PEER_OPENSSL, false, 0x0303,
		    CRAFT_CCS, 0, &oversized),
		CUT("server: 1.2, no Finished, OpenSSL", PEER_OPENSSL, false, 0x0303,
		    CRAFT_HANDSHAKE, 2, &unknown),
		CUT("server: 1.2, no Finished, GnuTLS", PEER_GNUTLS, false, 0x0303,
		    CRAFT_HANDSHAKE, 2, &oversized),
		CUT("server: 1.3, no Finished, OpenSSL", PEER_OPENSSL, false, 0x0304, CRAFT_DATA,
		    0, &empty),
		CUT("server: 1.3, no Finished, GnuTLS", PEER_GNUTLS, false, 0x0304, CRAFT_DATA, 0,
		    &oversized),
		CUT("client: 1.2, no Certificate, OpenSSL", PEER_OPENSSL, true, 0x0303,
		    CRAFT_HANDSHAKE, 1, &empty),
		CUT("client: 1.2, no Certificate, GnuTLS", PEER_GNUTLS, true, 0x0303,
		    CRAFT_HANDSHAKE, 1, &oversized),
		CUT("client: 1.2, no ChangeCipherSpec, OpenSSL", PEER_OPENSSL, true, 0x0303,
		    CRAFT_CCS, 0, &unknown),
		CUT("client: 1.2, no ChangeCipherSpec, GnuTLS", PEER_GNUTLS, true, 0x0303,
		    CRAFT_CCS, 0, &empty),
		CUT("client: 1.3, no EncryptedExtensions, OpenSSL", PEER_OPENSSL, true, 0x0304,
		    CRAFT_DATA, 0, &unknown),
		CUT("client: 1.3, no EncryptedExtensions, GnuTLS", PEER_GNUTLS, true, 0x0304,
		    CRAFT_DATA, 0, &oversized),
		CUT("client: 1.3, no Finished, OpenSSL", PEER_OPENSSL, true, 0x0304, CRAFT_DATA, 3,
		    &empty),
		CUT("server: 1.3, a message behind ClientHello", PEER_OPENSSL, false, 0x0304,
		    CRAFT_HANDSHAKE, 0, &message),
		CUT("server: 1.3, a byte behind ClientHello", PEER_OPENSSL, false, 0x0304,
		    CRAFT_HANDSHAKE, 0, &byte),
		CUT("server: 1.2, a message behind ClientHello", PEER_OPENSSL, false, 0x0303,
		    CRAFT_HANDSHAKE, 0, &message),
		CUT("server: 1.2, a byte behind ClientHello", PEER_OPENSSL, false, 0x0303,
		    CRAFT_HANDSHAKE, 0, &byte),
		CUT("client: 1.3, a byte behind ServerHello", PEER_OPENSSL, true, 0x0304,
		    CRAFT_HANDSHAKE, 0, &byte),
		T_CASE("client: 1.2, nothing behind Finished", test_behind_finished, NULL),
		T_CASE("client: 1.2, a message behind Finished", test_behind_finished, &message),
		T_CASE("client: 1.2, a byte behind Finished", test_behind_finished, &byte),
		ASKED("asked and answered", test_answered),
		ASKED("asked and answered wrongly", test_answered_wrongly),
		ASKED("asked, no answer", test_unanswered),
		ASKED("asked, daemon gone", test_daemon_gone),
		ASKED("asked, peer gone", test_peer_gone),
		ASKED("asked, closed", test_closed),
		ASKED("out of time", test_out_of_time),
		ASKED("evicted", test_evicted),
	};

	return T_RUN(tests);
}
