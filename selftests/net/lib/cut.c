// SPDX-License-Identifier: GPL-2.0-only
/*
 * An end of a connection that receives nothing from the other: TCP states that last only until
 * the next packet stay as they are, and no test has to be fast.
 */
#include <linux/bpf_common.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "cut.h"

/* TFO_CLIENT_ENABLE, TFO_SERVER_ENABLE, and no cookies */
#define WITHOUT_COOKIES "0x207"

/**
 * cut_off() - drop all packets for a socket, acknowledgments and resets included
 * @fd: the socket, which need not be connected yet; its own packets are still sent
 */
void cut_off(int fd)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	const struct sock_fprog prog = { .len = 1, .filter = &nothing };

	SYS(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)));
}

/**
 * cut_fast_open_allow() - make a listener create children from SYNs, by TCP Fast Open
 * @listener: the listener
 *
 * CUT_FAST_OPEN has to be restored by the test: it is the network namespace's.
 */
void cut_fast_open_allow(int listener)
{
	const int queue = 8;

	assert_true(t_write_file(CUT_FAST_OPEN, WITHOUT_COOKIES));
	SYS(setsockopt(listener, IPPROTO_TCP, TCP_FASTOPEN, &queue, sizeof(queue)));
}

/**
 * cut_fast_open() - make a listener create a child that stays in SYN_RECV
 * @addr: the listener's address, after cut_fast_open_allow()
 *
 * It is a socket, not a request for one: it can be accepted.
 *
 * Return: the client, which gets no answer
 */
int cut_fast_open(const struct t_addr *addr)
{
	int fd = t_plain(addr->ss.ss_family);

	cut_off(fd);
	/* data in the SYN */
	assert_int_equal(SYS(sendto(fd, "early", 5, MSG_FASTOPEN | MSG_DONTWAIT | MSG_NOSIGNAL,
				    (const struct sockaddr *)&addr->ss, addr->len)),
			 5);
	return fd;
}
