// SPDX-License-Identifier: GPL-2.0-only
/*
 * A SYN whose SYN-ACK goes nowhere: "h_syn FROM TO PORT". No host with FROM's address may
 * answer, or the half-open connection would be reset.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/**
 * struct pseudo - what the checksum covers besides the segment, RFC 9293 3.1
 * @from: source
 * @to: destination
 * @zero: zero
 * @protocol: IPPROTO_TCP
 * @len: of the segment
 * @tcp: the segment
 */
struct pseudo {
	in_addr_t from;
	in_addr_t to;
	uint8_t zero;
	uint8_t protocol;
	uint16_t len;
	struct tcphdr tcp;
};

static uint16_t checksum(const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

int main(int argc, char **argv)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} packet = { .ip = { .version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_TCP } };
	struct pseudo pseudo = { .protocol = IPPROTO_TCP, .len = htons(sizeof(packet.tcp)) };
	struct sockaddr_in to = { .sin_family = AF_INET };
	int fd;

	if (argc != 4 || inet_pton(AF_INET, argv[1], &packet.ip.saddr) != 1 ||
	    inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		errx(2, "usage: h_syn FROM TO PORT");
	packet.ip.daddr = to.sin_addr.s_addr;
	packet.tcp.source = htons((uint16_t)(20000 + getpid() % 20000));
	packet.tcp.dest = htons((uint16_t)strtoul(argv[3], NULL, 10));
	packet.tcp.seq = htonl((uint32_t)getpid() << 8);
	packet.tcp.doff = sizeof(packet.tcp) / 4;
	packet.tcp.syn = 1;
	packet.tcp.window = htons(65535);
	pseudo.from = packet.ip.saddr;
	pseudo.to = packet.ip.daddr;
	pseudo.tcp = packet.tcp;
	packet.tcp.check = checksum(&pseudo, sizeof(pseudo));

	fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	if (fd < 0)
		err(1, "socket");
	if (sendto(fd, &packet, sizeof(packet), 0, (struct sockaddr *)&to, sizeof(to)) < 0)
		err(1, "sendto");
	return 0;
}
