// SPDX-License-Identifier: GPL-2.0-only
/*
 * Memory that a protected socket shares with others: ciphertext arrives in pages of a file, of
 * a pipe or of another program, and plaintext is sent from such pages. Neither decrypting nor
 * encrypting may modify them (the class of "Dirty Frag": a record was decrypted in place, and
 * with it a file that the sender could only read).
 */
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <unistd.h>

#include "lib/wire.h"

/* Records of these sizes, one behind the other. */
static const size_t sizes[] = { 100, 4096, WIRE_MAX_PAYLOAD, 1, 5000, WIRE_MAX_PAYLOAD };

#define TOTAL (100 + 4096 + 1 + 5000 + 2L * WIRE_MAX_PAYLOAD)
/* The records, where they are in the file and what is around them. */
#define AREA (64L * 1024)

/**
 * struct shared - a way for the ciphertext
 * @suite: IANA number of a suite of TLS 1.3, else of TLS 1.2
 * @is_12: which
 * @offset: of the first record in the file or memory
 */
struct shared {
	uint16_t suite;
	bool is_12;
	size_t offset;
};

static uint8_t plain[TOTAL], area[AREA], copy[AREA];

/* Makes the records in @area, and a copy of all of it; returns their length. */
static size_t make_records(struct wire *w, size_t offset)
{
	size_t len = 0, at = 0;

	t_fill(plain, sizeof(plain), 17);
	t_fill(area, sizeof(area), 18);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		static uint8_t record[WIRE_MAX_RECORD];
		size_t n = wire_seal(&w->rx, record, WIRE_DATA, plain + at, sizes[i], 0);

		assert_true(offset + len + n <= AREA);
		memcpy(area + offset + len, record, n);
		len += n;
		at += sizes[i];
	}
	memcpy(copy, area, sizeof(area));
	return len;
}

static void begin(struct wire *w, const struct shared *shared)
{
	wire_start(w, wire_suite(shared->is_12 ? WIRE_12 : WIRE_13, shared->suite), 19);
	/* all of it has to come while nobody reads */
	SYS(setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 1 << 20 }, sizeof(int)));
	SYS(setsockopt(w->peer, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ 1 << 20 }, sizeof(int)));
}

/* By poll(), a peek and reads of any size. */
static void read_all(struct wire *w)
{
	static uint8_t got[TOTAL];
	size_t at = 0;

	t_wait(w->fd, POLLIN);
	assert_true(SYS(recv(w->fd, got, sizeof(got), MSG_PEEK)) > 0);
	while (at < TOTAL) {
		size_t len = at % 7 ? TOTAL - at : 1000;

		if (len > TOTAL - at)
			len = TOTAL - at;
		t_recv(w->fd, got + at, len);
		at += len;
	}
	assert_memory_equal(got, plain, TOTAL);
}

static int make_file(const void *data, size_t len)
{
	char name[] = "/tmp/shared.XXXXXX";
	int fd = (int)SYS(mkstemp(name));

	unlink(name);
	assert_int_equal(SYS(pwrite(fd, data, len, 0)), (ssize_t)len);
	return fd;
}

/* What is in the page cache, read and mapped. */
static void expect_file(int fd, const void *data, size_t len)
{
	static uint8_t got[AREA];
	void *map = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

	assert_true(map != MAP_FAILED);
	assert_int_equal(SYS(pread(fd, got, len, 0)), (ssize_t)len);
	assert_memory_equal(got, data, len);
	assert_memory_equal(map, data, len);
	munmap(map, len);
}

static void send_file(int fd, int file, size_t offset, size_t len)
{
	off_t at = (off_t)offset;

	while ((size_t)at < offset + len)
		SYS(sendfile(fd, file, &at, offset + len - (size_t)at));
}

