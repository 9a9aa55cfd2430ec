/* SPDX-License-Identifier: GPL-2.0-only */
/* The ULP of raw mode. */
#ifndef _KSC_KTLS_KTLS_H
#define _KSC_KTLS_KTLS_H

int ksc_ktls_init(void);
void ksc_ktls_exit(void);
void ksc_ktls_free(void);

#endif /* _KSC_KTLS_KTLS_H */
