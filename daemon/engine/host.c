// SPDX-License-Identifier: GPL-2.0-only
/*
 * Checks and normalizes host names. The configuration, SNI and the comparison with a certificate
 * must use the same form: each name that is passed in is normalized here, once.
 */
#include <arpa/inet.h>
#include <string.h>
#include <gnutls/gnutls.h>

#include "engine/host.h"

/* RFC 1035, 2.3.4: 255 bytes on the wire, with one length byte for each label and the root. */
#define MAX_HOST	253
#define MAX_LABEL	63

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * Normalizes an address. The zone (RFC 4007, 11) is dropped: it names a link of this host, which
 * is never in a certificate.
 */
static bool take_address(const char *text, char *host)
{
	size_t len = strcspn(text, "%");
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr addr;

	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = '\0';
	if (!text[len] && inet_pton(AF_INET, plain, &addr) == 1) {
		memcpy(host, plain, len + 1);
		return true;
	}
	return (!text[len] || text[len + 1]) && inet_pton(AF_INET6, plain, &addr) == 1 &&
	       inet_ntop(AF_INET6, &addr, host, INET6_ADDRSTRLEN);
}

/**
 * ksc_host_is_address() - check whether a host is an address, not a name
 * @host: the host
 *
 * Return: true if it is an address
 */
bool ksc_host_is_address(const char *host)
{
	char same[KSC_MAX_NAME + 1];

	return take_address(host, same);
}

/* RFC 1123, 2.1: letters, digits and hyphens; and underscores, which names have in practice. */
static const char *check_label(const char *label, size_t len)
{
	size_t i;

	if (!len)
		return "has an empty label";
	if (len > MAX_LABEL)
		return "has a label of more than 63 bytes";
	for (i = 0; i < len; i++) {
		if (label[i] == '*')
			return "has a wildcard that is not the first label";
		if (!is_letter(label[i]) && !is_digit(label[i]) && label[i] != '-' &&
		    label[i] != '_')
			return "has a character that is not allowed in host names";
	}
	/* RFC 5890, 2.3.1 */
	if (label[0] == '-' || label[len - 1] == '-')
		return "has a label that begins or ends with a hyphen";
	return NULL;
}

static const char *check(const char *host)
{
	const char *label = host, *why;
	size_t len;

	if (strlen(host) > MAX_HOST)
		return "has more than 253 bytes";
	for (;;) {
		len = strcspn(label, ".");
		why = check_label(label, len);
		if (why)
			return why;
		if (!label[len])
			break;
		label += len + 1;
	}
	/* RFC 3696, 2. Programs parse it as an address: inet_aton() accepts 127.1. */
	return strspn(label, "0123456789") == len ? "ends in a number, but is not an address" :
						    NULL;
}

/*
 * Converts U-labels to A-labels, the form in DNS, SNI and certificates. The conversion drops
 * characters that are not allowed, so they are checked before it.
 */
static const char *to_ascii(const char *text, size_t len, char *host)
{
	gnutls_datum_t mapped;
	const char *why = NULL;
	size_t i;
	int rc;

	for (i = 0; i < len; i++) {
		if (text[i] == '_')
			return "has an underscore and letters that are not ASCII";
		if (!(text[i] & 0x80) && !is_letter(text[i]) && !is_digit(text[i]) &&
		    !strchr("-.", text[i]))
			return text[i] == '*' ? "has a wildcard that is not the first label" :
						"has a character that is not allowed in host names";
	}
	rc = gnutls_idna_map(text, (unsigned int)len, &mapped, 0);
	if (rc == GNUTLS_E_UNIMPLEMENTED_FEATURE)
		return "is not ASCII, and this GnuTLS does not support internationalized names";
	if (rc == GNUTLS_E_MEMORY_ERROR)
		return "cannot be converted: out of memory";
	if (rc < 0)
		return "is not an internationalized name (RFC 5891) in UTF-8";
	if (mapped.size > MAX_HOST)
		why = "has more than 253 bytes";
	else
		memcpy(host, mapped.data, mapped.size + 1);
	gnutls_free(mapped.data);
	return why;
}

static bool is_ascii(const char *text)
{
	for (; *text; text++)
		if (*text & 0x80)
			return false;
	return true;
}

/**
 * ksc_host_take() - check and normalize a host name or an address
 * @text: the name or address as it was entered
 * @host: KSC_MAX_NAME + 1 bytes: set to the name without the trailing dot, in ASCII
 *
 * Return: NULL, or an error text that follows the name in a message
 */
const char *ksc_host_take(const char *text, char *host)
{
	size_t len = strlen(text), i;
	const char *why;

	if (!len)
		return "is empty";
	if (len > KSC_MAX_NAME)
		return "is longer than 255 bytes";
	for (i = 0; i < len; i++)
		if ((text[i] >= 0 && text[i] <= ' ') || text[i] == 0x7f)
			return "has a blank or a control character";
	if (take_address(text, host))
		return NULL;
	/* SNI (RFC 6066, 3) and certificates have names without a trailing dot. */
	if (len > 1 && text[len - 1] == '.')
		len--;
	memcpy(host, text, len);
	host[len] = '\0';
	if (!is_ascii(host)) {
		why = to_ascii(text, len, host);
		if (why)
			return why;
	}
	return check(host);
}

