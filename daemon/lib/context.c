// SPDX-License-Identifier: GPL-2.0-only
/* Credentials, contexts, and the sockets that contexts are attached to. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/internal.h"

/**
 * kschannel_acquire_credential() - create a credential for contexts
 * @credential: gets it; kschannel_free_credential() frees it, at any time
 * @params: its parameters
 *
 * The first step of a context checks whether the daemon has it, and whether the user may use it.
 *
 * Return: 0, -EINVAL for an unknown role or flag, -ENAMETOOLONG, or -ENOMEM
 */
int kschannel_acquire_credential(struct kschannel_credential **credential,
				 const struct kschannel_params *params)
{
	struct kschannel_credential *cred;

	if ((params->role != KSC_ROLE_CLIENT && params->role != KSC_ROLE_SERVER) ||
	    (params->flags & ~KSCHANNEL_PICK))
		return -EINVAL;
	if ((params->name && strlen(params->name) > KSC_MAX_NAME) ||
	    params->alpn_len > KSC_MAX_ALPN)
		return -ENAMETOOLONG;
	cred = calloc(1, sizeof(*cred));
	if (!cred)
		return -ENOMEM;
	cred->role = params->role;
	cred->verify = params->verify;
	cred->timeout = params->timeout;
	cred->pick = params->flags & KSCHANNEL_PICK;
	if (params->name)
		memcpy(cred->name, params->name, strlen(params->name));
	if (params->alpn_len)
		memcpy(cred->alpn, params->alpn, params->alpn_len);
	cred->alpn_len = params->alpn_len;
	*credential = cred;
	return 0;
}

/**
 * kschannel_free_credential() - free a credential
 * @credential: the credential, or NULL
 */
void kschannel_free_credential(struct kschannel_credential *credential)
{
	free(credential);
}

/**
 * kschannel_new_context() - allocate a context that the daemon does not know yet
 *
 * Return: the context, or NULL
 */
struct kschannel_context *kschannel_new_context(void)
{
	struct kschannel_context *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = -1;
	c->key = -1;
	/* no status is known yet, and 0 would mean success */
	c->step.status = KSC_STATUS_CONTINUE_NEEDED;
	return c;
}

/* Why no step is possible; 0 if one is */
static int is_over(const struct kschannel_context *c)
{
	switch (c->state) {
	case KSCHANNEL_OPEN:
		return 0;
	case KSCHANNEL_DONE:
		return -EISCONN;
	case KSCHANNEL_ATTACHED:
		return -ESTALE;
	case KSCHANNEL_TIMED_OUT:
		return -ETIMEDOUT;
	default:
		return -ECONNABORTED;
	}
}

static int step_on(struct kschannel_context *c, const struct kschannel_request *request,
		   unsigned int flags, const void *token, size_t len, struct kschannel_step *step)
{
	int rc = c->pending ? -EBUSY : is_over(c);

	if (!rc)
		rc = kschannel_offer(c, request, token, len);
	if (!rc)
		rc = kschannel_await(c, !(flags & KSCHANNEL_NONBLOCK));
	if (!rc)
		*step = c->step;
	return rc;
}

/* Creates a context with a connection; NULL with errno */
static struct kschannel_context *begin(const struct kschannel_credential *cred, unsigned int flags)
{
	struct kschannel_context *c = kschannel_new_context();
	int rc;

	if (!c)
		return NULL;
	c->role = cred->role;
	c->verify = cred->verify;
	c->pick = cred->pick;
	rc = kschannel_connect(c, cred->timeout, !(flags & KSCHANNEL_NONBLOCK));
	if (!rc)
		return c;
	kschannel_delete_context(c);
	errno = -rc;
	return NULL;
}

static int make_step(struct kschannel_context **context, const struct kschannel_credential *cred,
		     const char *target, unsigned int flags, const void *token, size_t len,
		     struct kschannel_step *step)
{
	struct kschannel_request request = { .target = target };
	struct kschannel_context *c = *context;
	int rc;