static void test_sendfile(void **state)
{
	const struct shared *shared = *state;
	struct wire w;
	size_t len;
	int file;

	begin(&w, shared);
	len = make_records(&w, shared->offset);
	file = make_file(area, AREA);
	send_file(w.peer, file, shared->offset, len);
	read_all(&w);
	expect_file(file, copy, AREA);
	close(file);
	wire_close(&w);
}

/* Pages of a pipe, of which another pipe has them too. */
static void test_tee(void **state)
{
	static uint8_t got[AREA];
	const struct shared *shared = *state;
	int one[2], two[2], file;
	struct wire w;
	size_t len;

	begin(&w, shared);
	len = make_records(&w, shared->offset);
	file = make_file(area, AREA);
	SYS(pipe2(one, O_CLOEXEC));
	SYS(pipe2(two, O_CLOEXEC));
	SYS(fcntl(one[1], F_SETPIPE_SZ, 4 * AREA));
	SYS(fcntl(two[1], F_SETPIPE_SZ, 4 * AREA));
	for (off_t at = (off_t)shared->offset; (size_t)at < shared->offset + len;)
		SYS(splice(file, &at, one[1], NULL, shared->offset + len - (size_t)at, 0));
	assert_int_equal(SYS(tee(one[0], two[1], len, 0)), (ssize_t)len);
	for (size_t left = len; left;)
		left -= (size_t)SYS(splice(one[0], NULL, w.peer, NULL, left, SPLICE_F_MOVE));
	read_all(&w);
	expect_file(file, copy, AREA);
	for (size_t n = 0; n < len;)
		n += (size_t)SYS(read(two[0], got + n, len - n));
	assert_memory_equal(got, copy + shared->offset, len);
	for (int i = 0; i < 2; i++) {
		close(one[i]);
		close(two[i]);
	}
	close(file);
	wire_close(&w);
}

/* Pages of a program's own memory, which it goes on to use. */
static void test_vmsplice(void **state)
{
	const struct shared *shared = *state;
	struct iovec iov;
	uint8_t *pages;
	struct wire w;
	int pipes[2];
	size_t len;

	begin(&w, shared);
	len = make_records(&w, shared->offset);
	pages = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	memcpy(pages, area, AREA);
	SYS(pipe2(pipes, O_CLOEXEC));
	SYS(fcntl(pipes[1], F_SETPIPE_SZ, 4 * AREA));
	iov.iov_base = pages + shared->offset;
	iov.iov_len = len;
	assert_int_equal(SYS(vmsplice(pipes[1], &iov, 1, SPLICE_F_GIFT)), (ssize_t)len);
	for (size_t left = len; left;)
		left -= (size_t)SYS(splice(pipes[0], NULL, w.peer, NULL, left, SPLICE_F_MOVE));
	read_all(&w);
	assert_memory_equal(pages, copy, AREA);
	munmap(pages, AREA);
	close(pipes[0]);
	close(pipes[1]);
	wire_close(&w);
}

#ifndef SO_ZEROCOPY
#define SO_ZEROCOPY 60
#endif

static void test_zerocopy(void **state)
{
	const struct shared *shared = *state;
	uint8_t *pages;
	struct wire w;
	size_t len;

	begin(&w, shared);
	len = make_records(&w, shared->offset);
	pages = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	memcpy(pages, area, AREA);
	SYS(setsockopt(w.peer, SOL_SOCKET, SO_ZEROCOPY, &(int){ 1 }, sizeof(int)));
	for (size_t at = 0; at < len;)
		at += (size_t)SYS(send(w.peer, pages + shared->offset + at, len - at,
				       MSG_ZEROCOPY));
	read_all(&w);
	assert_memory_equal(pages, copy, AREA);
	munmap(pages, AREA);
	wire_close(&w);
}

