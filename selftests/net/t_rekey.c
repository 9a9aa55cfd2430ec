// SPDX-License-Identifier: GPL-2.0-only
/*
 * KeyUpdate with peers that use other libraries, from both ends at the same time, and over a
 * network that loses, repeats and reorders. $REKEY_BYTES, by default 32 MiB, is how much goes
 * each way over that network.
 */
#include <gnutls/gnutls.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/peer.h"
#include "lib/stream.h"

#define EVERY 100
#define PATIENCE_TRANSFER_S 3600
#define UPDATES 20
/* GnuTLS 3.7 errs at more than eight in a second */
#define FEW_UPDATES 5

static int rekey(int fd, int value)
{
	return setsockopt(fd, SOL_KSCHANNEL, KSC_REKEY, &value, sizeof(value));
}

static void rekey_after(int fd, unsigned int records)
{
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_REKEY_AFTER, &records, sizeof(records)));
}

/* Changes its keys, and asks for the same if @both. */
static int peer_update(struct peer *peer, bool both)
{
	int ret;

	if (peer->conf.library == PEER_OPENSSL) {
		ret = SSL_key_update(peer->session, both ? SSL_KEY_UPDATE_REQUESTED :
							   SSL_KEY_UPDATE_NOT_REQUESTED) == 1 &&
		      SSL_do_handshake(peer->session) == 1;
		return ret ? 0 : peer_error(peer, "SSL_key_update");
	}
	ret = gnutls_session_key_update(peer->session, both ? GNUTLS_KU_PEER : 0);
	return ret >= 0 ? 0 : peer_error(peer, "key_update: %s", gnutls_strerror(ret));
}

static int updates_of(const struct peer *peer)
{
	return peer->conf.library == PEER_OPENSSL ? UPDATES : FEW_UPDATES;
}

/* Sends data between updates, and reads the answers. */
static void update_and_talk(struct peer *peer)
{
	if (peer_handshake(peer))
		return;
	for (int i = 0; i < updates_of(peer); i++) {
		if (peer_write(peer, "before", 6) || peer_update(peer, i & 1) ||
		    peer_write(peer, "behind", 6) || peer_expect(peer, "heard"))
			return;
	}
	if (!peer_expect_close(peer) && !peer_close(peer))
		peer_await_fin(peer);
}

static void finish(struct peer *peer, int fd)
{
	SYS(shutdown(fd, SHUT_WR));
	t_expect_eof(fd);
	close(fd);
	peer_join(peer);
}

/* The peer's updates, every second of which asks for ours. */
static void test_peer_updates(void **state)
{
	uint64_t sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT);
	uint64_t received = tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED);
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, update_and_talk);

	for (int i = 0; i < updates_of(&peer); i++) {
		t_expect(fd, "beforebehind");
		t_send(fd, "heard", 5);
	}
	finish(&peer, fd);
	received = tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED) - received;
	sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT) - sent;
	/* OpenSSL 3.0 and GnuTLS 3.7 send each of them in a record of its own */
	assert_int_equal(received, updates_of(&peer));
	assert_int_equal(sent, updates_of(&peer) / 2);
}

/* Ours, by command; every second asks for the peer's. */
static void test_our_updates(void **state)
{
	uint64_t sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT);
	uint64_t received = tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED);
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, peer_echo);

	for (int i = 0; i < updates_of(&peer); i++) {
		t_send(fd, "before", 6);
		SYS(rekey(fd, i & 1));
		t_send(fd, "behind", 6);
		t_expect(fd, "beforebehind");
	}
	finish(&peer, fd);
	assert_int_equal(tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT) - sent, updates_of(&peer));
	received = tnl_counter(KSC_A_STATS_KEY_UPDATES_RECEIVED) - received;
	/* several requests may get one answer */
	assert_in_range(received, 1, updates_of(&peer) / 2);
}

/* Ours, by the number of records, in a large transfer that is echoed meanwhile. */
static void test_by_count(void **state)
{
	static uint8_t out[400000], in[400000];
	uint64_t sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT);
	struct peer peer = { 0 };
	int fd = peer_serve(&peer, *state, peer_echo);

	/* full records, of which there are 25 at least */
	rekey_after(fd, peer.conf.library == PEER_OPENSSL ? 1 : 10);
	SYS(setsockopt(fd, SOL_KSCHANNEL, KSC_RECORD_SIZING, &(int){ KSC_SIZING_FULL },
		       sizeof(int)));
	t_fill(out, sizeof(out), 3);
	for (size_t at = 0; at < sizeof(out); at += 50000) {
		t_send(fd, out + at, 50000);
		t_recv(fd, in + at, 50000);
	}
	assert_memory_equal(in, out, sizeof(out));
	sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT) - sent;
	assert_in_range(sent, peer.conf.library == PEER_OPENSSL ? 24 : 2, 400000 / 2000);
	finish(&peer, fd);
}

/**
 * struct rekeyer - asks for new keys again and again
 * @fds: of these sockets
 * @stop: until told to stop
 * @error: errno
 */
struct rekeyer {
	const int *fds;
	bool stop;
	int error;
};

static void *keep_rekeying(void *arg)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct rekeyer *r = arg;

	for (unsigned int i = 0; !__atomic_load_n(&r->stop, __ATOMIC_RELAXED); i++) {
		/* a side that has sent all it had to send has closed */
		if (rekey(r->fds[i & 1], 1) && errno != EPIPE)
			r->error = errno;
		nanosleep(&pause, NULL);
	}
	return NULL;
}