	if (flags & ~KSCHANNEL_NONBLOCK)
		return -EINVAL;
	if (target && strlen(target) > KSC_MAX_NAME)
		return -ENAMETOOLONG;
	if (c && c->role != cred->role)
		return -EPROTOTYPE;
	if (!c)
		c = begin(cred, flags);
	if (!c)
		return -errno;
	request.begin = c->begun ? NULL : cred;
	rc = step_on(c, &request, flags, token, len, step);
	/* a context that failed to begin is deleted, unless its request is in flight */
	if (!*context && rc && !c->pending)
		kschannel_delete_context(c);
	else
		*context = c;
	return rc;
}

/**
 * kschannel_initialize_context() - perform a step of a client
 * @context: the context; NULL is replaced by a new one
 * @credential: a client's, the same at each step
 * @target: name of the server, for SNI and the name check
 * @flags: KSCHANNEL_NONBLOCK
 * @token: bytes from the peer that no step has consumed
 * @len: number of bytes; 0 for the first step, and at most 64000 are used
 * @step: gets the result
 *
 * Return: 0; -EAGAIN, -EINTR or -EMFILE if the result is pending, see kschannel_result(); or
 * another negative errno, which leaves the context unchanged, or NULL: -EBUSY while a step is in
 * progress, -EISCONN if it is done, -ESTALE if it was attached, -ECONNABORTED or -ETIMEDOUT if it
 * has failed, -EMSGSIZE if the handshake's input is too large, -EDQUOT if the user has too many
 * contexts, -EPROTOTYPE for a server's context, -EHOSTDOWN without a daemon, or if the daemon has
 * not replied before the deadline
 */
int kschannel_initialize_context(struct kschannel_context **context,
				 const struct kschannel_credential *credential,
				 const char *target, unsigned int flags, const void *token,
				 size_t len, struct kschannel_step *step)
{
	if (credential->role != KSC_ROLE_CLIENT)
		return -EPROTOTYPE;
	return make_step(context, credential, target, flags, token, len, step);
}

/**
 * kschannel_accept_context() - perform a step of a server
 * @context: the context; NULL is replaced by a new one
 * @credential: a server's, the same at each step
 * @flags: KSCHANNEL_NONBLOCK
 * @token: bytes from the peer that no step has consumed
 * @len: number of bytes
 * @step: gets the result
 *
 * Return: as kschannel_initialize_context()
 */
int kschannel_accept_context(struct kschannel_context **context,
			     const struct kschannel_credential *credential, unsigned int flags,
			     const void *token, size_t len, struct kschannel_step *step)
{
	if (credential->role != KSC_ROLE_SERVER)
		return -EPROTOTYPE;
	return make_step(context, credential, NULL, flags, token, len, step);
}

/**
 * kschannel_judge_peer() - perform the step after KSC_STATUS_VERIFY_NEEDED
 * @context: the context
 * @verdict: KSC_VERDICT_ACCEPT or KSC_VERDICT_REJECT
 * @alert: with KSC_VERDICT_REJECT: number of the alert for the peer, or 0 for bad_certificate
 * @flags: KSCHANNEL_NONBLOCK
 * @token: bytes from the peer that no step has consumed
 * @len: number of bytes, may be 0
 * @step: gets the result; after a rejection, KSC_STATUS_PEER_REJECTED
 *
 * Return: as kschannel_initialize_context(); -ENODATA if no verdict is expected
 */
int kschannel_judge_peer(struct kschannel_context *context, enum ksc_verdict verdict,
			 uint8_t alert, unsigned int flags, const void *token, size_t len,
			 struct kschannel_step *step)
{
	const struct kschannel_request request = { .verdict = verdict, .alert = alert };

	if ((flags & ~KSCHANNEL_NONBLOCK) ||
	    (verdict != KSC_VERDICT_ACCEPT && verdict != KSC_VERDICT_REJECT))
		return -EINVAL;
	return step_on(context, &request, flags, token, len, step);
}

