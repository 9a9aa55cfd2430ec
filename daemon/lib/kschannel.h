/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * libkschannel: the security context for programs that carry its tokens themselves;
 * see libkschannel(3). Keys never come here: they stay in the kernel, until a
 * context is attached to a connected TCP socket.
 *
 * Functions that return int return 0, or a negative errno. One context is for one
 * thread at a time; different ones, and credentials, are for any.
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

/* Have steps come to KSC_STATUS_INCOMPLETE_CREDENTIALS */
#define KSCHANNEL_PICK (1U << 1)

struct kschannel_credential;
struct kschannel_context;

/**
 * struct kschannel_params - what a credential is to be
 * @role: KSC_ROLE_CLIENT or KSC_ROLE_SERVER; one credential can't be both
 * @name: its name in kschanneld.conf(5), up to KSC_MAX_NAME bytes, or NULL for
 *	the default
 * @alpn: ProtocolNameList without its outer length, or NULL
 * @alpn_len: its bytes, up to KSC_MAX_ALPN
 * @verify: what is asked of the peer's certificate
 * @timeout: milliseconds that a handshake may take, up to KSC_MAX_HANDSHAKE_TIMEOUT,
 *	or 0 for KSC_DEFAULT_HANDSHAKE_TIMEOUT
 * @flags: KSCHANNEL_PICK, for a client's that has no certificate, or 0
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
 * struct kschannel_step - what a step came to
 * @status: KSC_STATUS_OK: done; send the token if there is one, then attach.
 *	KSC_STATUS_CONTINUE_NEEDED: send the token if there is one; step again with
 *	what is left of the input, if anything, else wait for more.
 *	KSC_STATUS_INCOMPLETE_MESSAGE: nothing happened; step again with more.
 *	KSC_STATUS_VERIFY_NEEDED, with KSC_VERIFY_MANUAL alone: send the token if there
 *	is one, judge the peer and go on by kschannel_judge_peer().
 *	KSC_STATUS_INCOMPLETE_CREDENTIALS, with KSCHANNEL_PICK alone: send the token if
 *	there is one and go on by kschannel_pick_credential().
 *	Any other: it has failed; send the token, which is an alert, and delete it
 * @consumed: bytes of the input that were used up, from its start; with
 *	KSC_STATUS_OK the rest goes to kschannel_attach()
 * @need: with KSC_STATUS_INCOMPLETE_MESSAGE, how many more bytes are wanted at least
 * @token: bytes for the peer, valid until the context's next step or deletion
 * @token_len: how many, perhaps 0
 * @alert: the TLS alert, if @direction says that there was one
 * @direction: which way it went
 * @text: with a failure, one line that explains it; with KSC_STATUS_VERIFY_NEEDED,
 *	the faults in words; else empty
 * @faults: with KSC_STATUS_VERIFY_NEEDED, enum ksc_fault, 0 for none
 * @chain: with KSC_STATUS_VERIFY_NEEDED, the peer's certificates in DER, its own
 *	first, each after its length in three bytes, the highest first; valid until the
 *	context's next step or deletion
 * @chain_len: its bytes, up to KSC_MAX_CHAIN
 * @issuers: with KSC_STATUS_INCOMPLETE_CREDENTIALS, DER names of the issuers that the
 *	server accepts, each after its length in two bytes, the highest first; valid like
 *	@chain
 * @issuers_len: its bytes, up to KSC_MAX_CHAIN; 0 says nothing
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
 * struct kschannel_sizes - what records add, in bytes
 * @header: before the data
 * @trailer: behind it, at most
 * @max_message: most data in one record
 */
struct kschannel_sizes {
	size_t header;
	size_t trailer;
	size_t max_message;
};

/**
 * enum kschannel_control - what kschannel_apply_control() is to say to the peer
 * @KSCHANNEL_SHUTDOWN: close_notify: nothing follows; what the peer sends does
 * @KSCHANNEL_ALERT: an alert
 */
enum kschannel_control {
	KSCHANNEL_SHUTDOWN,
	KSCHANNEL_ALERT,
};

/* Bytes of a channel binding tls-server-end-point, at most */
#define KSCHANNEL_END_POINT_MAX 64

/**
 * struct kschannel_cipher - how the connection is protected, and where its keys are from
 * @version: as on the wire: 0x0303 TLS 1.2, 0x0304 TLS 1.3
 * @suite: IANA number
 * @suite_name: IANA name
 * @cipher: the AEAD's name, as in kschanneld.conf(5); it authenticates, too
 * @cipher_bits: of its key
 * @tag_bits: of what it authenticates with
 * @hash: name of the hash that keys are derived with
 * @hash_bits: of its output
 * @group: IANA number of the key exchange's group, or 0 if it is not known
 * @group_name: its IANA name, or NULL
 * @signature: IANA number of the server's signature scheme, 0 in a resumed session
 * @signature_name: its name in RFC 8446, or NULL
 *
 * Names live as long as the program.
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
 * struct kschannel_session - what was asked for, and what is in force
 * @verify: what was asked of the peer's certificate
 * @pick: KSCHANNEL_PICK was asked for
 * @traits: enum ksc_trait, what is in force
 * @resumed: the session goes on with an earlier one, by a ticket
 * @id: TLS 1.2's session id
 * @id_len: its bytes, perhaps 0
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

/* Bytes of the channel binding tls-exporter */
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
