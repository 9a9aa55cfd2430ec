/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libkschannel: security contexts for programs that carry the tokens themselves; see
 * libkschannel(3). The process never has the keys: they stay in the kernel, where a context is
 * attached to a connected TCP socket.
 *
 * Functions that return int return 0 or a negative errno. A context can be used by one thread at a
 * time; different contexts, and credentials, by any number of threads.
 */
#ifndef KSCHANNEL_H
#define KSCHANNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/kschannel.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Don't wait for the daemon: -EAGAIN, then poll kschannel_fd() and kschannel_result() */
#define KSCHANNEL_NONBLOCK (1U << 0)

/* Let steps return KSC_STATUS_INCOMPLETE_CREDENTIALS */
#define KSCHANNEL_PICK (1U << 1)

struct kschannel_credential;
struct kschannel_context;

/**
 * struct kschannel_params - parameters of a credential
 * @role: KSC_ROLE_CLIENT or KSC_ROLE_SERVER; one credential cannot be both
 * @name: its name in kschanneld.conf(5), up to KSC_MAX_NAME bytes, or NULL for
 *	the default
 * @alpn: ProtocolNameList without its outer length, or NULL
 * @alpn_len: its size in bytes, up to KSC_MAX_ALPN
 * @verify: how the peer's certificate is verified
 * @timeout: time limit of a handshake in milliseconds, up to KSC_MAX_HANDSHAKE_TIMEOUT, or 0 for
 *	KSC_DEFAULT_HANDSHAKE_TIMEOUT
 * @flags: KSCHANNEL_PICK, for a client without a certificate, or 0
 */
struct kschannel_params {
	enum ksc_role role;
	const char *name;
	const void *alpn;
	size_t alpn_len;
	enum ksc_verify verify;
	unsigned int timeout;
	unsigned int flags;
};

/**
 * struct kschannel_step - result of a step
 * @status: KSC_STATUS_OK: the handshake is done; send the token if there is one, then attach.
 *	KSC_STATUS_CONTINUE_NEEDED: send the token if there is one; perform the next step with
 *	the rest of the input, or wait for more if there is none.
 *	KSC_STATUS_INCOMPLETE_MESSAGE: nothing was consumed; perform the step again with more input.
 *	KSC_STATUS_VERIFY_NEEDED, only with KSC_VERIFY_MANUAL: send the token if there is one,
 *	judge the peer and continue by kschannel_judge_peer().
 *	KSC_STATUS_INCOMPLETE_CREDENTIALS, only with KSCHANNEL_PICK: send the token if there is
 *	one and continue by kschannel_pick_credential().
 *	Any other: the handshake failed; send the token, which is an alert, and delete the context
 * @consumed: bytes of the input that were consumed, from its start; with
 *	KSC_STATUS_OK the rest goes to kschannel_attach()
 * @need: with KSC_STATUS_INCOMPLETE_MESSAGE, the least number of additional bytes needed
 * @token: bytes for the peer, valid until the context's next step or deletion
 * @token_len: number of bytes, may be 0
 * @alert: the TLS alert, if @direction says that there was one
 * @direction: whether it was sent or received
 * @text: after a failure, one line that explains it; with KSC_STATUS_VERIFY_NEEDED,
 *	the faults in words; otherwise ""
 * @faults: with KSC_STATUS_VERIFY_NEEDED, enum ksc_fault, 0 for none
 * @chain: with KSC_STATUS_VERIFY_NEEDED, the peer's certificates in DER, the leaf first, each
 *	after its length in three bytes, most significant byte first; valid until the context's
 *	next step or deletion
 * @chain_len: its size in bytes, up to KSC_MAX_CHAIN
 * @issuers: with KSC_STATUS_INCOMPLETE_CREDENTIALS, DER names of the issuers that the server
 *	accepts, each after its length in two bytes, most significant byte first; valid as long as
 *	@chain
 * @issuers_len: its size in bytes, up to KSC_MAX_CHAIN; 0 if the server sent none
 */
struct kschannel_step {
	enum ksc_status status;
	size_t consumed;
	size_t need;
	const void *token;
	size_t token_len;
	uint8_t alert;
	enum ksc_direction direction;
	char text[KSC_MAX_TEXT + 1];
	uint32_t faults;
	const void *chain;
	size_t chain_len;
	const void *issuers;
	size_t issuers_len;
};

/**
 * struct kschannel_sizes - overhead of records, in bytes
 * @header: before the data
 * @trailer: after the data, at most
 * @max_message: maximum size of the data in one record
 */
struct kschannel_sizes {
	size_t header;
	size_t trailer;
	size_t max_message;
};

/**
 * enum kschannel_control - which alert kschannel_apply_control() sends
 * @KSCHANNEL_SHUTDOWN: close_notify: no more data is sent; the peer's can still be received
 * @KSCHANNEL_ALERT: an alert
 */
