// SPDX-License-Identifier: GPL-2.0-only
/*
 * Segments that overlap, as after a retransmission with other boundaries: TCP queues them as
 * they are, so that one begins before the end of the one before. The peer is this program and
 * not TCP, so that it can send any segments. The class is that of CVE-2025-38616, where
 * in-tree TLS took the lengths of the queued segments for the length of the stream.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/wire.h"

#define OURS "10.99.0.1"
#define THEIRS "10.99.0.2"
#define PORT 4433

/**
 * struct fake - a peer without TCP
 * @capture: what is sent to it
 * @raw: what it sends
 * @us: our port, in network order
 * @seq: number of its first byte
 * @ack: what it has seen of ours
 */
struct fake {
	int capture;
	int raw;
	uint16_t us;
	uint32_t seq;
	uint32_t ack;
};

static int remove_void(void **state)
{
	(void)state;
	return t_shell("ip link del void0 2>/dev/null; true");
}

/* A network that swallows what is sent to it; what comes from it comes by way of lo. */
static int make_void(void **state)
{
	t_setup(state);
	remove_void(state);
	return t_shell("ip link add void0 type dummy && ip addr add " OURS "/24 dev void0 && "
		      "ip link set void0 up && "
		      "ip neigh replace " THEIRS " lladdr 02:00:00:00:00:01 dev void0");
}

static uint32_t add_up(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;

	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
	return sum;
}

/* Sends the bytes from @at on of what follows the SYN. */
static void fake_send(const struct fake *fake, uint8_t flags, uint32_t at, const void *data,
		      size_t len)
{
	static struct {
		struct iphdr ip;
		struct tcphdr tcp;
		uint8_t data[32768];
	} __attribute__((packed)) p;
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint32_t sum;

	assert_true(len <= sizeof(p.data));
	memset(&p, 0, sizeof(p.ip) + sizeof(p.tcp));
	p.ip.version = 4;
	p.ip.ihl = 5;
	p.ip.ttl = 64;
	p.ip.protocol = IPPROTO_TCP;
	p.ip.saddr = inet_addr(THEIRS);
	p.ip.daddr = inet_addr(OURS);
	p.tcp.source = htons(PORT);
	p.tcp.dest = fake->us;
	p.tcp.seq = htonl(fake->seq + at);
	p.tcp.ack_seq = htonl(fake->ack);
	p.tcp.doff = 5;
	p.tcp.th_flags = flags;
	p.tcp.window = htons(65535);
	if (len)
		memcpy(p.data, data, len);
	sum = add_up(IPPROTO_TCP + sizeof(p.tcp) + (uint32_t)len, &p.ip.saddr, 8);
	sum = add_up(sum, &p.tcp, sizeof(p.tcp) + len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	p.tcp.check = htons((uint16_t)~sum);
	to.sin_addr.s_addr = p.ip.daddr;
	SYS(sendto(fake->raw, &p, sizeof(p.ip) + sizeof(p.tcp) + len, 0, (struct sockaddr *)&to,
		   sizeof(to)));
}

/* Connects the protected socket with the peer that is none. */
static void fake_connect(struct fake *fake, struct wire *w)
{
	static const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex("void0") };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(PORT) };
	const struct timeval patience = { .tv_sec = PATIENCE_S };
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} syn;

	/* outgoing packets are seen by ETH_P_ALL sockets only */
	fake->capture = (int)SYS(socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, htons(ETH_P_ALL)));
	SYS(setsockopt(fake->capture, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)));
	SYS(bind(fake->capture, (struct sockaddr *)&ll, sizeof(ll)));
	fake->raw = (int)SYS(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
	w->fd = t_socket(AF_INET, &client);
	in.sin_addr.s_addr = inet_addr(THEIRS);
	FAILS(connect(w->fd, (struct sockaddr *)&in, sizeof(in)), EINPROGRESS);
	do {
		SYS(recv(fake->capture, &syn, sizeof(syn), 0));
	} while (syn.ip.version != 4 || syn.ip.protocol != IPPROTO_TCP ||
		 syn.tcp.dest != htons(PORT));
	assert_int_equal(syn.ip.ihl, 5);
	fake->us = syn.tcp.source;
	fake->ack = ntohl(syn.tcp.seq) + 1;
	/* the numbers wrap in the middle of the data */
	fake->seq = UINT32_MAX - 7000;
	fake_send(fake, TH_SYN | TH_ACK, (uint32_t)-1, NULL, 0);
	wire_answer(w);
	t_wait(w->fd, POLLOUT);
	assert_int_equal(t_so_error(w->fd), 0);
	t_nonblock(w->fd, false);
	w->peer = -1;
}