/**
 * kschannel_pick_credential() - perform the step after KSC_STATUS_INCOMPLETE_CREDENTIALS
 * @context: the context
 * @name: name in kschanneld.conf(5) of the credential whose certificate is sent, or NULL to send
 *	none
 * @flags: KSCHANNEL_NONBLOCK
 * @token: bytes from the peer that no step has consumed
 * @len: number of bytes, may be 0
 * @step: gets the result; KSC_STATUS_NO_CREDENTIALS if no credential with a certificate has the
 *	name, KSC_STATUS_ACCESS_DENIED if the user may not use it
 *
 * Return: as kschannel_initialize_context(); -ENODATA if no credential was asked for, and
 * -ENAMETOOLONG
 */
int kschannel_pick_credential(struct kschannel_context *context, const char *name,
			      unsigned int flags, const void *token, size_t len,
			      struct kschannel_step *step)
{
	const struct kschannel_request request = { .pick = name };

	if (flags & ~KSCHANNEL_NONBLOCK)
		return -EINVAL;
	if (name && strlen(name) > KSC_MAX_NAME)
		return -ENAMETOOLONG;
	if (!context->pending && context->step.status != KSC_STATUS_INCOMPLETE_CREDENTIALS)
		return -ENODATA;
	return step_on(context, &request, flags, token, len, step);
}

/**
 * kschannel_give_up() - perform a step that aborts the handshake, in any state
 * @context: the context
 * @alert: number of the fatal alert for the peer, 1 to 255
 * @flags: KSCHANNEL_NONBLOCK
 * @step: gets the result: KSC_STATUS_CANCELLED, with the alert as its token, unless a client has
 *	not sent anything yet
 *
 * Return: as kschannel_initialize_context(), and -EINVAL
 */
int kschannel_give_up(struct kschannel_context *context, uint8_t alert, unsigned int flags,
		      struct kschannel_step *step)
{
	const struct kschannel_request request = { .alert = alert };

	if (!alert || flags & ~KSCHANNEL_NONBLOCK)
		return -EINVAL;
	return step_on(context, &request, flags, NULL, 0, step);
}

/**
 * kschannel_result() - get the result of a step that did not wait for it
 * @context: the context
 * @step: gets the result
 *
 * Return: 0, or -EAGAIN while it is pending; or the errno of the step
 */
int kschannel_result(struct kschannel_context *context, struct kschannel_step *step)
{
	int rc = kschannel_await(context, false);

	if (!rc)
		*step = context->step;
	return rc;
}

/**
 * kschannel_fd() - get a descriptor to poll for a step's result
 * @context: the context
 *
 * Return: a descriptor that becomes readable, which the caller must neither read nor close; -1 if
 * no further step is possible
 */
int kschannel_fd(const struct kschannel_context *context)
{
	return context->fd;
}

/**
 * kschannel_delete_context() - delete a context, in any state
 * @context: the context, or NULL
 *
 * A socket that it was attached to is not affected.
 */
void kschannel_delete_context(struct kschannel_context *context)
{
	if (!context)
		return;
	/* closing the descriptors frees the daemon's state of the context, and its keys */
	kschannel_drop(&context->fd);
	kschannel_drop(&context->key);
	free(context->answer);
	free(context);
}

/**
 * kschannel_query_info() - query what was negotiated
 * @context: the context
 * @info: filled in
 *
 * For an imported context, the kernel has this information. It lacks names that were too long, see
 * kschannel(7).
 *
 * Return: 0, or -ENOTCONN before the handshake is done
 */
int kschannel_query_info(const struct kschannel_context *context, struct ksc_info *info)
{
	if (!context->info.version)
		return -ENOTCONN;
	*info = context->info;
	info->role = context->role;
	info->phase = KSC_PHASE_ESTABLISHED;
	return 0;
}

/**
 * kschannel_query_sizes() - query the overhead of records
 * @context: the context
 * @sizes: filled in
 *
 * Return: 0, or -ENOTCONN before the handshake is done
 */
int kschannel_query_sizes(const struct kschannel_context *context,
			  struct kschannel_sizes *sizes)
{
	const bool v13 = context->info.version == 0x0304;
	/* RFC 7905 2: there is no explicit nonce */
	const bool chacha = (context->info.cipher_suite & 0xff00) == 0xcc00;

