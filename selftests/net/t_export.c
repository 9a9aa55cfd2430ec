// SPDX-License-Identifier: GPL-2.0-only
/* Keying material: the kernel derives the same as the peer's library. */
#include <stdlib.h>
#include <unistd.h>
#include <kschannel.h>

#include "lib/peer.h"

/* longer than a round of either hash */
#define LEN 200

static const struct {
	const char *label;
	const char *context;
	size_t context_len;
	size_t len;
} exports[] = {
	{ "EXPORTER-kschannel-test", NULL, 0, 32 },
	{ "EXPORTER-kschannel-test", "", 0, 32 },
	{ "EXPORTER-kschannel-test", "context", 7, LEN },
	{ "EXPORTER-kschannel-test", "context\0with NUL", 16, 1 },
	{ "x", NULL, 0, 48 },
	{ "EXPORTER-Channel-Binding", "", 0, KSCHANNEL_BINDING_LEN },
};

static const struct peer_conf peers[] = {
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0304, .cipher = PEER_AES128 },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0304, .cipher = PEER_AES256 },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0303, .cipher = PEER_AES128 },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0303, .cipher = PEER_AES256 },
	{ .library = PEER_OPENSSL, .server = true, .version = 0x0303, .cipher = PEER_CHACHA },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0304, .cipher = PEER_AES128 },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0304, .cipher = PEER_AES256 },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0303, .cipher = PEER_AES128 },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0303, .cipher = PEER_AES256 },
	{ .library = PEER_GNUTLS, .server = true, .version = 0x0303, .cipher = PEER_CCM },
};

/* The peer sends its result. */
static void tell(struct peer *peer)
{
	uint8_t out[LEN];

	if (peer_handshake(peer))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(exports); i++) {
		if (peer->ops->export(peer, exports[i].label, exports[i].context,
				      exports[i].context_len, out, exports[i].len) ||
		    peer_write(peer, out, exports[i].len))
			return;
	}
	peer_expect_close(peer);
}

static void test_peer(void **state)
{
	const struct peer_conf *conf = *state;
	struct peer peer = { 0 };
	uint8_t ours[LEN], theirs[LEN];
	int fd = peer_serve(&peer, conf, tell);

	assert_int_equal(t_info(fd).version, conf->version);
	for (size_t i = 0; i < ARRAY_SIZE(exports); i++) {
		const size_t len = exports[i].len;

		assert_int_equal(SYS(recv(fd, theirs, len, MSG_WAITALL)), len);
		assert_int_equal(kschannel_export(fd, exports[i].label, exports[i].context,
						  exports[i].context_len, ours, len),
				 0);
		assert_memory_equal(ours, theirs, len);
	}
	assert_int_equal(kschannel_channel_binding(fd, ours), 0);
	assert_memory_equal(ours, theirs, KSCHANNEL_BINDING_LEN);
	close(fd);
	peer_join(&peer);
}

/* RFC 7627 5.4: two connections could have the same master secret */
static void test_no_ems(void **state)
{
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true,
					.version = 0x0303, .no_ems = true };
	struct peer peer = { 0 };
	uint8_t ours[KSCHANNEL_BINDING_LEN];
	int fd = peer_serve(&peer, &conf, peer_greet);

	(void)state;
	t_expect(fd, "hello");
	assert_int_equal(kschannel_channel_binding(fd, ours), -ENODATA);
	close(fd);
	peer_join(&peer);
}

