// SPDX-License-Identifier: GPL-2.0-only
/* Keys that the test gives to the kernel as a daemon does, and receives as a descriptor. */
#include <netlink/genl/genl.h>
#include <stdlib.h>
#include <unistd.h>

#include "fault.h"
#include "keys.h"
#include "own.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/**
 * keys_setup() - become the daemon of a network namespace of the test's own
 * @state: cmocka's
 * @nl: gets the daemon's socket
 * Return: the module's references before, for keys_teardown()
 */
unsigned int keys_setup(void **state, struct tnl_conn *nl)
{
	unsigned int references;

	t_setup(state);
	references = fault_references();
	own_namespace();
	tnl_become_daemon(nl);
	return references;
}

/**
 * keys_teardown() - close the daemon's socket, and wait until nothing of a key is left
 * @nl: the socket
 * @references: of the module, as keys_setup() returned them
 */
void keys_teardown(struct tnl_conn *nl, unsigned int references)
{
	tnl_close(nl);
	fault_await_references("keys", references);
}

/**
 * keys_of() - fresh keys
 * @role: enum ksc_role
 * @suite: the suite
 * @seed: of the keys
 * Return: these, and nothing else
 */
struct keys keys_of(int role, const struct wire_suite *suite, uint64_t seed)
{
	struct keys keys = { .wire.role = role, .id = seed };
	uint8_t material[2][WIRE_MATERIAL];

	t_fill(material, sizeof(material), seed + 1);
	wire_keys(&keys.wire.tx, suite, material[0]);
	wire_keys(&keys.wire.rx, suite, material[1]);
	return keys;
}

/**
 * keys_of_peer() - get the keys of the other side
 * @keys: keys of one side
 * Return: those of the other side
 */
struct keys keys_of_peer(const struct keys *keys)
{
	struct keys peer = *keys;

	peer.wire.role = keys->wire.role == KSC_ROLE_CLIENT ? KSC_ROLE_SERVER : KSC_ROLE_CLIENT;
	peer.wire.tx = keys->wire.rx;
	peer.wire.rx = keys->wire.tx;
	peer.id = keys->id ^ 1;
	return peer;
}

static void put_name(struct nl_msg *msg, int attr, const char *name)
{
	if (name)
		nla_put_string(msg, attr, name);
}

/**
 * keys_request() - begin a request for a key
 * @nl: the daemon's socket
 * @keys: what it is made of
 * Return: a message, to which attributes can be added
 */
struct nl_msg *keys_request(struct tnl_conn *nl, const struct keys *keys)
{
	struct nl_msg *msg = tnl_request(nl, KSC_CMD_KEY_NEW);
	struct nlattr *nest;

	nla_put_u64(msg, KSC_A_CONTEXT_ID, keys->id);
	nla_put_u32(msg, KSC_A_CONTEXT_ROLE, (uint32_t)keys->wire.role);
	nla_put_u32(msg, KSC_A_CONTEXT_UID, keys->uid);
	if (keys->netns)
		nla_put_u64(msg, KSC_A_CONTEXT_NETNS, keys->netns);
	if (keys->tickets)
		nla_put_flag(msg, KSC_A_CONTEXT_TICKETS);
	if (keys->verify)
		nla_put_u32(msg, KSC_A_CONTEXT_VERIFY, (uint32_t)keys->verify);
	put_name(msg, KSC_A_CONTEXT_CREDENTIAL, keys->credential);
	wire_put_keys(msg, &keys->wire, keys->exporter);
	nest = nla_nest_start(msg, KSC_A_CONTEXT_SESSION);
	put_name(msg, KSC_A_SESSION_ALPN, keys->alpn);
	put_name(msg, KSC_A_SESSION_SERVER_NAME, keys->server_name);
	put_name(msg, KSC_A_SESSION_PEER_SUBJECT, keys->subject);
	if (keys->fingerprint)
		nla_put(msg, KSC_A_SESSION_PEER_FINGERPRINT, 32, keys->fingerprint);
	if (keys->resumed)
		nla_put_flag(msg, KSC_A_SESSION_RESUMED);
	nla_nest_end(msg, nest);
	return msg;
}

/**
 * struct reply - the kernel's answer
 * @id: the session's number
 * @fd: the descriptor, -1 without a reply
 */
struct reply {
	uint64_t id;
	int fd;
};

static void on_key(struct nl_msg *msg, void *arg)
{
	struct nlattr *tb[KSC_A_CONTEXT_MAX + 1];
	struct reply *reply = arg;

	if (genlmsg_parse(nlmsg_hdr(msg), 0, tb, KSC_A_CONTEXT_MAX, NULL) ||
	    !tb[KSC_A_CONTEXT_ID] || !tb[KSC_A_CONTEXT_FD])
		return;
	reply->id = nla_get_u64(tb[KSC_A_CONTEXT_ID]);
	reply->fd = (int)nla_get_u32(tb[KSC_A_CONTEXT_FD]);
}