enum kschannel_control {
	KSCHANNEL_SHUTDOWN,
	KSCHANNEL_ALERT,
};

/* Maximum size of a channel binding tls-server-end-point, in bytes */
#define KSCHANNEL_END_POINT_MAX 64

/**
 * struct kschannel_cipher - how the connection is protected, and how its keys were derived
 * @version: as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3
 * @suite: IANA number
 * @suite_name: IANA name
 * @cipher: the AEAD's name, as in kschanneld.conf(5); it also authenticates
 * @cipher_bits: size of its key in bits
 * @tag_bits: size of its authentication tag in bits
 * @hash: name of the hash function of the key derivation
 * @hash_bits: size of its output in bits
 * @group: IANA number of the key exchange's group, or 0 if it is unknown
 * @group_name: its IANA name, or NULL
 * @signature: IANA number of the server's signature scheme, 0 in a resumed session
 * @signature_name: its name in RFC 8446, or NULL
 *
 * The names are valid as long as the process runs.
 */
struct kschannel_cipher {
	uint16_t version;
	uint16_t suite;
	const char *suite_name;
	const char *cipher;
	unsigned int cipher_bits;
	unsigned int tag_bits;
	const char *hash;
	unsigned int hash_bits;
	uint16_t group;
	const char *group_name;
	uint16_t signature;
	const char *signature_name;
};

/**
 * struct kschannel_session - what was requested, and what is in force
 * @verify: the requested verification of the peer's certificate
 * @pick: KSCHANNEL_PICK was requested
 * @traits: enum ksc_trait, what is in force
 * @resumed: an earlier session was resumed, by a ticket
 * @id: TLS 1.2's session ID
 * @id_len: its size in bytes, may be 0
 */
struct kschannel_session {
	enum ksc_verify verify;
	bool pick;
	uint32_t traits;
	bool resumed;
	uint8_t id[32];
	size_t id_len;
};

int kschannel_acquire_credential(struct kschannel_credential **credential,
				 const struct kschannel_params *params);
void kschannel_free_credential(struct kschannel_credential *credential);

int kschannel_initialize_context(struct kschannel_context **context,
				 const struct kschannel_credential *credential,
				 const char *target, unsigned int flags, const void *token,
				 size_t len, struct kschannel_step *step);
int kschannel_accept_context(struct kschannel_context **context,
			     const struct kschannel_credential *credential, unsigned int flags,
			     const void *token, size_t len, struct kschannel_step *step);
int kschannel_judge_peer(struct kschannel_context *context, enum ksc_verdict verdict,
			 uint8_t alert, unsigned int flags, const void *token, size_t len,
			 struct kschannel_step *step);
int kschannel_pick_credential(struct kschannel_context *context, const char *name,
			      unsigned int flags, const void *token, size_t len,
			      struct kschannel_step *step);
int kschannel_give_up(struct kschannel_context *context, uint8_t alert, unsigned int flags,
		      struct kschannel_step *step);
int kschannel_result(struct kschannel_context *context, struct kschannel_step *step);
int kschannel_fd(const struct kschannel_context *context);
void kschannel_delete_context(struct kschannel_context *context);

int kschannel_export_context(struct kschannel_context *context, int sock);
int kschannel_import_context(struct kschannel_context **context, int sock,
			     struct kschannel_step *step);

int kschannel_query_info(const struct kschannel_context *context, struct ksc_info *info);
int kschannel_query_sizes(const struct kschannel_context *context,
			  struct kschannel_sizes *sizes);
int kschannel_query_cipher(struct kschannel_context *context, struct kschannel_cipher *cipher);
int kschannel_query_session(struct kschannel_context *context, struct kschannel_session *session);
int kschannel_query_chain(struct kschannel_context *context, bool local, const void **chain,
			  size_t *len);
int kschannel_query_end_point(struct kschannel_context *context, void *out, size_t *len);

int kschannel_attach(struct kschannel_context *context, int fd, const void *extra, size_t len);
int kschannel_apply_control(int fd, enum kschannel_control control, uint8_t alert);
int kschannel_detach(int fd, void *rest, size_t *len);

/* Size of the channel binding tls-exporter, in bytes */
#define KSCHANNEL_BINDING_LEN 32

int kschannel_export(int fd, const char *label, const void *context, size_t context_len, void *out,
		     size_t len);
int kschannel_channel_binding(int fd, void *out);
int kschannel_context_export(struct kschannel_context *context, const char *label,
			     const void *label_context, size_t context_len, void *out, size_t len);
int kschannel_context_binding(struct kschannel_context *context, void *out);

#ifdef __cplusplus
}
#endif

#endif
