/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * powers.c: how many public-key operations there were. Every one of an RSA or DSA key, and of
 * Diffie-Hellman, is a modular power; libnettle has libgmp take it, and here that is counted
 * on the way.
 */
#ifndef KSC_TEST_POWERS_H
#define KSC_TEST_POWERS_H

extern unsigned int powers;

#endif
