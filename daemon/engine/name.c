// SPDX-License-Identifier: GPL-2.0-only
/* Names for a handshake: the server's, application protocols. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/credential.h"
#include "engine/host.h"
#include "engine/name.h"

/**
 * ksc_name_copy() - copy a name
 * @to: destination, KSC_MAX_NAME + 1 bytes, zeroed
 * @from: the name, or NULL
 *
 * Return: 0, or -EINVAL if it is too long
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
 * ksc_name_drop_dot() - drop the trailing dot, as RFC 6066, 3 requires
 * @name: the name
 */
void ksc_name_drop_dot(char *name)
{
	size_t len = strlen(name);

	if (len > 1 && name[len - 1] == '.')
		name[len - 1] = '\0';
}

/**
 * ksc_name_settle() - determine the server's names for SNI and verification
 * @given: the names from the caller, may be NULL or ""
 * @address: the address that the client is connected to, or NULL
 * @names: KSC_MAX_NAME + 1 bytes, zeroed: set to the normalized names
 * @reference: KSC_MAX_NAME + 1 bytes, zeroed: set to what the certificate must match
 *
 * An invalid name cannot be sent in SNI, nor be compared with a certificate.
 *
 * Return: NULL, or an error text that follows the name
 */
const char *ksc_name_settle(const char *given, const char *address, char *names, char *reference)
{
	const char *why;

	if (!given || !*given) {
		if (address && *address)
			(void)ksc_host_take(address, reference);
		return NULL;
	}
	why = ksc_host_take_list(given, names);
	if (!why)
		memcpy(reference, names, strlen(names) + 1);
	return why;
}

/**
 * ksc_alpn_add() - append an application protocol; the first has the highest preference
 * @list: ProtocolNameList, freed by the caller; or NULL
 * @len: its size in bytes
 * @protocol: for instance "h2"
 *
 * Return: 0, -EINVAL if it is empty or too long or the list is full, or -ENOMEM
 */
int ksc_alpn_add(uint8_t **list, size_t *len, const char *protocol)
{
	size_t size = strlen(protocol), at = 0, n = 0;
	uint8_t *bigger;

	while (at < *len) {
		at += 1 + (*list)[at];
		n++;
	}
	if (!size || size > KSC_MAX_ALPN_NAME || n == KSC_MAX_ALPN_NAMES)
		return -EINVAL;
	bigger = realloc(*list, *len + 1 + size);
	if (!bigger)
		return -ENOMEM;
	bigger[*len] = (uint8_t)size;
	/* Not a string: it has a length and no NUL. */
	memcpy(bigger + *len + 1, protocol, bigger[*len]);
	*list = bigger;
	*len += 1 + size;
	return 0;
}

/**
 * ksc_sni_set() - set the name for SNI
 * @tls: client's session
 * @names: a list from ksc_host_take_list(), of which the first name is sent; may be ""
 *
 * Return: 0 or a negative GnuTLS error
 */
int ksc_sni_set(gnutls_session_t tls, const char *names)
{
	char host[KSC_MAX_NAME + 1];

	ksc_host_next(names, host);
	if (!ksc_host_can_be_asked_for(host))
		return 0;
	return gnutls_server_name_set(tls, GNUTLS_NAME_DNS, host, strlen(host));
}

/**
 * ksc_alpn_set() - set the application protocols that are offered or accepted
 * @tls: the session
 * @role: our role
 * @list: ProtocolNameList
 * @len: its size in bytes, may be 0
 *
 * Return: 0 or a negative GnuTLS error, GNUTLS_E_INVALID_REQUEST if the list is malformed or too
 * long
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
	/* RFC 7301, 3.2: a server that supports none of the protocols sends an alert. */
	return gnutls_alpn_set_protocols(tls, names, n,
					 role == KSC_ROLE_SERVER ?
					 GNUTLS_ALPN_MANDATORY |
					 GNUTLS_ALPN_SERVER_PRECEDENCE : 0);
}

/**
 * ksc_alpn_selected() - get the negotiated protocol
 * @tls: the session
 * @name: filled in, "" for none
 * @size: size of @name in bytes
 */
void ksc_alpn_selected(gnutls_session_t tls, char *name, size_t size)
{
	gnutls_datum_t alpn;

	*name = '\0';
	if (gnutls_alpn_get_selected_protocol(tls, &alpn) < 0 || alpn.size >= size)
		return;
	memcpy(name, alpn.data, alpn.size);
	name[alpn.size] = '\0';
}