/**
 * keys_do() - ask for a key
 * @nl: the daemon's socket
 * @msg: the request; freed
 * Return: its descriptor, or the negative errno
 */
int keys_do(struct tnl_conn *nl, struct nl_msg *msg)
{
	struct nlattr *id = nlmsg_find_attr(nlmsg_hdr(msg), GENL_HDRLEN, KSC_A_CONTEXT_ID);
	uint64_t wanted = id && nla_len(id) == sizeof(wanted) ? nla_get_u64(id) : 0;
	struct reply reply = { .fd = -1 };
	int err;

	nl->reply = on_key;
	nl->arg = &reply;
	err = tnl_do(nl, msg);
	nl->reply = NULL;
	/* one without the other would be a leaked descriptor */
	assert_int_equal(!err, reply.fd >= 0);
	if (err)
		return err;
	assert_int_equal(reply.id, wanted);
	return reply.fd;
}

/**
 * keys_make() - create a key
 * @nl: the daemon's socket
 * @keys: what it is made of
 * Return: its descriptor
 */
int keys_make(struct tnl_conn *nl, const struct keys *keys)
{
	int key = keys_do(nl, keys_request(nl, keys));

	if (key < 0)
		fail_msg("key-new: %s (%s)", strerror(-key), nl->text);
	return key;
}

/**
 * keys_try_attach() - give a key to a socket
 * @fd: the socket
 * @key: the key
 * @extra: bytes that come before those in the socket
 * @len: length of @extra in bytes
 * Return: what setsockopt() says
 */
int keys_try_attach(int fd, int key, const void *extra, size_t len)
{
	const size_t size = sizeof(struct ksc_attach) + len;
	struct ksc_attach *attach = calloc(1, size);
	int ret, error;

	assert_non_null(attach);
	attach->fd = key;
	if (len)
		memcpy(attach->extra, extra, len);
	ret = setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, attach, (socklen_t)size);
	error = errno;
	free(attach);
	errno = error;
	return ret;
}

/**
 * keys_attach() - give a key to a socket that has the ULP, and be done with it
 * @fd: the socket
 * @key: the key; closed
 */
void keys_attach(int fd, int key)
{
	SYS(keys_try_attach(fd, key, NULL, 0));
	SYS(close(key));
}

/**
 * keys_plain_pair() - two plain TCP sockets, connected with each other
 * @fds: gets them, the client's first
 */
void keys_plain_pair(int fds[2])
{
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr);

	fds[0] = t_connect(&addr, NULL);
	fds[1] = t_accept(listener);
	SYS(close(listener));
}

/**
 * keys_netns() - get the cookie of the network namespace
 * Return: the cookie
 */
uint64_t keys_netns(void)
{
	int fd = t_plain(AF_INET);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	SYS(getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len));
	SYS(close(fd));
	return cookie;
}

/* ---- keys that are none ---- */

/**
 * struct lengths - keys by what does not fit their suite
 * @version: TLS version
 * @suite: suite
 * @secret: length of the secret
 * @key: length of the key
 * @iv: length of the IV
 * @exporter: length of the exporter's secret
 * @randoms: with the randoms of TLS 1.2
 * @tx_only: only the keys to send with are like that, those to receive with fit
 */
struct lengths {
	uint16_t version;
	uint16_t suite;
	int secret;
	int key;
	int iv;
	int exporter;
	bool randoms;
	bool tx_only;
};

static const struct lengths unfit[] = {
	{ 0x0304, 0x1301, .secret = 31 },
	{ 0x0304, 0x1301, .secret = 48 },
	{ 0x0304, 0x1302, .secret = 32 },
	{ 0x0304, 0x1303, .secret = 33, .tx_only = true },
	{ 0x0304, 0x1301, .key = 16, .iv = 12 },
	{ 0x0304, 0x1301, .secret = 32, .key = 16, .iv = 12 },
	{ 0x0303, 0xc02b, .secret = 32 },
	{ 0x0303, 0xc02b, .key = 32, .iv = 4 },
	{ 0x0303, 0xc02c, .key = 16, .iv = 4 },
	{ 0x0303, 0xc02b, .key = 16, .iv = 12 },
	{ 0x0303, 0xc02b, .key = 16 },
	{ 0x0303, 0xcca9, .key = 32, .iv = 4 },
	{ 0x0304, 0x1301, .secret = 32, .exporter = 48 },
	{ 0x0304, 0x1301, .secret = 32, .exporter = 32, .randoms = true },
	{ 0x0303, 0xc02b, .key = 16, .iv = 4, .exporter = 48 },
	{ 0x0303, 0xc02b, .key = 16, .iv = 4, .exporter = 32, .randoms = true },
};

