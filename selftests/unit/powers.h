/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * powers.c: the number of public-key operations. Every one of an RSA or DSA key, and of
 * Diffie-Hellman, is a modular power; libnettle has libgmp compute it, and the calls are
 * counted.
 */
#ifndef KSC_TEST_POWERS_H
#define KSC_TEST_POWERS_H

extern unsigned int powers;

#endif
