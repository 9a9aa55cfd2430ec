/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * engine.c: the handshake engine. Bytes in, a step out; it has no I/O, uses the time only to verify
 * certificates, and has no state outside the session.
 */
#ifndef KSC_ENGINE_H
#define KSC_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/kschannel.h>

#include "engine/cache.h"
#include "engine/credential.h"
#include "engine/details.h"
#include "engine/keys.h"
#include "engine/rule.h"
#include "engine/verify.h"

/* struct sockaddr_in6 */
#define KSC_MAX_PEER	28

/**
 * struct ksc_engine_params - parameters of a handshake
 * @credentials: the credentials to choose from; the session takes a reference
 * @role: KSC_ROLE_CLIENT or KSC_ROLE_SERVER
 * @server_name: client: the server's name, or NULL; of several, separated by commas, the first is
 *	sent in SNI, and the certificate must match all
 * @peer_address: client: the server's address as text, which the certificate must match without a
 *	name
 * @credential: the requested credential, or NULL
 * @alpn: ProtocolNameList without its outer length
 * @alpn_len: its size in bytes, 0 for the credential's own list
 * @verify: how the peer's certificate is verified
 * @who: owner of the socket, or the application; the session takes a reference to its groups
 * @peer: client: the server's socket address, up to KSC_MAX_PEER bytes; sessions are only resumed
 *	with the same
 * @peer_len: its size in bytes
 * @pick: client: ask the caller if the server requests a certificate and the credential has none
 * @rules: the policy, or NULL; the session takes a reference
 * @rule: the rule of @rules that matches the connection, or NULL; see ksc_rule_apply()
 * @cache: client: cache of sessions, or NULL; must outlive the session
 */
struct ksc_engine_params {
	struct ksc_credentials *credentials;
	enum ksc_role role;
	const char *server_name;
	const char *peer_address;
	const char *credential;
	const uint8_t *alpn;
	size_t alpn_len;
	enum ksc_verify verify;
	struct ksc_who who;
	const void *peer;
	size_t peer_len;
	bool pick;
	struct ksc_rules *rules;
	const struct ksc_rule *rule;
	struct ksc_cache *cache;
};

/**
 * struct ksc_session_info - information about an established session
 * @alpn: the negotiated protocol, or ""
 * @server_name: the name that the client asked for, or ""
 * @peer: the peer's certificate
 * @resumed: an earlier session was resumed
 */
struct ksc_session_info {
	char alpn[KSC_MAX_NAME + 1];
	char server_name[KSC_MAX_NAME + 1];
	struct ksc_peer peer;
	bool resumed;
};

/**
 * struct ksc_step - result of a step
 * @status: the status
 * @consumed: bytes of the input that were consumed, from its start
 * @need: with KSC_STATUS_INCOMPLETE_MESSAGE, the least number of additional bytes needed
 * @token: bytes for the peer; valid until the next step or the session's end
 * @token_len: number of bytes, may be 0
 * @alert: the alert, if @direction says that there was one
 * @direction: whether it was sent or received
 * @text: after a failure, the reason
 * @keys: with KSC_STATUS_OK
 * @info: with KSC_STATUS_OK
 * @tickets: with KSC_STATUS_OK: ksc_engine_ticket() can use tickets
 * @faults: with KSC_STATUS_VERIFY_NEEDED: enum ksc_fault; @text has them in words
 * @chain: with KSC_STATUS_VERIFY_NEEDED: the peer's certificates, each after its
 *	length in three bytes; valid until the session's end
 * @chain_len: its size in bytes
 * @issuers: with KSC_STATUS_INCOMPLETE_CREDENTIALS: the names that the server accepts, each
 *	after its length in two bytes, as many as fit into KSC_MAX_CHAIN bytes; valid until
 *	the session's end
 * @issuers_len: its size in bytes
 * @details: with KSC_STATUS_OK: result of ksc_engine_details(), or NULL
 */
struct ksc_step {
	enum ksc_status status;
	size_t consumed;
	size_t need;
	const uint8_t *token;
	size_t token_len;
	uint8_t alert;
	enum ksc_direction direction;
	char text[KSC_MAX_TEXT + 1];
	struct ksc_keys keys;
	struct ksc_session_info info;
	bool tickets;
	uint32_t faults;
	const uint8_t *chain;
	size_t chain_len;
	const uint8_t *issuers;
	size_t issuers_len;
	const struct ksc_details *details;
};

struct ksc_engine;

struct ksc_engine *ksc_engine_new(const struct ksc_engine_params *params);
void ksc_engine_free(struct ksc_engine *engine);
enum ksc_status ksc_engine_step(struct ksc_engine *engine, const uint8_t *in,
				size_t len, struct ksc_step *step);
const struct ksc_credential *ksc_engine_credential(const struct ksc_engine *engine);
int ksc_engine_details(const struct ksc_engine *engine, const struct ksc_session_info *info,
		       struct ksc_details *details);
void ksc_engine_give_up(struct ksc_engine *engine, enum ksc_status status, uint8_t alert,
			const char *text);
void ksc_engine_decide(struct ksc_engine *engine, enum ksc_verdict verdict, uint8_t alert);
void ksc_engine_pick(struct ksc_engine *engine, const char *credential);
int ksc_engine_ticket(struct ksc_engine *engine, const uint8_t *msg, size_t len);

/* status.c */
void ksc_step_wipe(struct ksc_step *step);
enum ksc_status ksc_status_of(gnutls_session_t tls, int rc, int *alert);
const char *ksc_alert_name(int number);
void ksc_text_printable(char text[KSC_MAX_TEXT + 1]);

/**
 * ksc_status_is_failure() - check whether a status ends the context
 * @status: the status
 *
 * Return: true if no further step is possible
 */
static inline bool ksc_status_is_failure(enum ksc_status status)
{
	return status >= KSC_STATUS_INTERNAL_ERROR;
}

#endif
