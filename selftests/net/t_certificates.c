// SPDX-License-Identifier: GPL-2.0-only
/*
 * Certificates of both ends: which one is used, for which names and accounts, and which errors
 * a rejected one causes.
 */
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/pem.h>

#include "lib/net.h"
#include "lib/peer.h"

/* Case 28: the name that the client asks for chooses. */
static void case_28_sni(void **state)
{
	const struct t_opts client = { .server_name = "other.test" };
	int fds[2];

	(void)state;
	t_pair_opts(AF_INET, &client, &t_server, fds);
	t_exchange(fds[0], fds[1]);
	assert_string_equal(t_info(fds[0]).peer_subject, "CN=other.test");
	assert_string_equal(t_info(fds[0]).server_name, "other.test");
	assert_string_equal(t_info(fds[1]).server_name, "other.test");
	close(fds[0]);
	close(fds[1]);
}

/* Without a name the address that was connected to is what the certificate has to be for. */
static void test_by_address(void **state)
{
	const struct t_opts client = { 0 }, other = { .credential = "other" };
	struct t_addr addr;
	int fds[2], listener, fd, child;

	(void)state;
	t_pair_opts(AF_INET, &client, &t_server, fds);
	t_exchange(fds[0], fds[1]);
	assert_string_equal(t_info(fds[1]).server_name, "");
	close(fds[0]);
	close(fds[1]);
	t_pair_opts(AF_INET6, &client, &t_server, fds);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	listener = t_listen(AF_INET, &other, &addr);
	fd = t_begin(&addr, &client);
	child = t_accept(listener);
	FAILS(t_handshake(fd), EKEYREJECTED);
	close(fd);
	close(child);
	close(listener);
}

static void test_fingerprint(void **state)
{
	FILE *file = fopen(PKI "server.pem", "r");
	unsigned char digest[32], *der = NULL;
	X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
	int len = cert ? i2d_X509(cert, &der) : -1;
	int fds[2];

	(void)state;
	assert_true(len > 0);
	SHA256(der, (size_t)len, digest);
	t_pair(AF_INET, fds);
	assert_memory_equal(t_info(fds[0]).peer_fingerprint, digest, sizeof(digest));
	close(fds[0]);
	close(fds[1]);
	OPENSSL_free(der);
	X509_free(cert);
	fclose(file);
}

/* Case 26: asked for, and right. */
static void case_26_client_certificate(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .credential = "client" };
	const struct t_opts server = { .credential = "mutual" };
	struct ksc_info info;
	int fds[2];

	(void)state;
	t_pair_opts(AF_INET, &client, &server, fds);
	t_exchange(fds[0], fds[1]);
	info = t_info(fds[1]);
	assert_true(info.flags & KSC_INFO_F_PEER_CERT);
	assert_string_equal(info.peer_subject, "CN=client.test");
	close(fds[0]);
	close(fds[1]);
	/* the option asks for one as well */
	t_pair_opts(AF_INET, &client,
		    &(const struct t_opts){ .verify = KSC_VERIFY_REQUEST,
					    .credential = "trusting" },
		    fds);
	t_exchange(fds[0], fds[1]);
	assert_true(t_info(fds[1]).flags & KSC_INFO_F_PEER_CERT);
	close(fds[0]);
	close(fds[1]);
	/* and one that is asked for need not be there */
	t_pair_opts(AF_INET, &t_client,
		    &(const struct t_opts){ .verify = KSC_VERIFY_REQUEST,
					    .credential = "trusting" },
		    fds);
	t_exchange(fds[0], fds[1]);
	assert_false(t_info(fds[1]).flags & KSC_INFO_F_PEER_CERT);
	close(fds[0]);
	close(fds[1]);
}

/* Case 26: a TLS 1.3 client is done before the server refuses it. */
static void test_client_certificate_refused(void **state)
{
	const struct t_opts server = { .credential = "mutual" };
	const struct t_opts client = { .server_name = "server.test", .credential = *state };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr), fd, child;
	char c;

	fd = t_begin(&addr, &client);
	child = t_accept(listener);
	t_finish(fd);
	FAILS(recv(child, &c, 1, 0), EKEYREJECTED);
	t_expect_error(child, KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
	assert_int_equal(t_error(child).direction, KSC_DIRECTION_SENT);
	FAILS(recv(fd, &c, 1, 0), EPROTO);
	t_expect_error(fd, KSC_STATUS_ALERT_RECEIVED, EPROTO);
	close(fd);
	close(child);
	close(listener);
}

/* To a server with another library. */
static void test_client_certificate_peer(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .credential = "client" };
	struct peer_conf conf = *(const struct peer_conf *)*state;
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;

	conf.ask = true;
	peer_accept(&peer, &conf, listener, peer_greet);
	fd = t_connect(&addr, &client);
	t_expect(fd, "hello");
	close(fd);
	peer_join(&peer);
	close(listener);
}

static void only_handshake(struct peer *peer)
{
	if (!peer_handshake(peer))
		peer_expect_close(peer);
}

/**
 * struct wrong - a certificate that is not good enough
 * @cert: the peer's
 * @name: of the server
 * @says: what the explanation has to say
 */
struct wrong {
	const char *cert;
	const char *name;
	const char *says;
};

static const struct wrong expired = { "expired", "server.test", "expired" };
static const struct wrong unknown = { "unknown", "server.test", "issuer" };
static const struct wrong wrong_name = { "other", "server.test", "name" };
static const struct wrong wrong_usage = { "client", "client.test", "purpose" };

