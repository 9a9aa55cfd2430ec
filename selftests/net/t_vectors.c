// SPDX-License-Identifier: GPL-2.0-only
/*
 * Records through the code that sends and receives, with known keys: the traces of RFC 8448
 * byte for byte, and random traffic of every suite against OpenSSL.
 */
#include <unistd.h>

#include "../random.h"
#include "lib/nl.h"
#include "lib/wire.h"

/**
 * struct trace_record - a record of a trace
 * @type: its content type
 * @hex: the complete record
 */
struct trace_record {
	uint8_t type;
	const char *hex;
};

#define TRACE_RECORDS 4

/**
 * struct trace_side - what one side of a trace sends after the handshake
 * @secret: its application traffic secret
 * @records: its records, from number 0 on
 */
struct trace_side {
	const char *secret;
	struct trace_record records[TRACE_RECORDS];
};

/**
 * struct trace - a trace; all are of TLS_AES_128_GCM_SHA256
 * @client: the client's
 * @server: the server's
 */
struct trace {
	struct trace_side client;
	struct trace_side server;
};

/* The payload of every application_data record is 50 bytes, 00 to 31. */
#define TRACE_DATA 50

/* RFC 8448 section 3, "Simple 1-RTT Handshake" */
static const struct trace trace_3 = {
	.client = {
		.secret = "9e40646ce79a7f9dc05af8889bce6552875afa0b06df0087f792ebb7c17504a5",
		.records = {
			{ WIRE_DATA, "1703030043a23f7054b62c94d0affafe8228ba55cbefacea42f914aa66bc "
				     "ab3f2b9819a8a5b46b395bd54a9a20441e2b62974e1f5a6292a2977014bd "
				     "1e3deae63aeebb21694915e4" },
			{ WIRE_ALERT, "1703030013c9872760655666b74d7ff1153efd6db6d0b0e3" },
		},
	},
	.server = {
		.secret = "a11af9f05531f856ad47116b45a950328204b4f44bfb6b3a4b4f1f3fcb631643",
		.records = {
			/* NewSessionTicket */
			{ WIRE_HANDSHAKE,
			  "17030300de3a6b8f90414a97d6959c3487680de5134a2b240e6cffac116e95d41d6af8 "
			  "f6b580dcf3d11d63c758db289a015940252f55713e061dc13e078891a38efbcf5753ad "
			  "8ef170ad3c7353d16d9da773b9ca7f2b9fa1b6c0d4a3d03f75e09c30ba1e62972ac46f "
			  "75f7b981be63439b2999ce13064615139891d5e4c5b406f16e3fc181a77ca475840025 "
			  "db2f0a77f81b5ab05b94c01346755f69232c86519d86cbeeac87aac347d143f9605d64 "
			  "f650db4d023e70e952ca49fe5137121c74bc2697687e248746d6df353005f3bce18696 "
			  "129c8153556b3b6c6779b37bf15985684f" },
			{ WIRE_DATA, "17030300432e937e11ef4ac740e538ad36005fc4a46932fc3225d05f82aa "
				     "1b36e30efaf97d90e6dffc602dcb501a59a8fcc49c4bf2e5f0a21c0047c2 "
				     "abf332540dd032e167c2955d" },
			{ WIRE_ALERT, "1703030013b58fd67166ebf599d24720cfbe7efa7a8864a9" },
		},
	},
};

/* RFC 8448 section 4, "Resumed 0-RTT Handshake", from the client's Finished on */
static const struct trace trace_4 = {
	.client = {
		.secret = "2abbf2b8e381d23dbebe1dd2a7d16a8bf484cb4950d23fb7fb7fa8547062d9a1",
		.records = {
			{ WIRE_DATA, "1703030043b1cebce242aa201be9ae5e1cb2a9aa4b33d4e866af1edb0689 "
				     "19237741aa031d7a74d491c99b9d4e232b74206bc6fbaa04fe78be44a9b4 "
				     "f54320a17eb76992afac3103" },
			{ WIRE_ALERT, "17030300130facce3246bdfc6369838d6a82ae6de5d422dc" },
		},
	},
	.server = {
		.secret = "cc21f1bf8feb7dd5fa505bd9c4b468a9984d554a993dc49e6d285598fb672691",
		.records = {
			{ WIRE_DATA, "1703030043275e9f20acff57bc000657d3867df039cccf79047884cf7577 "
				     "1746f740b5a83f462a0954c3581393a203a25a7dd14141ef1a37900cdb62 "
				     "ff62dee1ba39ab2590cbf194" },
			{ WIRE_ALERT, "17030300135b18af444e8e1eec7158fb62d8f2577d37ba5d" },
		},
	},
};

