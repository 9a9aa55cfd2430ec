/* SPDX-License-Identifier: GPL-2.0-only */
/* tls.c: a session, shared by the engine and GnuTLS's callbacks. */
#ifndef KSC_TLS_H
#define KSC_TLS_H

#include "engine/engine.h"
#include "engine/hello.h"
#include "engine/manual.h"
#include "engine/pick.h"
#include "engine/resume.h"
#include "engine/span.h"
#include "engine/token.h"

/**
 * struct ksc_failure - why a session failed
 * @status: the status, KSC_STATUS_OK without a failure
 * @has_alert: @alert is sent
 * @alert: the alert for the peer
 * @text: the reason in one sentence
 */
struct ksc_failure {
	enum ksc_status status;
	bool has_alert;
	uint8_t alert;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_engine - a session
 * @tls: GnuTLS's session; NULL until the first step
 * @credentials: the credentials to choose from
 * @cred: the chosen credential, NULL until then
 * @rules: the list that contains @rule
 * @rule: the rule that matches the connection, or NULL
 * @role: our role
 * @verify: how the peer's certificate is verified
 * @hello: the peer's hello
 * @server_name: client: name or names of the server; server: the name that the client asked for
 * @reference: client: what the certificate must match
 * @credential: the requested credential's name, or ""
 * @alpn: ProtocolNameList
 * @alpn_len: its size in bytes
 * @who: owner of the socket, or the application
 * @peer: client: the server's socket address
 * @peer_len: its size in bytes
 * @in: input of the current step
 * @in_len: size of its complete records in bytes
 * @in_pos: bytes of these that GnuTLS has read
 * @out: the token
 * @started: the first step was performed
 * @ended: no further step is possible
 * @verified: the peer's certificate was verified and accepted
 * @manual: state of verification by the caller
 * @pick: state of the caller's choice of our certificate
 * @secrets: secrets of TLS 1.3, for both directions
 * @resume: client: state of resumption
 * @span: count of the peer's messages and records
 * @failure: failure found in one of GnuTLS's callbacks, more precise than GnuTLS's error
 */
struct ksc_engine {
	gnutls_session_t tls;
	struct ksc_credentials *credentials;
	const struct ksc_credential *cred;
	struct ksc_rules *rules;
	const struct ksc_rule *rule;
	enum ksc_role role;
	enum ksc_verify verify;
	struct ksc_hello hello;
	char server_name[KSC_MAX_NAME + 1];
	char reference[KSC_MAX_NAME + 1];
	char credential[KSC_MAX_NAME + 1];
	uint8_t alpn[KSC_MAX_ALPN];
	size_t alpn_len;
	struct ksc_who who;
	uint8_t peer[KSC_MAX_PEER];
	size_t peer_len;
	const uint8_t *in;
	size_t in_len;
	size_t in_pos;
	struct ksc_token out;
	bool started;
	bool ended;
	bool verified;
	struct ksc_manual manual;
	struct ksc_pick pick;
	struct ksc_secrets secrets;
	struct ksc_resume resume;
	struct ksc_span span;
	struct ksc_failure failure;
};

void ksc_tls_blame(struct ksc_engine *e, enum ksc_status status, int alert, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void ksc_tls_blame_choice(struct ksc_engine *e, enum ksc_status status, const char *name);
int ksc_tls_verify(gnutls_session_t tls);
int ksc_tls_start(struct ksc_engine *e);

#endif
