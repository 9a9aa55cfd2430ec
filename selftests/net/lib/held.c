// SPDX-License-Identifier: GPL-2.0-only
/* What TCP holds back, to merge it with later writes: Nagle's algorithm, and TCP_CORK. */
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>

#include <linux/sockios.h>

#include "held.h"
#include "net.h"

/**
 * held_set_tcp() - set an option of TCP's
 * @w: the connection
 * @option: TCP_...
 * @value: its value
 */
void held_set_tcp(const struct wire *w, int option, int value)
{
	SYS(setsockopt(w->fd, IPPROTO_TCP, option, &value, sizeof(value)));
}

/**
 * held_unsent() - count the bytes that TCP has not sent, and those not yet TCP's
 * @w: the connection
 *
 * Return: bytes
 */
int held_unsent(const struct wire *w)
{
	int n = -1;

	SYS(ioctl(w->fd, SIOCOUTQNSD, &n));
	return n;
}

/**
 * held_late() - check whether held-back data may have been sent before its time
 * @since: when the first of it was written, by t_ticks_ms()
 *
 * The guest may be paused meanwhile, and its ticks may jump. If so, it has to be repeated.
 *
 * Return: true if so
 */
bool held_late(int64_t since)
{
	int64_t took = t_ticks_ms() - since;

	if (took < HELD_MS)
		return false;
	print_message("# once more: it took %lld ms\n", (long long)took);
	return true;
}

/**
 * held_too_long() - held_late(), and if so take what was written, in whatever records it came
 * @w: the connection
 * @since: when the first of it was written, by t_ticks_ms()
 * @len: how much was written
 *
 * Return: true if so
 */
bool held_too_long(struct wire *w, int64_t since, size_t len)
{
	uint8_t type, in[WIRE_MAX_PAYLOAD];
	size_t got = 0;

	if (!held_late(since))
		return false;
	while (got < len) {
		got += wire_recv(w, &type, in);
		assert_int_equal(type, WIRE_DATA);
	}
	assert_int_equal(got, len);
	return true;
}

/**
 * held_fill() - write a little at a time, more than a full segment; none may be kept back
 * @w: the connection, with HELD_MTU
 *
 * Return: how much was written; 0 if it took too long, and TCP may have begun to send again
 * what was not acknowledged, and nothing else
 */
size_t held_fill(const struct wire *w)
{
	int64_t since = t_ticks_ms();
	size_t sent = 0;
	char chunk[100];
	int unsent;

	memset(chunk, 'c', sizeof(chunk));
	do {
		t_send(w->fd, chunk, sizeof(chunk));
		sent += sizeof(chunk);
		unsent = held_unsent(w);
		if (t_ticks_ms() - since >= HELD_MS)
			return 0;
		assert_true(unsent < HELD_MTU);
	} while (sent < 2UL * HELD_MTU);
	return sent;
}

/**
 * held_expect() - receive what held_fill() wrote, in a few records
 * @w: the connection
 * @sent: how much
 */
void held_expect(struct wire *w, size_t sent)
{
	uint8_t type, in[WIRE_MAX_PAYLOAD];
	size_t got = 0, records = 0;

	while (got < sent) {
		got += wire_recv(w, &type, in);
		assert_int_equal(type, WIRE_DATA);
		records++;
	}
	assert_int_equal(got, sent);
	assert_in_range(records, 2, 4);
}