/**
 * ksc_host_take_pattern() - check and normalize a name whose first label can be a star
 * @text: the name as it was entered
 * @host: KSC_MAX_NAME + 1 bytes: set as by ksc_host_take()
 *
 * Return: NULL, or an error text that follows the name
 */
const char *ksc_host_take_pattern(const char *text, char *host)
{
	bool star = text[0] == '*' && text[1] == '.';
	const char *why;

	if (star && strlen(text) > KSC_MAX_NAME)
		return "is longer than 255 bytes";
	why = ksc_host_take(star ? text + 2 : text, host);
	if (why)
		return why;
	if (ksc_host_is_address(host))
		return "is an address";
	if (!star)
		return NULL;
	if (strlen(host) + 2 > MAX_HOST)
		return "has more than 253 bytes";
	memmove(host + 2, host, strlen(host) + 1);
	host[0] = '*';
	host[1] = '.';
	return NULL;
}

/**
 * ksc_host_take_served() - check and normalize a name that clients can ask a server for
 * @text: the name as it was entered; its first label can be a star
 * @host: KSC_MAX_NAME + 1 bytes: set as by ksc_host_take()
 *
 * Return: NULL, or an error text that follows the name
 */
const char *ksc_host_take_served(const char *text, char *host)
{
	const char *why = ksc_host_take_pattern(text, host);

	if (why)
		return why;
	/* GnuTLS, like others, fails a handshake in which a client asks for one. */
	if (strchr(host, '_'))
		return "has an underscore, which clients cannot send (RFC 6066)";
	/* RFC 6125, 7.2: clients do not accept such a certificate either. */
	if (host[0] == '*' && !strchr(host + 2, '.'))
		return "matches all names of a top-level domain";
	return NULL;
}

/**
 * ksc_host_next() - split the first name off a list
 * @list: names, separated by commas
 * @host: KSC_MAX_NAME + 1 bytes: set to the first name
 *
 * Return: the rest of the list, or NULL at its end
 */
const char *ksc_host_next(const char *list, char *host)
{
	size_t len = strcspn(list, ",");

	if (len > KSC_MAX_NAME)
		len = KSC_MAX_NAME;
	memcpy(host, list, len);
	host[len] = '\0';
	return list[len] ? list + len + 1 : NULL;
}

/**
 * ksc_host_is_unknown() - check a list for an unknown name
 * @list: the list
 *
 * Return: true if KSC_HOST_UNKNOWN is in it
 */
bool ksc_host_is_unknown(const char *list)
{
	char host[KSC_MAX_NAME + 1];

	while (list) {
		list = ksc_host_next(list, host);
		if (!strcmp(host, KSC_HOST_UNKNOWN))
			return true;
	}
	return false;
}

/**
 * ksc_host_take_list() - check and normalize the names that a server's certificate must match
 * @text: names, separated by commas; KSC_HOST_UNKNOWN for an unknown one
 * @list: KSC_MAX_NAME + 1 bytes: set to the list, each name as by ksc_host_take()
 *
 * Return: NULL, or an error text that follows the list
 */
const char *ksc_host_take_list(const char *text, char *list)
{
	char one[KSC_MAX_NAME + 1], host[KSC_MAX_NAME + 1];
	const char *why;
	size_t at = 0, len;

	if (strlen(text) > KSC_MAX_NAME)
		return "is longer than 255 bytes";
	while (text) {
		text = ksc_host_next(text, one);
		why = strcmp(one, KSC_HOST_UNKNOWN) ? ksc_host_take(one, host) : NULL;
		if (why)
			return why;
		if (!strcmp(one, KSC_HOST_UNKNOWN))
			memcpy(host, one, sizeof(KSC_HOST_UNKNOWN));
		len = strlen(host);
		/* A-labels are longer than U-labels. */
		if (at + 1 + len > KSC_MAX_NAME)
			return "is longer than 255 bytes in ASCII";
		if (at)
			list[at++] = ',';
		memcpy(list + at, host, len + 1);
		at += len;
	}
	return NULL;
}

/**
 * ksc_host_can_be_asked_for() - check whether a client can send a name in SNI
 * @host: normalized by ksc_host_take(), or KSC_HOST_UNKNOWN
 *
 * RFC 6066, 3: addresses are not sent. And servers, those with GnuTLS among them, fail the
 * handshake if a name has an underscore.
 *
 * Return: true if it can
 */
bool ksc_host_can_be_asked_for(const char *host)
{
	return *host && strcmp(host, KSC_HOST_UNKNOWN) && !strchr(host, '_') &&
	       !ksc_host_is_address(host);
}
