// SPDX-License-Identifier: GPL-2.0-only
/* Raw mode: keys, new keys, the last record under some; and the other options. */
#include <poll.h>
#include <netinet/tcp.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "lib/nl.h"
#include "lib/raw.h"

#define OURS KSC_RAW_ULP_NAME
/* HandshakeType key_update, length 1, update_not_requested */
static const uint8_t key_update[5] = { 24, 0, 0, 1, 0 };

/* ---- keys ---- */

static void test_wrong_keys(void **state)
{
	struct raw_keys keys = raw_keys(raw_12, 0, 0), wrong;
	int fds[2], fd;
	socklen_t len;

	(void)state;
	raw_plain_pair(AF_INET, fds);
	fd = fds[0];
	raw_attach(fd, OURS);
	len = sizeof(keys.info);
	FAILS(getsockopt(fd, SOL_TLS, TLS_TX, &wrong, &len), EBUSY);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &keys, sizeof(keys.info) - 1), EINVAL);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &keys, keys.len - 1), EINVAL);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &keys, keys.len + 1), EINVAL);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, NULL, keys.len), EINVAL);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, (void *)8, keys.len), EFAULT);
	FAILS(setsockopt(fd, SOL_TLS, 99, &keys, keys.len), ENOPROTOOPT);
	FAILS(getsockopt(fd, SOL_TLS, 99, &wrong, &len), ENOPROTOOPT);
	wrong = keys;
	wrong.info.version = 0x0302;
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	wrong.info.version = 0;
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	wrong = keys;
	wrong.info.cipher_type = 50;
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	wrong.info.cipher_type = 59;
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	/* none of that has changed anything */
	t_exchange(fds[0], fds[1]);
	raw_set(fd, TLS_TX, &keys);
	FAILS(setsockopt(fd, SOL_TLS, TLS_TX, &keys, keys.len), EBUSY);
	/* both directions are of one version and cipher */
	wrong = raw_keys(raw_13, 0, 0);
	FAILS(setsockopt(fd, SOL_TLS, TLS_RX, &wrong, wrong.len), EINVAL);
	wrong = raw_keys(&raw_suites[2], 0, 0);
	FAILS(setsockopt(fd, SOL_TLS, TLS_RX, &wrong, wrong.len), EINVAL);
	raw_set(fd, TLS_RX, &keys);
	raw_close(fds);
}

/* What can be read back is what was set, but for how far the records have come. */
static void read_back(const struct raw_suite *suite, const char *ulp, struct raw_keys out[2])
{
	struct raw_keys keys = raw_keys(suite, 7, 1000), got;
	int fds[2], i;
	socklen_t len;

	raw_plain_pair(AF_INET, fds);
	for (i = 0; i < 2; i++) {
		raw_attach(fds[i], ulp);
		raw_set(fds[i], i ? TLS_RX : TLS_TX, &keys);
		got = raw_get(fds[i], i ? TLS_RX : TLS_TX, keys.len);
		assert_memory_equal(&got, &keys, keys.len);
		got = raw_get(fds[i], i ? TLS_RX : TLS_TX, sizeof(got.info));
		assert_memory_equal(&got, &keys, sizeof(got.info));
		len = keys.len - 1;
		FAILS(getsockopt(fds[i], SOL_TLS, i ? TLS_RX : TLS_TX, &got, &len), EINVAL);
		len = sizeof(got.info) - 1;
		FAILS(getsockopt(fds[i], SOL_TLS, i ? TLS_RX : TLS_TX, &got, &len), EINVAL);
	}
	for (i = 0; i < 3; i++) {
		t_send(fds[0], "record", 6);
		t_expect(fds[1], "record");
	}
	for (i = 0; i < 2; i++) {
		out[i] = raw_get(fds[i], i ? TLS_RX : TLS_TX, keys.len);
		assert_int_equal(raw_seq(&out[i]), 1003);
	}
	raw_close(fds);
}

static void test_read_back(void **state)
{
	bool in_tree = raw_have_in_tree();
	struct raw_keys ours[2], theirs[2];
	int i, j;

	(void)state;
	for (i = 0; i < RAW_SUITES; i++) {
		read_back(&raw_suites[i], OURS, ours);
		if (!in_tree)
			continue;
		read_back(&raw_suites[i], RAW_IN_TREE, theirs);
		for (j = 0; j < 2; j++)
			assert_memory_equal(&ours[j], &theirs[j], ours[j].len);
	}
}

