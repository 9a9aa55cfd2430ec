/* SPDX-License-Identifier: GPL-2.0-only */
/* tls.c: a session, as the engine and GnuTLS's callbacks share it. */
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
 * struct ksc_failure - why a session ended
 * @status: KSC_STATUS_OK while nothing is wrong
 * @has_alert: there is an alert to send
 * @alert: which
 * @text: one sentence
 */
struct ksc_failure {
	enum ksc_status status;
	bool has_alert;
	uint8_t alert;
	char text[KSC_MAX_TEXT + 1];
};

/**
 * struct ksc_engine - a session
 * @tls: GnuTLS's part; NULL until the first step
 * @credentials: generation to choose from
 * @cred: the choice, NULL until it is made
 * @rules: holds @rule
 * @rule: the policy's for this connection, or NULL
 * @role: ours
 * @verify: what is asked of the peer's certificate
 * @hello: the peer's
 * @server_name: client: what was set; server: what the client asked for
 * @reference: client: what the certificate must be for
 * @credential: name asked for
 * @alpn: ProtocolNameList
 * @alpn_len: its bytes
 * @who: owner of the socket, or the application
 * @peer: client: the server's socket address
 * @peer_len: its bytes
 * @in: input of the step under way
 * @in_len: its bytes in whole records
 * @in_pos: those that GnuTLS has pulled
 * @out: the token
 * @started: the first step has been made
 * @ended: no further step is possible
 * @verified: the peer's certificate was judged and accepted
 * @manual: the caller's part in that
 * @pick: the caller's part in the choice of our certificate
 * @secrets: TLS 1.3's, of both directions
 * @resume: client's part in resumption
 * @span: how far the peer's messages reach
 * @failure: found in one of GnuTLS's callbacks, more telling than its error
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
