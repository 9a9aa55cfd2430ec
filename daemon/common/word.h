/* SPDX-License-Identifier: GPL-2.0-only */
/* Words for numbers. */
#ifndef KSC_WORD_H
#define KSC_WORD_H

/**
 * struct ksc_word - a word of a list, which is terminated by one without text
 * @text: the word
 * @value: its value
 */
struct ksc_word {
	const char *text;
	int value;
};

#endif