/* The explicit nonce goes on from what was given, whatever the sequence number is. */
static void test_explicit_nonce(void **state)
{
	struct raw_keys keys = raw_keys(raw_12, 0, 5);
	uint8_t buf[5 + 8 + 1 + 16];
	int fds[2], i;

	(void)state;
	memcpy(keys.gcm_128.iv, "\x11\x22\x33\x44\x55\x66\x77\xfe", 8);
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	raw_set(fds[0], TLS_TX, &keys);
	for (i = 0; i < 3; i++) {
		t_send(fds[0], "x", 1);
		t_recv(fds[1], buf, sizeof(buf));
		assert_memory_equal(buf + 5, "\x11\x22\x33\x44\x55\x66", 6);
		assert_int_equal(buf[11] << 8 | buf[12], 0x77fe + i);
	}
	raw_close(fds);
}

/* ---- other keys ---- */

static void test_rekey(void **state)
{
	struct raw_keys next = raw_keys(raw_13, 2, 0), wrong;
	struct pollfd pfd = { .events = POLLIN };
	char buf[64];
	uint8_t type;
	int fds[2], p[2];

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	SYS(pipe(p));
	pfd.fd = fds[1];
	t_send(fds[0], "before", 6);
	SYS(raw_send(fds[0], RAW_HANDSHAKE, key_update, sizeof(key_update), 0));
	wrong = raw_keys(raw_12, 2, 0);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	wrong = raw_keys(&raw_suites[3], 2, 0);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX, &wrong, wrong.len), EINVAL);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX, &next, next.len - 1), EINVAL);
	raw_set(fds[0], TLS_TX, &next);
	t_send(fds[0], "after", 5);

	assert_int_equal(SYS(recv(fds[1], buf, sizeof(buf), 0)), 6);
	/* the update is there to be read, and readable */
	assert_int_equal(SYS(poll(&pfd, 1, PATIENCE_S * 1000)), 1);
	FAILS(recv(fds[1], buf, sizeof(buf), 0), EIO);
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), 0), EINVAL);
	assert_int_equal(SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0)), sizeof(key_update));
	assert_int_equal(type, RAW_HANDSHAKE);
	/* and nothing behind it until there are keys */
	FAILS(recv(fds[1], buf, sizeof(buf), 0), EKEYEXPIRED);
	FAILS(recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT | MSG_PEEK), EKEYEXPIRED);
	FAILS(splice(fds[1], NULL, p[1], NULL, sizeof(buf), 0), EKEYEXPIRED);
	assert_int_equal(SYS(poll(&pfd, 1, 0)), 0);
	raw_set(fds[1], TLS_RX, &next);
	assert_int_equal(SYS(poll(&pfd, 1, PATIENCE_S * 1000)), 1);
	t_expect(fds[1], "after");
	/* the other direction has its old keys */
	t_send(fds[1], "back", 4);
	t_expect(fds[0], "back");
	close(p[0]);
	close(p[1]);
	raw_close(fds);

	/* TLS 1.2 has no KeyUpdate, and a message of this type does not stop readers */
	raw_pair(raw_12, OURS, OURS, fds);
	SYS(raw_send(fds[0], RAW_HANDSHAKE, key_update, sizeof(key_update), 0));
	next = raw_keys(raw_12, 2, 0);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX, &next, next.len), EBUSY);
	SYS(raw_recv(fds[1], &type, buf, sizeof(buf), 0));
	t_exchange(fds[0], fds[1]);
	raw_close(fds);
}

/* An open record is sealed with the keys that are there when it is closed. */
static void test_rekey_open(void **state)
{
	struct raw_keys next = raw_keys(raw_13, 2, 0);
	int fds[2];

	(void)state;
	raw_pair(raw_13, OURS, OURS, fds);
	SYS(send(fds[0], "begun", 5, MSG_MORE));
	raw_set(fds[0], TLS_TX, &next);
	raw_set(fds[1], TLS_RX, &next);
	SYS(send(fds[0], " and done", 9, 0));
	t_expect(fds[1], "begun and done");
	raw_close(fds);
}

static void set_last(int fds[2], const struct raw_suite *suite, uint64_t seq)
{
	struct raw_keys keys = raw_keys(suite, 0, seq);

	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	raw_attach(fds[1], OURS);
	raw_set(fds[0], TLS_TX, &keys);
	raw_set(fds[1], TLS_RX, &keys);
}