	if (!context->info.version)
		return -ENOTCONN;
	/* RFC 8446 5.2; RFC 5246 6.2.3.3 with RFC 5288 3 */
	sizes->header = v13 || chacha ? 5 : 5 + 8;
	sizes->trailer = v13 ? 1 + 16 : 16;
	sizes->max_message = 1 << 14;
	return 0;
}

/* Checks what would fail after the socket has got the ULP. */
static int cannot_attach(const struct kschannel_context *context, int fd)
{
	struct sockaddr_storage peer;
	socklen_t len = sizeof(peer);

	if (context->state == KSCHANNEL_ATTACHED)
		return -ESTALE;
	if (context->state != KSCHANNEL_DONE)
		return -EINPROGRESS;
	return getpeername(fd, (struct sockaddr *)&peer, &len) ? -errno : 0;
}

static int attach(const struct ksc_attach *a, int fd, size_t len)
{
	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, KSC_ULP_NAME, sizeof(KSC_ULP_NAME)) &&
	    errno != EEXIST)
		return -errno;
	return setsockopt(fd, SOL_KSCHANNEL, KSC_ATTACH, a, (socklen_t)(sizeof(*a) + len)) ?
		       -errno : 0;
}

/**
 * kschannel_attach() - attach a context's keys to a socket
 * @context: the context, whose handshake is done
 * @fd: a connected TCP socket; it gets the ULP "kschannel" unless it has it
 * @extra: bytes from the peer that the last step did not consume
 * @len: number of bytes, at most 64000
 *
 * The last token must be sent before. Afterwards the socket is as after a handshake of its own, and
 * the context can only be queried and deleted. The socket must belong to the network namespace
 * from which the context was begun.
 *
 * Return: 0; -EINPROGRESS if the handshake is not done, -ESTALE if the context was attached before,
 * or another negative errno: those of KSC_ATTACH and TCP_ULP
 */
int kschannel_attach(struct kschannel_context *context, int fd, const void *extra, size_t len)
{
	struct ksc_attach *a;
	int rc;

	if (len > KSC_MAX_TOKEN)
		return -EMSGSIZE;
	rc = cannot_attach(context, fd);
	if (rc)
		return rc;
	a = calloc(1, sizeof(*a) + len);
	if (!a)
		return -ENOMEM;
	a->fd = context->key;
	if (len)
		memcpy(a->extra, extra, len);
	rc = attach(a, fd, len);
	free(a);
	if (!rc) {
		context->state = KSCHANNEL_ATTACHED;
		kschannel_drop(&context->key);
	}
	return rc;
}

/**
 * kschannel_apply_control() - send the peer of an attached socket an alert, without a FIN
 * @fd: the socket
 * @control: which alert
 * @alert: with KSCHANNEL_ALERT, its number, 1 to 255; fatal, but for user_canceled and, in
 *	TLS 1.2, no_renegotiation
 *
 * Return: 0 or a negative errno: those of KSC_CLOSE_NOTIFY and KSC_ALERT
 */
int kschannel_apply_control(int fd, enum kschannel_control control, uint8_t alert)
{
	const int number = alert;
	int option;

	switch (control) {
	case KSCHANNEL_SHUTDOWN:
		option = KSC_CLOSE_NOTIFY;
		break;
	case KSCHANNEL_ALERT:
		option = KSC_ALERT;
		break;
	default:
		return -EINVAL;
	}
	return setsockopt(fd, SOL_KSCHANNEL, option, &number, sizeof(number)) ? -errno : 0;
}

/**
 * kschannel_detach() - continue a socket in plaintext
 * @fd: the socket; close_notify was sent and received, and all data was read
 * @rest: gets the bytes of kschannel_attach()'s @extra that follow the peer's close_notify
 * @len: size of @rest in bytes; set to the number of these bytes, usually 0
 *
 * Return: 0 or a negative errno: those of KSC_DETACH
 */
int kschannel_detach(int fd, void *rest, size_t *len)
{
	socklen_t room = *len > KSC_MAX_TOKEN ? KSC_MAX_TOKEN : (socklen_t)*len;

	if (getsockopt(fd, SOL_KSCHANNEL, KSC_DETACH, rest, &room))
		return -errno;
	*len = room;
	return 0;
}