/*
 * RFC 8448 section 5, "HelloRetryRequest", which has no application data. The
 * secrets are not in it; they follow from its ephemeral keys and messages.
 */
static const struct trace trace_5 = {
	.client = {
		.secret = "75ecf4b972525aa0dcd057c9944d4cd5d82671d8843141d7dc2a4ff15a21dc51",
		.records = {
			{ WIRE_ALERT, "17030300132ea6cdf749196023e2b3a49491695536426047" },
		},
	},
	.server = {
		.secret = "5c74f87df04225db0f8209c9de6429e49435fdefa7cad61864874d12f31cfc8d",
		.records = {
			{ WIRE_ALERT, "1703030013519fc5075cb0884349759ff9ef6f011bb4c6f2" },
		},
	},
};

/* What the socket sends, as the trace's @ours, is the trace's records. */
static void sends(struct wire *w, const struct trace_side *ours, const uint8_t *data)
{
	uint8_t want[512], got[WIRE_MAX_RECORD];

	for (const struct trace_record *r = ours->records; r->hex; r++) {
		size_t len = wire_hex(want, sizeof(want), r->hex);

		if (r->type == WIRE_HANDSHAKE)
			continue;
		if (r->type == WIRE_DATA)
			t_send(w->fd, data, TRACE_DATA);
		else
			SYS(shutdown(w->fd, SHUT_WR));
		assert_int_equal(wire_read_record(w, got), len);
		assert_memory_equal(got, want, len);
	}
	t_expect_eof(w->peer);
}

/* What the socket makes of the trace's records. */
static void receives(struct wire *w, const struct trace_side *theirs, const uint8_t *data)
{
	uint8_t record[512], got[TRACE_DATA + 1];

	for (const struct trace_record *r = theirs->records; r->hex; r++)
		t_send(w->peer, record, wire_hex(record, sizeof(record), r->hex));
	for (const struct trace_record *r = theirs->records; r->hex; r++) {
		if (r->type != WIRE_DATA)
			continue;
		assert_int_equal(SYS(recv(w->fd, got, sizeof(got), 0)), TRACE_DATA);
		assert_memory_equal(got, data, TRACE_DATA);
	}
	/* close_notify; TCP's own end has not come */
	t_expect_eof(w->fd);
	t_expect_error(w->fd, KSC_STATUS_OK, 0);
}

static void follow_trace(const struct trace *trace, int role)
{
	const struct trace_side *ours = role == KSC_ROLE_CLIENT ? &trace->client : &trace->server;
	const struct trace_side *theirs = role == KSC_ROLE_CLIENT ? &trace->server : &trace->client;
	const struct wire_suite *suite = wire_suite(WIRE_13, 0x1301);
	uint64_t tickets = tnl_counter(KSC_A_STATS_TICKETS);
	uint8_t material[WIRE_MATERIAL], data[TRACE_DATA];
	struct wire w = { .role = role };

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)i;
	assert_int_equal(wire_hex(material, sizeof(material), ours->secret), suite->secret_len);
	wire_keys(&w.tx, suite, material);
	assert_int_equal(wire_hex(material, sizeof(material), theirs->secret), suite->secret_len);
	wire_keys(&w.rx, suite, material);
	/* a server's ticket, when it sends one, is the daemon's last token */
	if (ours->records[0].type == WIRE_HANDSHAKE)
		w.tx.seq = 1;
	wire_connect(&w);
	sends(&w, ours, data);
	receives(&w, theirs, data);
	assert_int_equal(tnl_counter(KSC_A_STATS_TICKETS),
			 tickets + (theirs->records[0].type == WIRE_HANDSHAKE));
	wire_close(&w);
}