const size_t keys_unfit_count = ARRAY_SIZE(unfit);

/* Lengths that fit, for the one direction that is all right. */
static const struct lengths fit_1303 = { 0x0304, 0x1303, .secret = 32 };

static void put_lengths(struct nl_msg *msg, int direction, const struct lengths *lengths)
{
	static const uint8_t bytes[KSC_MAX_SECRET];
	struct nlattr *nest = nla_nest_start(msg, direction);

	if (lengths->secret)
		nla_put(msg, KSC_A_KEY_SECRET, lengths->secret, bytes);
	if (lengths->key)
		nla_put(msg, KSC_A_KEY_KEY, lengths->key, bytes);
	if (lengths->iv)
		nla_put(msg, KSC_A_KEY_IV, lengths->iv, bytes);
	nla_put_u64(msg, KSC_A_KEY_RECORD_SEQ, 0);
	nla_nest_end(msg, nest);
}

/**
 * keys_put_unfit() - add keys that don't fit their suite
 * @msg: a request of the daemon's
 * @which: in which way, less than keys_unfit_count
 */
void keys_put_unfit(struct nl_msg *msg, size_t which)
{
	struct nlattr *keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS);
	static const uint8_t bytes[KSC_RANDOMS_LEN];
	const struct lengths *lengths = &unfit[which];

	if (lengths->exporter)
		nla_put(msg, KSC_A_KEYS_EXPORTER, lengths->exporter, bytes);
	if (lengths->randoms)
		nla_put(msg, KSC_A_KEYS_RANDOMS, sizeof(bytes), bytes);
	nla_put_u16(msg, KSC_A_KEYS_VERSION, lengths->version);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, lengths->suite);
	put_lengths(msg, KSC_A_KEYS_TX, lengths);
	put_lengths(msg, KSC_A_KEYS_RX, lengths->tx_only ? &fit_1303 : lengths);
	nla_nest_end(msg, keys);
}

/* Bytes that no other part of a message has in a row */
#define SECRET "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5" \
	       "\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5\xa5"

/**
 * keys_secret() - add keys that keys_wiped() knows
 * @msg: a request of the daemon's
 * @suite: TLS 1.3's; they fit those with SHA-256
 * Return: @msg
 */
struct nl_msg *keys_secret(struct nl_msg *msg, uint16_t suite)
{
	struct nlattr *keys = nla_nest_start(msg, KSC_A_CONTEXT_KEYS), *dir;

	nla_put_u16(msg, KSC_A_KEYS_VERSION, WIRE_13);
	nla_put_u16(msg, KSC_A_KEYS_SUITE, suite);
	nla_put(msg, KSC_A_KEYS_EXPORTER, 32, SECRET);
	for (int i = 0; i < 2; i++) {
		dir = nla_nest_start(msg, i ? KSC_A_KEYS_RX : KSC_A_KEYS_TX);
		nla_put(msg, KSC_A_KEY_SECRET, 32, SECRET);
		nla_nest_end(msg, dir);
	}
	nla_nest_end(msg, keys);
	return msg;
}

/**
 * keys_wiped() - send a request that has to be refused
 * @conn: the socket
 * @msg: the request, with keys_secret(); freed
 * @error: the errno
 *
 * What comes back with the error is the request as the kernel leaves it in its memory.
 */
void keys_wiped(struct tnl_conn *conn, struct nl_msg *msg, int error)
{
	static uint8_t reply[8192];
	const struct nlmsghdr *head = (void *)reply;
	const struct nlmsgerr *err = NLMSG_DATA(head);
	uint32_t len = nlmsg_hdr(msg)->nlmsg_len;
	int fd = nl_socket_get_fd(conn->sk);
	ssize_t n;

	assert_non_null(memmem(nlmsg_hdr(msg), len, SECRET, 32));
	assert_true(nl_send_auto(conn->sk, msg) > 0);
	nlmsg_free(msg);
	do {
		n = SYS(recv(fd, reply, sizeof(reply), 0));
	} while (head->nlmsg_type != NLMSG_ERROR);
	assert_int_equal(err->error, -error);
	/* all of it is there */
	assert_true(n >= (ssize_t)(NLMSG_LENGTH(sizeof(int)) + len));
	assert_int_equal(err->msg.nlmsg_len, len);
	assert_null(memmem(reply, (size_t)n, SECRET, 8));
}