/* A record that is refused has been decrypted as far as that goes: no trace of it either. */
static void test_refused(void **state)
{
	const struct shared *shared = *state;
	struct wire w;
	size_t len;
	int file;

	begin(&w, shared);
	len = make_records(&w, shared->offset);
	area[shared->offset + len - 1] ^= 1;
	memcpy(copy, area, sizeof(area));
	file = make_file(area, AREA);
	send_file(w.peer, file, shared->offset, len);
	t_recv(w.fd, area, TOTAL - WIRE_MAX_PAYLOAD);
	FAILS(recv(w.fd, area, 1, 0), EBADMSG);
	expect_file(file, copy, AREA);
	close(file);
	wire_close(&w);
}

/* The other direction: what is encrypted is a copy. */
static void test_sending(void **state)
{
	static uint8_t got[WIRE_MAX_RECORD];
	const struct shared *shared = *state;
	struct iovec iov;
	uint8_t *pages;
	struct wire w;
	int pipes[2], file;

	begin(&w, shared);
	SYS(setsockopt(w.fd, SOL_SOCKET, SO_SNDBUFFORCE, &(int){ 1 << 20 }, sizeof(int)));
	SYS(setsockopt(w.peer, SOL_SOCKET, SO_RCVBUFFORCE, &(int){ 1 << 20 }, sizeof(int)));
	t_fill(area, sizeof(area), 20);
	file = make_file(area, AREA);
	for (off_t at = 0; at < AREA;)
		SYS(sendfile(w.fd, file, &at, (size_t)(AREA - at)));
	pages = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	assert_true(pages != MAP_FAILED);
	memcpy(pages, area, AREA);
	SYS(pipe2(pipes, O_CLOEXEC));
	SYS(fcntl(pipes[1], F_SETPIPE_SZ, 4 * AREA));
	iov.iov_base = pages;
	iov.iov_len = AREA;
	assert_int_equal(SYS(vmsplice(pipes[1], &iov, 1, SPLICE_F_GIFT)), AREA);
	for (size_t left = AREA; left;)
		left -= (size_t)SYS(splice(pipes[0], NULL, w.fd, NULL, left, SPLICE_F_MOVE));
	/* twice the same */
	for (size_t at = 0; at < 2 * AREA;) {
		uint8_t type;
		size_t n = wire_recv(&w, &type, got);

		for (size_t i = 0; i < n; i++) {
			if (got[i] != area[(at + i) % AREA])
				fail_msg("byte %zu", at + i);
		}
		at += n;
	}
	expect_file(file, area, AREA);
	assert_memory_equal(pages, area, AREA);
	munmap(pages, AREA);
	close(pipes[0]);
	close(pipes[1]);
	close(file);
	wire_close(&w);
}

int main(void)
{
	/* at the beginning of a page, and in the middle */
	static const struct shared shared[] = {
		{ 0x1301, false, 0 }, { 0x1301, false, 1234 }, { 0x1303, false, 77 },
		{ 0x1304, false, 1 }, { 0xc02b, true, 0 },     { 0xc02c, true, 4095 },
		{ 0xcca9, true, 5 },
	};
	static const struct {
		const char *name;
		CMUnitTestFunction test;
	} ways[] = {
		{ "sendfile", test_sendfile }, { "tee", test_tee },
		{ "vmsplice", test_vmsplice }, { "MSG_ZEROCOPY", test_zerocopy },
		{ "refused", test_refused },   { "sending", test_sending },
	};
	static struct CMUnitTest tests[ARRAY_SIZE(shared) * ARRAY_SIZE(ways)];
	static char names[ARRAY_SIZE(tests)][64];
	size_t count = 0;
	int ret;

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		for (size_t j = 0; j < ARRAY_SIZE(shared); j++, count++) {
			snprintf(names[count], sizeof(names[count]), "%s, %04x, at %zu",
				 ways[i].name, shared[j].suite, shared[j].offset);
			tests[count].name = names[count];
			tests[count].test_func = ways[i].test;
			tests[count].initial_state = (void *)&shared[j];
		}
	}
	if (wire_begin())
		return 1;
	ret = t_run(__FILE__, tests, count);
	return wire_end() ? 1 : ret;
}