static void test_trace_client(void **state)
{
	follow_trace(*state, KSC_ROLE_CLIENT);
}

static void test_trace_server(void **state)
{
	follow_trace(*state, KSC_ROLE_SERVER);
}

/* ---- random traffic ---- */

#define STREAM 200000
#define ROUNDS 2

/* Often small, sometimes at a border of what a record holds, up to @most. */
static size_t random_size(uint64_t *seed, size_t most)
{
	static const size_t borders[] = { 1, 15, 16, 17, 2047, 2048, 2049, 4095, 4096, 4097,
					  16383, 16384, 16385 };
	uint64_t r = next_random(seed);
	size_t size;

	switch (r % 4) {
	case 0:
		size = borders[(r >> 8) % ARRAY_SIZE(borders)];
		break;
	case 1:
		size = 1 + (r >> 8) % 64;
		break;
	default:
		size = 1 + (r >> 8) % 40000;
	}
	return size < most ? size : most;
}

/**
 * struct writer - sends a stream through the protected socket
 * @fd: the socket
 * @data: STREAM bytes
 * @seed: of the sizes
 * @error: errno
 */
struct writer {
	int fd;
	const uint8_t *data;
	uint64_t seed;
	int error;
};

static void *write_stream(void *arg)
{
	struct writer *wr = arg;

	for (size_t at = 0; !wr->error && at < STREAM;) {
		size_t size = random_size(&wr->seed, STREAM - at);
		bool more = at + size < STREAM && next_random(&wr->seed) % 4 == 0;
		ssize_t n = send(wr->fd, wr->data + at, size,
				 MSG_NOSIGNAL | (more ? MSG_MORE : 0));

		if (n < 0)
			wr->error = errno;
		else
			at += (size_t)n;
	}
	return NULL;
}

/* Whatever is written comes out of OpenSSL, in records whose numbers follow each other. */
static void check_sending(struct wire *w, uint64_t seed)
{
	static uint8_t data[STREAM], record[WIRE_MAX_RECORD], plain[WIRE_MAX_RECORD];
	struct writer wr = { .fd = w->fd, .data = data, .seed = seed };
	pthread_t thread;

	t_fill(data, sizeof(data), seed);
	t_thread(&thread, write_stream, &wr);
	for (size_t at = 0; at < STREAM;) {
		size_t len = wire_read_record(w, record);
		uint64_t sent = 0;
		uint8_t type;
		ssize_t n;

		/* RFC 5288 3: a nonce never comes twice; ours is the record's number */
		for (size_t i = 0; i < w->tx.suite->explicit_len; i++)
			sent = sent << 8 | record[WIRE_HEADER + i];
		if (w->tx.suite->explicit_len)
			assert_true(sent == w->tx.seq);
		n = wire_open(&w->tx, record, len, plain, &type);
		if (n < 0)
			fail_msg("not authentic: record %lu with %zu bytes",
				 (unsigned long)w->tx.seq, len);
		assert_int_equal(type, WIRE_DATA);
		assert_in_range(n, 1, WIRE_MAX_PAYLOAD);
		assert_true((size_t)n <= STREAM - at);
		assert_memory_equal(plain, data + at, (size_t)n);
		at += (size_t)n;
	}
	t_join(thread);
	assert_int_equal(wr.error, 0);
}

/* At worst many small records, which random_size() is far from. */
#define RECORDS (4L * STREAM)

/**
 * struct feeder - sends records to the protected socket
 * @fd: its other end
 * @out: the records
 * @len: their length
 * @seed: of the sizes
 * @error: errno
 */
struct feeder {
	int fd;
	const uint8_t *out;
	size_t len;
	uint64_t seed;
	int error;
};