#define DATA 20000

static uint8_t data[DATA], stream[2 * DATA];

/* Records of up to @most bytes. */
static size_t make_records(struct wire *w, size_t most)
{
	size_t len = 0;

	t_fill(data, sizeof(data), most);
	for (size_t at = 0; at < DATA;) {
		size_t size = DATA - at < most ? DATA - at : most;

		len += wire_seal(&w->rx, stream + len, WIRE_DATA, data + at, size, 0);
		at += size;
	}
	return len;
}

/**
 * struct overlap - how the stream is cut
 * @name: for people
 * @suite: IANA number, of TLS 1.3 or else 1.2
 * @version: TLS version
 * @record: largest record
 * @segment: bytes of a segment
 * @before: how many of them came before
 * @most: segments, from the first on, that come in the wrong order each
 */
struct overlap {
	const char *name;
	uint16_t version;
	uint16_t suite;
	size_t record;
	size_t segment;
	size_t before;
	size_t most;
};

static const struct overlap overlaps[] = {
	{ "one record in many", WIRE_13, 0x1301, 16384, 1000, 300, 2 },
	{ "large ones", WIRE_13, 0x1303, 16384, 9000, 4500, 2 },
	{ "many records in one", WIRE_13, 0x1301, 100, 3000, 777, 3 },
	{ "TLS 1.2", WIRE_12, 0xc02b, 5000, 1460, 1459, 2 },
	{ "a byte", WIRE_12, 0xcca9, 1000, 1460, 1, 4 },
};

/*
 * Groups of segments arrive last one first; each begins @before bytes before the end of
 * the one that is before it in the stream.
 */
static void send_overlapping(const struct fake *fake, const struct overlap *o, size_t len)
{
	for (size_t group = 0; group < len; group += o->most * o->segment) {
		for (size_t i = o->most; i-- > 0;) {
			size_t from = group + i * o->segment, to = from + o->segment;

			if (from >= len)
				continue;
			from -= from < o->before ? from : o->before;
			to = to > len ? len : to;
			fake_send(fake, TH_ACK | TH_PUSH, (uint32_t)from, stream + from, to - from);
		}
	}
}

static void test_overlap(void **state)
{
	const struct overlap *o = *state;
	uint8_t material[2][WIRE_MATERIAL], got[DATA];
	struct wire w = { .role = KSC_ROLE_CLIENT };
	struct fake fake;
	size_t len;

	t_fill(material, sizeof(material), 3);
	wire_keys(&w.tx, wire_suite(o->version, o->suite), material[0]);
	wire_keys(&w.rx, wire_suite(o->version, o->suite), material[1]);
	fake_connect(&fake, &w);
	len = make_records(&w, o->record);
	assert_true(len < 65535);
	send_overlapping(&fake, o, len);
	t_recv(w.fd, got, 1);
	assert_int_equal(recv(w.fd, got, sizeof(got), MSG_PEEK | MSG_DONTWAIT) > 0, 1);
	assert_memory_equal(got, data + 1, 1);
	t_recv(w.fd, got + 1, DATA - 1);
	assert_memory_equal(got + 1, data + 1, DATA - 1);
	t_reset(w.fd);
	close(fake.raw);
	close(fake.capture);
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_SIZE(overlaps)];
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(overlaps); i++) {
		tests[i].name = overlaps[i].name;
		tests[i].test_func = test_overlap;
		tests[i].setup_func = make_void;
		tests[i].teardown_func = remove_void;
		tests[i].initial_state = (void *)&overlaps[i];
	}
	if (wire_begin())
		return 1;
	ret = T_RUN(tests);
	return wire_end() ? 1 : ret;
}