/* Both ends are ours, at the limits of what can be asked for. */
static void test_limits(void **state)
{
	static const char *const reserved[] = { "client finished", "server finished",
						"master secret", "extended master secret",
						"key expansion" };
	static uint8_t context[UINT16_MAX];
	uint8_t ours[KSC_MAX_EXPORT], theirs[KSC_MAX_EXPORT];
	char label[KSC_MAX_EXPORT_LABEL + 2];
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	memset(label, 'l', sizeof(label));
	label[sizeof(label) - 1] = '\0';
	assert_int_equal(kschannel_export(fds[0], label, NULL, 0, ours, 1), -EINVAL);
	label[sizeof(label) - 2] = '\0';
	for (int i = 0; i < 2; i++)
		assert_int_equal(kschannel_export(fds[i], label, context, sizeof(context),
						  i ? theirs : ours, sizeof(ours)),
				 0);
	assert_memory_equal(ours, theirs, sizeof(ours));
	assert_int_equal(kschannel_export(fds[1], label, context, sizeof(context) - 1, theirs,
					  sizeof(theirs)),
			 0);
	assert_memory_not_equal(ours, theirs, sizeof(ours));
	for (size_t i = 0; i < ARRAY_SIZE(reserved); i++)
		assert_int_equal(kschannel_export(fds[0], reserved[i], NULL, 0, ours, 1), -EINVAL);
	assert_int_equal(kschannel_export(fds[0], "a\nb", NULL, 0, ours, 1), -EINVAL);
	close(fds[0]);
	close(fds[1]);
}

static int ask(int fd, const struct ksc_export *e, socklen_t room)
{
	uint8_t buf[64] = { 0 };

	memcpy(buf, e, sizeof(*e));
	memset(buf + sizeof(*e), 'x', sizeof(buf) - sizeof(*e));
	return getsockopt(fd, SOL_KSCHANNEL, KSC_EXPORT, buf, &room) ? errno : 0;
}

/* What the library would not ask. */
static void test_misuse(void **state)
{
	const socklen_t size = sizeof(struct ksc_export);
	struct ksc_export e = { .label_len = 4, .out_len = 16 };
	int fds[2];

	(void)state;
	t_pair(AF_INET, fds);
	assert_int_equal(ask(fds[0], &e, size + 8), 0);
	assert_int_equal(ask(fds[0], &e, size - 1), EINVAL);
	assert_int_equal(ask(fds[0], &e, size + 3), EINVAL);
	assert_int_equal(ask(fds[0], &e, size + 4), ERANGE);
	e.context_len = 2;
	assert_int_equal(ask(fds[0], &e, size + 8), EINVAL);
	e.flags = KSC_EXPORT_F_CONTEXT;
	assert_int_equal(ask(fds[0], &e, size + 8), 0);
	e.flags = 2 * KSC_EXPORT_F_CONTEXT;
	assert_int_equal(ask(fds[0], &e, size + 8), EINVAL);
	e = (struct ksc_export){ .out_len = 16 };
	assert_int_equal(ask(fds[0], &e, size + 8), EINVAL);
	e = (struct ksc_export){ .label_len = 4 };
	assert_int_equal(ask(fds[0], &e, size + 8), EINVAL);
	e.out_len = KSC_MAX_EXPORT + 1;
	assert_int_equal(ask(fds[0], &e, size + 8), EINVAL);
	close(fds[0]);
	close(fds[1]);
	fds[0] = SYS(socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL));
	e.out_len = 16;
	assert_int_equal(ask(fds[0], &e, size + 8), ENOTCONN);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T_CASE("OpenSSL 1.3, SHA-256", test_peer, &peers[0]),
		T_CASE("OpenSSL 1.3, SHA-384", test_peer, &peers[1]),
		T_CASE("OpenSSL 1.2, SHA-256", test_peer, &peers[2]),
		T_CASE("OpenSSL 1.2, SHA-384", test_peer, &peers[3]),
		T_CASE("OpenSSL 1.2, ChaCha20", test_peer, &peers[4]),
		T_CASE("GnuTLS 1.3, SHA-256", test_peer, &peers[5]),
		T_CASE("GnuTLS 1.3, SHA-384", test_peer, &peers[6]),
		T_CASE("GnuTLS 1.2, SHA-256", test_peer, &peers[7]),
		T_CASE("GnuTLS 1.2, SHA-384", test_peer, &peers[8]),
		T_CASE("GnuTLS 1.2, CCM", test_peer, &peers[9]),
		T_CASE("OpenSSL 1.2, no extended master secret", test_no_ems, NULL),
		T_CASE("limits", test_limits, NULL),
		T_CASE("misuse", test_misuse, NULL),
	};

	return T_RUN(tests);
}
