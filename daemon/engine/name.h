/* SPDX-License-Identifier: GPL-2.0-only */
/* name.c: names for a handshake: the server's, application protocols. */
#ifndef KSC_NAME_H
#define KSC_NAME_H

#include <stddef.h>
#include <stdint.h>
#include <gnutls/gnutls.h>
#include <linux/kschannel.h>

int ksc_name_copy(char *to, const char *from);
void ksc_name_drop_dot(char *name);
const char *ksc_name_settle(const char *given, const char *address, char *names, char *reference);
int ksc_alpn_add(uint8_t **list, size_t *len, const char *protocol);
int ksc_sni_set(gnutls_session_t tls, const char *names);
void ksc_alpn_selected(gnutls_session_t tls, char *name, size_t size);
int ksc_alpn_set(gnutls_session_t tls, enum ksc_role role, const uint8_t *list, size_t len);

#endif
