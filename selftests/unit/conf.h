/* SPDX-License-Identifier: GPL-2.0-only */
/* conf.c: a configuration file of a test's, and the complaints when it is loaded. */
#ifndef KSC_TEST_CONF_H
#define KSC_TEST_CONF_H

#include "config/config.h"
#include "side.h"

#define CERTS	KSC_TEST_CERTS

/* A section that is in order, of four lines */
#define SERVER	"[credential s]\nrole = server\ncert = " CERTS "/server.pem\n" \
		"key = " CERTS "/server.key\n"

#define CONF_PATH	64

extern char path[CONF_PATH];

int make_path(void **state);
int remove_path(void **state);
void write_bytes(const char *bytes, size_t len);
struct ksc_config *load_bytes(const char *bytes, size_t len, char **text);
struct ksc_config *load(const char *text, char **complaints);
void good(const char *text, struct ksc_config **config);
void bad(const char *text, const char *wanted);
const char *said_of(void (*say)(const char *name), const char *text);
const struct ksc_credential *find(const struct ksc_config *config, const char *name);

#endif
