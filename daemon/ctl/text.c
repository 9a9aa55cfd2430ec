// SPDX-License-Identifier: GPL-2.0-only
/* Text for people: escaping, addresses, numbers. */
#include <err.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <wchar.h>
#include <wctype.h>

#include "common/address.h"
#include "ctl/ctl.h"

/**
 * ctl_alloc() - check an allocation; exits if it failed
 * @ptr: result of an allocating function
 * Return: @ptr
 */
void *ctl_alloc(void *ptr)
{
	if (!ptr)
		errx(EXIT_FAILURE, "out of memory");
	return ptr;
}

/**
 * ctl_escape() - make text that a peer can influence safe for a terminal
 * @text: any bytes
 *
 * Bytes that are not part of a visible character in the locale's encoding become \xNN. Escape
 * sequences, bidirectional controls and other invisible characters do not reach the terminal.
 *
 * Return: a new string
 */
char *ctl_escape(const char *text)
{
	size_t left = strlen(text);
	char *out = ctl_alloc(malloc(4 * left + 1));
	mbstate_t state = { 0 };
	char *p = out;

	while (left) {
		wchar_t wc;
		size_t len = mbrtowc(&wc, text, left, &state);

		if (len && len <= left && wc != L'\\' && iswprint((wint_t)wc) && wcwidth(wc) > 0) {
			memcpy(p, text, len);
			p += len;
		} else {
			p += sprintf(p, "\\x%02x", (unsigned char)*text);
			len = 1;
			memset(&state, 0, sizeof(state));
		}
		text += len;
		left -= len;
	}
	*p = '\0';
	return out;
}

/**
 * ctl_utf8() - make text valid UTF-8, as JSON requires
 * @text: any bytes
 * Return: a new string, with U+FFFD in place of each invalid byte
 */
char *ctl_utf8(const char *text)
{
	static const char replacement[] = "\xef\xbf\xbd";
	size_t left = strlen(text);
	char *out = ctl_alloc(malloc(3 * left + 1));
	char *p = out;

	while (left) {
		ucs4_t c;
		const int len = u8_mbtoucr(&c, (const uint8_t *)text, left);
		const size_t taken = len > 0 ? (size_t)len : 1;

		p = mempcpy(p, len > 0 ? text : replacement, len > 0 ? taken : 3);
		text += taken;
		left -= taken;
	}
	*p = '\0';
	return out;
}

/**
 * ctl_address() - format an address and port
 * @attr: struct sockaddr_in or sockaddr_in6, or NULL
 * Return: a new string, "*" if there is no address
 */
char *ctl_address(const struct nlattr *attr)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in6 in6;
	} addr = { .sa.sa_family = AF_UNSPEC };
	char text[INET6_ADDRSTRLEN + IF_NAMESIZE + 16], scope[IF_NAMESIZE + 1] = "%";

	if (attr)
		nla_memcpy(&addr, (struct nlattr *)attr, sizeof(addr));
	if (addr.sa.sa_family != AF_INET6 || !addr.in6.sin6_scope_id ||
	    !if_indextoname(addr.in6.sin6_scope_id, scope + 1))
		scope[0] = '\0';
	if (!ksc_socket_print(&addr.sa, scope, text, sizeof(text)))
		return ctl_alloc(strdup("*"));
	return ctl_alloc(strdup(text));
}

/**
 * ctl_hex() - format bytes in hexadecimal
 * @data: the bytes
 * @len: number of bytes
 * Return: a new string
 */
char *ctl_hex(const void *data, size_t len)
{
	char *out = ctl_alloc(malloc(2 * len + 1));

	out[0] = '\0';
	for (size_t i = 0; i < len; i++)
		sprintf(out + 2 * i, "%02x", ((const unsigned char *)data)[i]);
	return out;
}

/**
 * ctl_parse_id() - parse a socket's ID
 * @text: a decimal number
 * @id: gets the ID
 * Return: whether @text is an ID
 */
bool ctl_parse_id(const char *text, uint64_t *id)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*id = strtoull(text, &end, 10);
	return !*end && !errno;
}