static void test_last_record(void **state)
{
	static uint8_t big[3 * RAW_MAX];
	struct raw_keys keys;
	char buf[64];
	int fds[2], i;

	(void)state;
	for (i = 0; i < RAW_SUITES; i++) {
		set_last(fds, &raw_suites[i], UINT64_MAX - 1);
		t_send(fds[0], "last", 4);
		t_expect(fds[1], "last");
		FAILS(send(fds[0], "x", 1, 0), EBADMSG);
		FAILS(send(fds[0], "x", 1, MSG_MORE), EBADMSG);
		assert_int_equal(t_so_error(fds[0]), EBADMSG);
		FAILS(send(fds[0], "x", 1, 0), EBADMSG);
		keys = raw_get(fds[0], TLS_TX, raw_keys(&raw_suites[i], 0, 0).len);
		assert_int_equal(raw_seq(&keys), UINT64_MAX);
		raw_close(fds);
	}
	/* a write that is cut short by it has sent what it says */
	set_last(fds, raw_13, UINT64_MAX - 2);
	assert_int_equal(SYS(send(fds[0], big, sizeof(big), 0)), 2UL * RAW_MAX);
	t_recv(fds[1], big, 2UL * RAW_MAX);
	t_so_error(fds[0]);
	/* new keys begin anew */
	keys = raw_keys(raw_13, 3, 0);
	raw_set(fds[0], TLS_TX, &keys);
	raw_set(fds[1], TLS_RX, &keys);
	t_send(fds[0], "go on", 5);
	t_expect(fds[1], "go on");
	raw_close(fds);
	/* nor is a record with the last number received */
	raw_plain_pair(AF_INET, fds);
	keys = raw_keys(raw_13, 0, UINT64_MAX);
	raw_attach(fds[1], OURS);
	raw_set(fds[1], TLS_RX, &keys);
	raw_craft(fds[0], &keys, UINT64_MAX, RAW_DATA, "x", 1, 0);
	FAILS(recv(fds[1], buf, sizeof(buf), 0), EBADMSG);
	raw_close(fds);
}

/* ---- options ---- */

static void expect_records(int fd, const size_t *sizes, size_t count)
{
	uint8_t header[5], body[RAW_MAX + 256];
	size_t i, n;

	for (i = 0; i < count; i++) {
		t_recv(fd, header, sizeof(header));
		n = (size_t)(header[3] << 8 | header[4]);
		assert_int_equal(n, sizes[i] + 1 + 16);
		t_recv(fd, body, n);
	}
}

/* A request for a socket's details, as ss makes it */
static struct inet_diag_req_v2 diag_request(int fd)
{
	struct inet_diag_req_v2 req = { .sdiag_family = AF_INET,
					.sdiag_protocol = IPPROTO_TCP,
					.idiag_ext = 1 << (INET_DIAG_INFO - 1),
					.idiag_states = UINT32_MAX };
	struct sockaddr_in here, there;
	socklen_t len = sizeof(here);

	SYS(getsockname(fd, (struct sockaddr *)&here, &len));
	SYS(getpeername(fd, (struct sockaddr *)&there, &len));
	req.id.idiag_sport = here.sin_port;
	req.id.idiag_dport = there.sin_port;
	req.id.idiag_src[0] = here.sin_addr.s_addr;
	req.id.idiag_dst[0] = there.sin_addr.s_addr;
	memset(req.id.idiag_cookie, 0xff, sizeof(req.id.idiag_cookie));
	return req;
}

