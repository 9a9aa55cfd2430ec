// SPDX-License-Identifier: GPL-2.0-only
/* Records that a peer takes: RFC 8449's record_size_limit and RFC 6066's max_fragment_length. */
#include <stdatomic.h>
#include <unistd.h>

#include "lib/net.h"
#include "lib/peer.h"
#include "lib/relay.h"

#define DATA_LEN 50000
#define HEADER 5
#define TAG 16
#define EXPLICIT_NONCE 8

/**
 * struct limit - a peer and what it takes
 * @conf: the peer
 * @content: most content of a record
 */
struct limit {
	struct peer_conf conf;
	unsigned int content;
};

/**
 * struct longest - what passed
 * @to: the direction that matters
 * @len: the longest application_data record
 */
struct longest {
	enum relay_direction to;
	atomic_uint len;
};

static uint8_t sent[DATA_LEN], received[DATA_LEN];

static enum relay_verdict note(struct relay *relay, struct relay_record *record)
{
	struct longest *longest = relay->arg;

	if (record->direction == longest->to && record->type == 23 &&
	    record->len > atomic_load(&longest->len))
		atomic_store(&longest->len, (unsigned int)record->len);
	return RELAY_PASS;
}

/* All of it, in records that it takes: the library is strict about that. */
static void take_it(struct peer *peer)
{
	if (!peer_handshake(peer) && !peer_read_all(peer, received, sizeof(received)))
		peer_close(peer);
}

/* No record is longer than what the peer takes, and those that are full are as long. */
static void test_limit(void **state)
{
	const struct limit *limit = *state;
	struct longest longest = { .to = limit->conf.server ? RELAY_TO_SERVER : RELAY_TO_CLIENT };
	struct relay relay = { .judge = note, .arg = &longest };
	unsigned int around = HEADER + TAG + (limit->conf.version == 0x0304 ? 1 : EXPLICIT_NONCE);
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, limit->conf.server ? NULL : &t_server, &addr), fd;

	relay_start(&relay, &addr);
	if (limit->conf.server) {
		peer_accept(&peer, &limit->conf, listener, take_it);
		fd = t_connect(&relay.addr, &t_client);
	} else {
		peer_connect(&peer, &limit->conf, &relay.addr, take_it);
		fd = t_accept(listener);
	}
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_RECORD_SIZING, &(int){ KSC_SIZING_FULL },
		       sizeof(int)));
	t_fill(sent, sizeof(sent), limit->content);
	memset(received, 0, sizeof(received));
	t_send(fd, sent, sizeof(sent));
	t_expect_eof(fd);
	peer_join(&peer);
	assert_memory_equal(sent, received, sizeof(sent));
	close(fd);
	close(listener);
	relay_join(&relay);
	assert_int_equal(atomic_load(&longest.len), limit->content + around);
}

/* An option that allows more is of no consequence, one that allows less is. */
static void test_option(void **state)
{
	static const struct {
		int option;
		unsigned int content;
	} cases[] = { { 16384, 1000 }, { 1000, 1000 }, { 999, 999 }, { 64, 64 } };

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct peer_conf conf = { .library = PEER_GNUTLS, .server = true,
						.version = 0x0304, .record_size = 1000 };
		struct longest longest = { .to = RELAY_TO_SERVER };
		struct relay relay = { .judge = note, .arg = &longest };
		struct peer peer = { 0 };
		struct t_addr addr;
		int listener = t_listen(AF_INET, NULL, &addr), fd;

		relay_start(&relay, &addr);
		peer_accept(&peer, &conf, listener, take_it);
		fd = t_socket(AF_INET, &t_client);
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_TX_MAX_PAYLOAD, &cases[i].option,
			       sizeof(int)));
		/* padding fits within the limit, too */
		SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_PADDING, &(int){ 16384 }, sizeof(int)));
		SYS(connect(fd, (struct sockaddr *)&relay.addr.ss, relay.addr.len));
		t_fill(sent, sizeof(sent), i);
		t_send(fd, sent, sizeof(sent));
		t_expect_eof(fd);
		peer_join(&peer);
		assert_memory_equal(sent, received, sizeof(sent));
		close(fd);
		close(listener);
		relay_join(&relay);
		assert_in_range(atomic_load(&longest.len), cases[i].content + HEADER + TAG + 1,
				1000 + HEADER + TAG + 1);
	}
}

#define CASE(name_, ...)                                                                           \
	{                                                                                          \
		.name = name_, .test_func = test_limit, .initial_state = &(struct limit)           \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

#define BOTH(name_, ver)                                                                           \
	CASE("record_size_limit 64, server, " name_,                                               \
	     { .library = PEER_GNUTLS, .server = true, .version = (ver), .record_size = 64 }, 64), \
	CASE("record_size_limit 1000, server, " name_,                                             \
	     { .library = PEER_GNUTLS, .server = true, .version = (ver), .record_size = 1000 },    \
	     1000),                                                                                \
	CASE("record_size_limit 1000, client, " name_,                                             \
	     { .library = PEER_GNUTLS, .version = (ver), .record_size = 1000 }, 1000),             \
	CASE("record_size_limit 16383, client, " name_,                                            \
	     { .library = PEER_GNUTLS, .version = (ver), .record_size = 16383 }, 16383),           \
	CASE("max_fragment_length 512, " name_,                                                    \
	     { .library = PEER_OPENSSL, .version = (ver), .max_fragment = 1 }, 512),               \
	CASE("max_fragment_length 4096, " name_,                                                   \
	     { .library = PEER_OPENSSL, .version = (ver), .max_fragment = 4 }, 4096),              \
	CASE("no limit, " name_, { .library = PEER_OPENSSL, .version = (ver) }, 16384)

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH("TLS 1.2", 0x0303),
		BOTH("TLS 1.3", 0x0304),
		cmocka_unit_test(test_option),
	};

	return T_RUN(tests);
}