/* Makes records of all sizes and paddings. */
static size_t make_records(struct wire_dir *rx, const uint8_t *data, uint64_t seed, uint8_t *out)
{
	size_t len = 0;

	for (size_t at = 0; at < STREAM;) {
		size_t size = random_size(&seed, STREAM - at), padding = 0;
		uint64_t r = next_random(&seed);

		if (size > WIRE_MAX_PAYLOAD)
			size = WIRE_MAX_PAYLOAD;
		if (r % 16 == 0)
			size = 0;
		if (rx->suite->version == WIRE_13 && r % 3 == 0)
			padding = (r >> 8) % 256;
		/* RFC 5288 3: the explicit nonce is the peer's choice */
		rx->explicit_xor = r % 2 ? r : 0;
		if (size + padding > WIRE_MAX_PAYLOAD)
			padding = 0;
		assert_true(len + WIRE_MAX_RECORD <= RECORDS);
		len += wire_seal(rx, out + len, WIRE_DATA, data + at, size, padding);
		at += size;
	}
	return len;
}

/* Borders of records are no borders of segments. */
static void *feed_stream(void *arg)
{
	struct feeder *f = arg;

	for (size_t at = 0; !f->error && at < f->len;) {
		size_t size = random_size(&f->seed, f->len - at);
		ssize_t n = send(f->fd, f->out + at, size, MSG_NOSIGNAL);

		if (n < 0)
			f->error = errno;
		else
			at += (size_t)n;
	}
	return NULL;
}

/* Whatever OpenSSL protects comes out of the socket. */
static void check_receiving(struct wire *w, uint64_t seed)
{
	static uint8_t data[STREAM], got[STREAM], records[RECORDS];
	struct feeder f = { .fd = w->peer, .out = records, .seed = seed };
	pthread_t thread;

	t_fill(data, sizeof(data), seed);
	f.len = make_records(&w->rx, data, seed, records);
	t_thread(&thread, feed_stream, &f);
	for (size_t at = 0; at < STREAM;) {
		size_t size = random_size(&seed, STREAM - at);

		if (next_random(&seed) % 5 == 0) {
			ssize_t n = SYS(recv(w->fd, got + at, size, MSG_PEEK));

			assert_memory_equal(got + at, data + at, (size_t)n);
		}
		at += (size_t)SYS(recv(w->fd, got + at, size, 0));
	}
	t_join(thread);
	assert_int_equal(f.error, 0);
	assert_memory_equal(got, data, STREAM);
}

static void test_random(void **state)
{
	const struct wire_suite *suite = *state;

	alarm(PATIENCE_LONG_S);
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint64_t seed = round * 1000 + suite->suite;
		uint8_t material[2][WIRE_MATERIAL];
		struct wire w = { .role = round % 2 ? KSC_ROLE_CLIENT : KSC_ROLE_SERVER };

		t_fill(material, sizeof(material), seed);
		wire_keys(&w.tx, suite, material[0]);
		wire_keys(&w.rx, suite, material[1]);
		/* far from any limit, and with bits in many bytes of the nonce */
		w.tx.seq = next_random(&seed) % 0x700000;
		w.rx.seq = next_random(&seed) >> 3;
		wire_connect(&w);
		check_sending(&w, seed);
		check_receiving(&w, seed);
		wire_close(&w);
	}
}

#define TRACE(role, section)                                                                       \
	{                                                                                          \
		"RFC 8448 section " #section ", as the " #role, test_trace_##role, NULL, NULL,     \
			(void *)&trace_##section                                                   \
	}

int main(void)
{
	static const struct CMUnitTest traces[] = {
		TRACE(client, 3), TRACE(server, 3), TRACE(client, 4),
		TRACE(server, 4), TRACE(client, 5), TRACE(server, 5),
	};
	struct CMUnitTest tests[ARRAY_SIZE(traces) + 32] = { 0 };
	size_t count = ARRAY_SIZE(traces);
	int ret;

	memcpy(tests, traces, sizeof(traces));
	for (size_t i = 0; i < wire_suite_count; i++, count++) {
		tests[count].name = wire_suites[i].name;
		tests[count].test_func = test_random;
		tests[count].initial_state = (void *)&wire_suites[i];
	}
	if (wire_begin())
		return 1;
	ret = t_run(__FILE__, tests, count);
	return wire_end() ? 1 : ret;
}