/* The maximal payload by sock_diag; TLS_INFO_TX_MAX_PAYLOAD_LEN in newer headers */
static uint16_t diag_payload(int fd)
{
	struct {
		struct nlmsghdr h;
		struct inet_diag_req_v2 req;
	} ask = { .h = { .nlmsg_len = sizeof(ask),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST },
		  .req = diag_request(fd) };
	int nl = SYS(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	union {
		struct nlmsghdr h;
		char room[8192];
	} answer;
	struct nlattr *attr;

	assert_int_equal(SYS(send(nl, &ask, sizeof(ask), 0)), sizeof(ask));
	SYS(recv(nl, &answer, sizeof(answer), 0));
	assert_int_equal(answer.h.nlmsg_type, SOCK_DIAG_BY_FAMILY);
	attr = nlmsg_find_attr(&answer.h, sizeof(struct inet_diag_msg), INET_DIAG_ULP_INFO);
	assert_non_null(attr);
	attr = nla_find(nla_data(attr), nla_len(attr), INET_ULP_INFO_TLS);
	assert_non_null(attr);
	attr = nla_find(nla_data(attr), nla_len(attr), TLS_INFO_RX_NO_PAD + 1);
	assert_non_null(attr);
	close(nl);
	return nla_get_u16(attr);
}

static void test_max_payload(void **state)
{
	static const size_t sizes[] = { 1000, 1000, 500, 63, 37, 800, 200, RAW_MAX };
	struct raw_keys keys = raw_keys(raw_13, 0, 0);
	static uint8_t data[RAW_MAX];
	int fds[2], wide = 0;
	uint16_t v = 0;
	socklen_t len = sizeof(wide);

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	SYS(getsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, &len));
	assert_int_equal(len, sizeof(v));
	assert_int_equal(v, RAW_MAX);
	assert_int_equal(diag_payload(fds[0]), RAW_MAX);
	len = 1;
	FAILS(getsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, &len), EINVAL);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &wide, sizeof(wide)), EINVAL);
	/* RFC 8449's 64 bytes have the type's in TLS 1.3 */
	v = 63;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)), EINVAL);
	raw_set(fds[0], TLS_TX, &keys);
	v = 62;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)), EINVAL);
	v = RAW_MAX + 1;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)), EINVAL);
	v = 1000;
	SYS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)));
	t_send(fds[0], data, 2500);
	assert_int_equal(diag_payload(fds[0]), 1000);
	v = 63;
	SYS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)));
	t_send(fds[0], data, 100);
	/* an open record counts */
	v = 800;
	SYS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)));
	SYS(send(fds[0], data, 700, MSG_MORE));
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)), EBUSY);
	SYS(send(fds[0], data, 300, 0));
	v = RAW_MAX;
	SYS(setsockopt(fds[0], SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &v, sizeof(v)));
	t_send(fds[0], data, sizeof(data));
	expect_records(fds[1], sizes, ARRAY_SIZE(sizes));
	raw_close(fds);
}

static void test_flags(void **state)
{
	int fds[2], v = 2, long_v[2] = { 1, 0 };
	socklen_t len = sizeof(v);

	(void)state;
	raw_plain_pair(AF_INET, fds);
	raw_attach(fds[0], OURS);
	SYS(getsockopt(fds[0], SOL_TLS, TLS_TX_ZEROCOPY_RO, &v, &len));
	assert_int_equal(v, 0);
	v = 2;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_ZEROCOPY_RO, &v, sizeof(v)), EINVAL);
	v = 1;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_TX_ZEROCOPY_RO, &v, 1), EINVAL);
	SYS(setsockopt(fds[0], SOL_TLS, TLS_TX_ZEROCOPY_RO, &v, sizeof(v)));
	v = 0;
	SYS(getsockopt(fds[0], SOL_TLS, TLS_TX_ZEROCOPY_RO, &v, &len));
	assert_int_equal(v, 1);
	/* only with receiving keys of TLS 1.3 */
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, &v, sizeof(v)), EINVAL);
	FAILS(getsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, &v, &len), EINVAL);
	raw_close(fds);

	raw_pair(raw_12, OURS, OURS, fds);
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, &v, sizeof(v)), EINVAL);
	raw_close(fds);

	raw_pair(raw_13, OURS, OURS, fds);
	v = 2;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, &v, sizeof(v)), EINVAL);
	SYS(setsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, long_v, sizeof(long_v)));
	SYS(getsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, &v, &len));
	assert_int_equal(v, 1);
	long_v[1] = 1;
	FAILS(setsockopt(fds[0], SOL_TLS, TLS_RX_EXPECT_NO_PAD, long_v, sizeof(long_v)), EINVAL);
	t_exchange(fds[0], fds[1]);
	raw_close(fds);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrong_keys),
		cmocka_unit_test(test_read_back),
		cmocka_unit_test(test_explicit_nonce),
		cmocka_unit_test(test_rekey),
		cmocka_unit_test(test_rekey_open),
		cmocka_unit_test(test_last_record),
		cmocka_unit_test(test_max_payload),
		cmocka_unit_test(test_flags),
	};

	return t_run("raw_keys", tests, ARRAY_SIZE(tests));
}
