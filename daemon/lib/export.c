// SPDX-License-Identifier: GPL-2.0-only
/* Secrets that only the two ends of a connection can derive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/internal.h"

/* RFC 9266 2 */
#define BINDING_LABEL "EXPORTER-Channel-Binding"

/* Allocates a request with room for the result; NULL with errno */
static struct ksc_export *make_request(const char *label, const void *context, size_t context_len,
				       size_t len, size_t *size)
{
	const size_t label_len = strlen(label);
	struct ksc_export *e;

	if (!label_len || label_len > KSC_MAX_EXPORT_LABEL || context_len > UINT16_MAX || !len ||
	    len > KSC_MAX_EXPORT) {
		errno = EINVAL;
		return NULL;
	}
	*size = sizeof(*e) + label_len + context_len + len;
	e = calloc(1, *size);
	if (!e)
		return NULL;
	e->label_len = (uint16_t)label_len;
	e->context_len = (uint16_t)context_len;
	e->out_len = (uint16_t)len;
	memcpy(e->data, label, label_len);
	if (context) {
		e->flags = KSC_EXPORT_F_CONTEXT;
		memcpy(e->data + label_len, context, context_len);
	}
	return e;
}

/* The result has replaced the request; no copy remains. */
static void finish(struct ksc_export *e, size_t size, void *out, size_t len)
{
	if (out)
		memcpy(out, e, len);
	explicit_bzero(e, size);
	free(e);
}

/**
 * kschannel_export() - derive keying material, RFC 5705 and RFC 8446 7.5
 * @fd: a protected socket
 * @label: printable ASCII, 1 to KSC_MAX_EXPORT_LABEL bytes
 * @context: the context value, or NULL for none, which differs from an empty one in TLS 1.2
 * @context_len: its size in bytes, up to 65535
 * @out: gets the keying material
 * @len: its size in bytes, 1 to KSC_MAX_EXPORT
 *
 * Return: 0 or a negative errno: those of KSC_EXPORT
 */
int kschannel_export(int fd, const char *label, const void *context, size_t context_len, void *out,
		     size_t len)
{
	struct ksc_export *e;
	socklen_t room;
	size_t size;
	int rc = 0;

	e = make_request(label, context, context_len, len, &size);
	if (!e)
		return -errno;
	room = (socklen_t)size;
	if (getsockopt(fd, SOL_KSCHANNEL, KSC_EXPORT, e, &room))
		rc = -errno;
	finish(e, size, rc ? NULL : out, len);
	return rc;
}

/**
 * kschannel_channel_binding() - derive the channel binding tls-exporter, RFC 9266
 * @fd: a protected socket
 * @out: gets KSCHANNEL_BINDING_LEN bytes
 *
 * Return: 0 or a negative errno: those of KSC_EXPORT
 */
int kschannel_channel_binding(int fd, void *out)
{
	return kschannel_export(fd, BINDING_LABEL, "", 0, out, KSCHANNEL_BINDING_LEN);
}

/* Why there are no keys to derive from; 0 if there are */
static int has_no_keys(const struct kschannel_context *context)
{
	switch (context->state) {
	case KSCHANNEL_DONE:
		return 0;
	case KSCHANNEL_OPEN:
		return -ENOTCONN;
	case KSCHANNEL_ATTACHED:
		return -ESTALE;
	default:
		return -ECONNABORTED;
	}
}

/**
 * kschannel_context_export() - derive keying material of a context that is not attached
 * @context: the context, whose handshake is done
 * @label: printable ASCII, 1 to KSC_MAX_EXPORT_LABEL bytes
 * @label_context: the context value, or NULL for none, which differs from an empty one in TLS 1.2
 * @context_len: its size in bytes, up to 65535
 * @out: gets the keying material
 * @len: its size in bytes, 1 to KSC_MAX_EXPORT
 *
 * Return: 0 or a negative errno: -EINVAL for a length out of range or a label that is not allowed;
 * -ENOTCONN before the handshake is done, -ECONNABORTED if it has failed;
 * -ENODATA with TLS 1.2 without extended master secret; -ESTALE after kschannel_attach()
 */
int kschannel_context_export(struct kschannel_context *context, const char *label,
			     const void *label_context, size_t context_len, void *out, size_t len)
{
	struct ksc_export *e;
	size_t size;
	int rc;

	e = make_request(label, label_context, context_len, len, &size);
	if (!e)
		return -errno;
	rc = has_no_keys(context);
	if (!rc && ioctl(context->key, KSC_KEY_EXPORT, e))
		rc = -errno;
	finish(e, size, rc ? NULL : out, len);
	return rc;
}

/**
 * kschannel_context_binding() - derive the channel binding tls-exporter of a context
 * @context: the context, whose handshake is done and which is not attached
 * @out: gets KSCHANNEL_BINDING_LEN bytes
 *
 * Return: as kschannel_context_export()
 */
int kschannel_context_binding(struct kschannel_context *context, void *out)
{
	return kschannel_context_export(context, BINDING_LABEL, "", 0, out, KSCHANNEL_BINDING_LEN);
}
