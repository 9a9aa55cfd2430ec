// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets that were merged before TCP saw them, as by a network card's driver (GRO): they have
 * more fragments in TCP's queue than those of a sender on the same machine.
 */
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lib/far.h"
#include "lib/flow.h"
#include "lib/nl.h"
#include "lib/peer.h"

#define ROUNDS 4

/* An offload of a device in the namespace that a socket is in. */
static void set_offload(int fd, const char *device, uint32_t command, bool on)
{
	struct ethtool_value value = { .cmd = command, .data = on };
	struct ifreq ifr = { .ifr_data = (char *)&value };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", device);
	SYS(ioctl(fd, SIOCETHTOOL, &ifr));
}

/* Packets that came to veth0. */
static uint64_t received(void)
{
	FILE *file = fopen("/sys/class/net/veth0/statistics/rx_packets", "re");
	unsigned long long value;

	assert_non_null(file);
	assert_int_equal(fscanf(file, "%llu", &value), 1); /* NOLINT(cert-err34-c) */
	fclose(file);
	return value;
}

static int make_network(void **state)
{
	t_setup(state);
	far_make();
	return 0;
}

/*
 * One whose packets are so small that more of them are merged than have room in one: those
 * behind come as a list. They wait long enough for each other.
 */
static int make_small_network(void **state)
{
	make_network(state);
	assert_int_equal(t_shell("ip link set veth0 mtu 600 && ip -n peer link set veth1 mtu 600"),
			 0);
	assert_true(t_write_file("/sys/class/net/veth0/napi_defer_hard_irqs", "1") &&
		    t_write_file("/sys/class/net/veth0/gro_flush_timeout", "5000000"));
	return 0;
}

/* In pieces that no packet ends with. */
static void send_much(struct peer *peer)
{
	if (peer_handshake(peer))
		return;
	for (int i = 0; i < ROUNDS; i++) {
		for (size_t at = 0, n; at < FLOW_MAX; at += n) {
			n = 1 + (at * 7 + 3) % 30000;
			if (n > FLOW_MAX - at)
				n = FLOW_MAX - at;
			if (peer_write(peer, flow_data(0) + at, n))
				return;
		}
	}
	peer_close(peer);
	peer_await_fin(peer);
}

/* Were they merged? It takes a sender that is faster than the receiver. */
static bool merged(const struct peer_conf *conf)
{
	struct peer peer = { 0 };
	uint64_t segments, packets, staged;
	struct t_addr addr;
	int listener = far_listener(&addr), fd;

	/* the sender's packets are as small as on a wire, the receiver's card merges them */
	set_offload(listener, "veth1", ETHTOOL_STSO, false);
	set_offload(listener, "veth1", ETHTOOL_SGSO, false);
	peer_accept(&peer, conf, listener, send_much);
	fd = t_connect(&addr, &t_client);
	set_offload(fd, "veth0", ETHTOOL_SGRO, true);
	staged = tnl_counter(KSC_A_STATS_RX_STAGED);
	segments = received();
	packets = t_net_counter("snmp", "Ip", "InReceives");
	for (int i = 0; i < ROUNDS; i++)
		flow_expect(fd, flow_data(0), FLOW_MAX);
	t_expect_eof(fd);
	segments = received() - segments;
	packets = t_net_counter("snmp", "Ip", "InReceives") - packets;
	staged = tnl_counter(KSC_A_STATS_RX_STAGED) - staged;
	print_message("%llu segments in %llu packets, %llu bytes staged\n",
		      (unsigned long long)segments, (unsigned long long)packets,
		      (unsigned long long)staged);
	/* decrypted where it lies, but for what came before the window was open */
	assert_in_range(staged, 0, FLOW_MAX / 4);
	close(fd);
	peer_join(&peer);
	close(listener);
	return segments > packets + packets / 2;
}

static void test_merged(void **state)
{
	/* or the test would have shown nothing; where others have the CPU it may take more */
	for (int i = 0; i < 5; i++)
		if (merged(*state))
			return;
	fail_msg("too few are merged");
}

#define TEST(name, arg)                                                                            \
	{                                                                                          \
		name, test_merged, make_network, far_remove, (void *)(arg)                         \
	}

int main(void)
{
	static const struct peer_conf tls_13 = { .library = PEER_OPENSSL, .server = true };
	static const struct peer_conf tls_12 = { .library = PEER_OPENSSL, .server = true,
						 .version = 0x0303 };
	static const struct peer_conf chacha = { .library = PEER_OPENSSL, .server = true,
						 .cipher = PEER_CHACHA };
	const struct CMUnitTest tests[] = {
		TEST("TLS 1.3", &tls_13),
		TEST("TLS 1.2", &tls_12),
		TEST("ChaCha20-Poly1305", &chacha),
		{ "lists", test_merged, make_small_network, far_remove, (void *)&tls_13 },
		{ "lists, TLS 1.2", test_merged, make_small_network, far_remove, (void *)&tls_12 },
	};

	return T_RUN(tests);
}
