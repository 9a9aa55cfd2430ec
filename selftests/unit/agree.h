/* SPDX-License-Identifier: GPL-2.0-only */
/* agree.c: do we see of a certificate what GnuTLS sees? */
#ifndef KSC_TEST_AGREE_H
#define KSC_TEST_AGREE_H

#include <stdbool.h>
#include <gnutls/gnutls.h>

const char *agree_not(const gnutls_datum_t *der, bool *split);
int agree_check(const gnutls_datum_t *der);

#endif
