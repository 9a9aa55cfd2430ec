// SPDX-License-Identifier: GPL-2.0-only
/* Names that a handshake is begun with: the server's, protocols. */
#include <errno.h>
#include <string.h>

#include "credential.h"
#include "name.h"

/**
 * ksc_name_copy() - copy a name
 * @to: where to, KSC_MAX_NAME + 1 bytes of zeros
 * @from: the name, or NULL
 *
 * Return: 0, or -EINVAL when it is too long
 */
int ksc_name_copy(char *to, const char *from)
{
	size_t len = from ? strlen(from) : 0;

	if (len > KSC_MAX_NAME)
		return -EINVAL;
	if (len)
		memcpy(to, from, len + 1);
	return 0;
}

/**
 * ksc_name_drop_dot() - RFC 6066, 3: the name goes without the dot that makes it absolute
 * @name: the name
 */
void ksc_name_drop_dot(char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
}

/**
 * ksc_alpn_set() - offer protocols, or accept them
 * @tls: the session
 * @role: ours
 * @list: ProtocolNameList
 * @len: its bytes, perhaps 0
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_INVALID_REQUEST when the list is
 * malformed or too long
 */
int ksc_alpn_set(gnutls_session_t tls, enum ksc_role role, const uint8_t *list, size_t len)
{
	gnutls_datum_t names[KSC_MAX_ALPN_NAMES];
	unsigned int n = 0;
	size_t at = 0;

	while (at < len) {
		size_t size = list[at];

		if (!size || size > KSC_MAX_ALPN_NAME || size >= len - at ||
		    n == KSC_MAX_ALPN_NAMES)
			return GNUTLS_E_INVALID_REQUEST;
		names[n].data = (unsigned char *)&list[at + 1];
		names[n++].size = (unsigned int)size;
		at += 1 + size;
	}
	if (!n)
		return 0;
	/* RFC 7301, 3.2: a server that knows none of the protocols says so. */
	return gnutls_alpn_set_protocols(tls, names, n,
					 role == KSC_ROLE_SERVER ?
					 GNUTLS_ALPN_MANDATORY |
					 GNUTLS_ALPN_SERVER_PRECEDENCE : 0);
}
