// SPDX-License-Identifier: GPL-2.0-only
/* What both ends of a connection can derive, and nobody else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "kschannel.h"

/* RFC 9266 2 */
#define BINDING_LABEL "EXPORTER-Channel-Binding"

/**
 * kschannel_export() - derive keying material, RFC 5705 and RFC 8446 7.5
 * @fd: a protected socket
 * @label: printable ASCII, 1 to KSC_MAX_EXPORT_LABEL bytes
 * @context: what it is for, or NULL, which TLS 1.2 tells from an empty one
 * @context_len: its bytes, up to 65535
 * @out: where to
 * @len: bytes that are wanted, 1 to KSC_MAX_EXPORT
 *
 * Return: 0 or a negative errno: those of KSC_EXPORT
 */
int kschannel_export(int fd, const char *label, const void *context, size_t context_len, void *out,
		     size_t len)
{
	const size_t label_len = strlen(label);
	struct ksc_export *e;
	socklen_t room;
	int rc = 0;

	if (!label_len || label_len > KSC_MAX_EXPORT_LABEL || context_len > UINT16_MAX || !len ||
	    len > KSC_MAX_EXPORT)
		return -EINVAL;
	room = (socklen_t)(sizeof(*e) + label_len + context_len + len);
	e = calloc(1, room);
	if (!e)
		return -ENOMEM;
	e->label_len = (uint16_t)label_len;
	e->context_len = (uint16_t)context_len;
	e->out_len = (uint16_t)len;
	memcpy(e->data, label, label_len);
	if (context) {
		e->flags = KSC_EXPORT_F_CONTEXT;
		memcpy(e->data + label_len, context, context_len);
	}
	if (getsockopt(fd, SOL_KSCHANNEL, KSC_EXPORT, e, &room))
		rc = -errno;
	else
		memcpy(out, e, len);
	explicit_bzero(e, sizeof(*e) + label_len + context_len + len);
	free(e);
	return rc;
}

/**
 * kschannel_channel_binding() - the channel binding tls-exporter, RFC 9266
 * @fd: a protected socket
 * @out: gets KSCHANNEL_BINDING_LEN bytes
 *
 * Return: 0 or a negative errno: those of KSC_EXPORT
 */
int kschannel_channel_binding(int fd, void *out)
{
	return kschannel_export(fd, BINDING_LABEL, "", 0, out, KSCHANNEL_BINDING_LEN);
}