/* More than a peer may ask for: that is for t_flood.c. */
static int unlimited(void **state)
{
	t_set_parameter("max_key_updates", 0);
	return t_setup(state);
}

static int limited(void **state)
{
	(void)state;
	t_set_parameter("max_key_updates", 128);
	return 0;
}

/* Case 32: both sides at once, all the time, asking each other besides. */
static void case_32_both_at_once(void **state)
{
	uint64_t sent = tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT);
	struct rekeyer r = { 0 };
	pthread_t thread;
	int fds[2];

	(void)state;
	alarm(PATIENCE_LONG_S);
	t_pair(AF_INET, fds);
	rekey_after(fds[0], 3);
	rekey_after(fds[1], 5);
	/* a server may not be done with its handshake when its client is */
	t_exchange(fds[0], fds[1]);
	r.fds = fds;
	t_thread(&thread, keep_rekeying, &r);
	stream_both_ways(fds, 4 * STREAM_BLOCK);
	__atomic_store_n(&r.stop, true, __ATOMIC_RELAXED);
	t_join(thread);
	assert_int_equal(r.error, 0);
	/* 256 full records each way, at least */
	assert_true(tnl_counter(KSC_A_STATS_KEY_UPDATES_SENT) - sent >= 256 / 3 + 256 / 5);
	close(fds[0]);
	close(fds[1]);
}

/* ---- a bad network ---- */

static int mend_network(void **state)
{
	(void)state;
	return t_shell("tc qdisc del dev lo root 2>/dev/null; ip link set lo mtu 65536");
}

static int spoil_network(void **state)
{
	t_setup(state);
	mend_network(state);
	return t_shell("ip link set lo mtu 9000 && "
		      "tc qdisc add dev lo root netem limit 10000 delay 2ms 1ms loss 1% "
		      "duplicate 1% reorder 5%");
}

static void test_bad_network(void **state)
{
	uint64_t bytes = stream_bytes("REKEY_BYTES", 32 << 20);
	struct tnl_sock ends[2];
	int64_t ms;
	int fds[2];

	(void)state;
	/* how long it takes is the network's affair */
	alarm(PATIENCE_TRANSFER_S);
	t_pair(AF_INET, fds);
	rekey_after(fds[0], EVERY);
	rekey_after(fds[1], EVERY);
	ms = stream_both_ways(fds, bytes);
	for (size_t i = 0; i < 2; i++)
		ends[i] = tnl_find_socket(fds[i]);
	print_message("# %lu MiB each way in %ld s, %lu and %lu records, %lu and %lu KeyUpdates\n",
		      (unsigned long)(bytes / STREAM_BLOCK), (long)(ms / 1000),
		      (unsigned long)ends[0].tx_records, (unsigned long)ends[1].tx_records,
		      (unsigned long)ends[0].updates_sent, (unsigned long)ends[1].updates_sent);
	/* each after a hundred records besides the KeyUpdate, and none was lost */
	for (size_t i = 0; i < 2; i++) {
		assert_in_range(ends[i].updates_sent, ends[i].tx_records / (EVERY + 1) - 1,
				ends[i].tx_records / EVERY);
		assert_int_equal(ends[i].updates_sent, ends[!i].updates_received);
	}
	close(fds[0]);
	close(fds[1]);
}

#define PEER_TEST(what, test, conf)                                                                \
	{                                                                                          \
		what ", " #conf, test, NULL, NULL, (void *)&(conf)                                 \
	}

int main(void)
{
	static const struct peer_conf openssl = { .library = PEER_OPENSSL, .server = true,
						  .version = 0x0304 };
	static const struct peer_conf openssl_384 = { .library = PEER_OPENSSL, .server = true,
						      .version = 0x0304, .cipher = PEER_AES256 };
	static const struct peer_conf openssl_chacha = { .library = PEER_OPENSSL, .server = true,
							 .version = 0x0304,
							 .cipher = PEER_CHACHA };
	static const struct peer_conf gnutls = { .library = PEER_GNUTLS, .server = true,
						 .version = 0x0304 };
	const struct CMUnitTest tests[] = {
		PEER_TEST("the peer's updates", test_peer_updates, openssl),
		PEER_TEST("the peer's updates", test_peer_updates, openssl_384),
		PEER_TEST("the peer's updates", test_peer_updates, openssl_chacha),
		PEER_TEST("the peer's updates", test_peer_updates, gnutls),
		PEER_TEST("updates on command", test_our_updates, openssl),
		PEER_TEST("updates on command", test_our_updates, openssl_384),
		PEER_TEST("updates on command", test_our_updates, openssl_chacha),
		PEER_TEST("updates on command", test_our_updates, gnutls),
		PEER_TEST("updates by count", test_by_count, openssl),
		PEER_TEST("updates by count", test_by_count, openssl_384),
		PEER_TEST("updates by count", test_by_count, openssl_chacha),
		PEER_TEST("updates by count", test_by_count, gnutls),
		cmocka_unit_test_setup_teardown(case_32_both_at_once, unlimited, limited),
		cmocka_unit_test_setup_teardown(test_bad_network, spoil_network, mend_network),
	};

	return T_RUN(tests);
}