/* Cases 23 and 24: each has an explanation of its own. */
static void test_wrong_certificate(void **state)
{
	const struct wrong *wrong = *state;
	const struct peer_conf conf = { .library = PEER_OPENSSL, .server = true,
					.cert = wrong->cert };
	const struct t_opts client = { .server_name = wrong->name };
	struct peer peer = { 0 };
	struct t_addr addr;
	int listener = t_listen(AF_INET, NULL, &addr), fd;
	struct ksc_error error;
	char c;

	peer_accept(&peer, &conf, listener, only_handshake);
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EKEYREJECTED);
	t_expect_error(fd, KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
	error = t_error(fd);
	assert_int_equal(error.direction, KSC_DIRECTION_SENT);
	if (!strcasestr(error.text, wrong->says))
		fail_msg("\"%s\" does not say \"%s\"", error.text, wrong->says);
	FAILS(recv(fd, &c, 1, 0), EKEYREJECTED);
	FAILS(send(fd, &c, 1, MSG_NOSIGNAL), EKEYREJECTED);
	/* the peer got an alert */
	peer_join_failed(&peer, "alert");
	close(fd);
	close(listener);
}

/* Non-blocking: SO_ERROR tells, and KSC_ERROR why. */
static void test_wrong_certificate_nonblocking(void **state)
{
	const struct t_opts server = { .credential = "unknown" };
	const struct t_opts client = { .server_name = "server.test", .nonblock = true };
	struct pollfd pfd = { .events = POLLOUT };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr), fd, child;

	(void)state;
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EINPROGRESS);
	child = t_accept(listener);
	pfd.fd = fd;
	assert_int_equal(SYS(poll(&pfd, 1, PATIENCE_S * 1000)), 1);
	assert_true(pfd.revents & POLLERR);
	assert_int_equal(t_so_error(fd), EKEYREJECTED);
	t_expect_error(fd, KSC_STATUS_PEER_REJECTED, EKEYREJECTED);
	close(fd);
	close(child);
	close(listener);
}

static void test_verify_none(void **state)
{
	const struct t_opts server = { .credential = *state };
	const struct t_opts client = { .server_name = "server.test", .verify = KSC_VERIFY_NONE };
	int fds[2];

	t_pair_opts(AF_INET, &client, &server, fds);
	t_exchange(fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
}

static void test_no_credential(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .credential = "nonesuch" };
	const struct t_opts server = { .credential = "nonesuch" };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &server, &addr), fd, child;
	char c;

	(void)state;
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, ENOKEY);
	t_expect_error(fd, KSC_STATUS_NO_CREDENTIALS, ENOKEY);
	close(fd);
	child = t_accept(listener);
	close(child);
	fd = t_begin(&addr, &t_client);
	child = t_accept(listener);
	FAILS(t_handshake(fd), EPROTO);
	FAILS(recv(child, &c, 1, 0), ENOKEY);
	t_expect_error(child, KSC_STATUS_NO_CREDENTIALS, ENOKEY);
	close(fd);
	close(child);
	close(listener);
}

/* "restricted" is for the account "user", 1000; the creator of the socket is what counts. */
static void test_access(void **state)
{
	const struct t_opts client = { .server_name = "server.test", .credential = "restricted" };
	struct t_addr addr;
	int listener = t_listen(AF_INET, &t_server, &addr), fd, child, status;
	pid_t pid;

	(void)state;
	fd = t_try_connect(&addr, &client);
	assert_int_equal(errno, EACCES);
	t_expect_error(fd, KSC_STATUS_ACCESS_DENIED, EACCES);
	close(fd);
	close(t_accept(listener));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		if (setgid(1000) || setuid(1000))
			_exit(2);
		fd = socket(AF_INET, SOCK_STREAM, IPPROTO_KSCHANNEL);
		setsockopt(fd, SOL_KSCHANNEL, KSC_SERVER_NAME, "server.test", 11);
		setsockopt(fd, SOL_KSCHANNEL, KSC_CREDENTIAL, "restricted", 10);
		_exit(connect(fd, (struct sockaddr *)&addr.ss, addr.len) ? errno : 0);
	}
	child = t_accept(listener);
	SYS(waitpid(pid, &status, 0));
	assert_int_equal(status, 0);
	close(child);
	close(listener);
}

int main(void)
{
	static const struct peer_conf openssl_server = { .library = PEER_OPENSSL, .server = true };
	static const struct peer_conf gnutls_server = { .library = PEER_GNUTLS, .server = true };
	static const struct peer_conf openssl_12 = { .library = PEER_OPENSSL, .server = true,
						     .version = 0x0303 };
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(case_28_sni),
		cmocka_unit_test(test_by_address),
		cmocka_unit_test(test_fingerprint),
		cmocka_unit_test(case_26_client_certificate),
		T_CASE("client without a certificate", test_client_certificate_refused, NULL),
		T_CASE("client with an unknown certificate", test_client_certificate_refused,
		       "unknown-client"),
		T_CASE("client certificate, OpenSSL", test_client_certificate_peer,
		       &openssl_server),
		T_CASE("client certificate, OpenSSL TLS 1.2", test_client_certificate_peer,
		       &openssl_12),
		T_CASE("client certificate, GnuTLS", test_client_certificate_peer, &gnutls_server),
		T_CASE("expired certificate", test_wrong_certificate, &expired),
		T_CASE("unknown issuer", test_wrong_certificate, &unknown),
		T_CASE("wrong name", test_wrong_certificate, &wrong_name),
		T_CASE("wrong usage", test_wrong_certificate, &wrong_usage),
		cmocka_unit_test(test_wrong_certificate_nonblocking),
		T_CASE("unchecked: unknown issuer", test_verify_none, "unknown"),
		T_CASE("unchecked: wrong name", test_verify_none, "other"),
		cmocka_unit_test(test_no_credential),
		cmocka_unit_test(test_access),
	};

	return T_RUN(tests);
}
