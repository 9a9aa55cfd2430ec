// SPDX-License-Identifier: GPL-2.0-only
/* Names of the numbers that the kernel, the daemon and programs exchange. */
#include <stddef.h>
#include <linux/kschannel_netlink.h>

#include "common/names-gen.h"
#include "common/names.h"

const struct ksc_word ksc_directions[] = {
	{ "connect", KSC_RULE_DIRECTION_CONNECT }, { "accept", KSC_RULE_DIRECTION_ACCEPT },
	{ "both", KSC_RULE_DIRECTION_CONNECT | KSC_RULE_DIRECTION_ACCEPT }, { NULL, 0 },
};

/**
 * ksc_word_text() - find the word for a number
 * @words: the words, terminated by one without text
 * @value: the number
 *
 * Return: the word, or "unknown"
 */
const char *ksc_word_text(const struct ksc_word *words, uint32_t value)
{
	const struct ksc_word *w;

	for (w = words; w->text; w++)
		if ((uint32_t)w->value == value)
			return w->text;
	return "unknown";
}

/**
 * ksc_role_name() - name of a role
 * @role: enum ksc_role
 *
 * Return: the specification's name
 */
const char *ksc_role_name(uint32_t role)
{
	return ksc_word_text(ksc_role_words, role);
}

/**
 * ksc_phase_name() - name of a socket's phase
 * @phase: enum ksc_phase
 *
 * Return: the specification's name
 */
const char *ksc_phase_name(uint32_t phase)
{
	return ksc_word_text(ksc_phase_words, phase);
}

/**
 * ksc_status_name() - name of a status
 * @status: enum ksc_status
 *
 * Return: the specification's name
 */
const char *ksc_status_name(uint32_t status)
{
	return ksc_word_text(ksc_status_words, status);
}

/**
 * ksc_direction_name() - name of an alert's direction
 * @direction: enum ksc_direction
 *
 * Return: the specification's name
 */
const char *ksc_direction_name(uint32_t direction)
{
	return ksc_word_text(ksc_direction_words, direction);
}

/**
 * ksc_action_name() - name of a rule's action
 * @action: enum ksc_rule_action
 *
 * Return: the specification's name
 */
const char *ksc_action_name(uint32_t action)
{
	return ksc_word_text(ksc_rule_action_words, action);
}
