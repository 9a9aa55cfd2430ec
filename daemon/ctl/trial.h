/* SPDX-License-Identifier: GPL-2.0-only */
/* trial.c: a connection to test the policy with. */
#ifndef KSC_CTL_TRIAL_H
#define KSC_CTL_TRIAL_H

#include <stdbool.h>

#include "ctl/policy.h"

/**
 * struct ctl_trial - the command line of "policy test"
 * @flow: the connection
 * @from: the other end, if it was given
 * @json: print JSON
 */
struct ctl_trial {
	struct ctl_flow flow;
	union ctl_address from;
	bool json;
};

void ctl_trial_parse(int argc, char **argv, struct ctl_trial *trial);

#endif /* KSC_CTL_TRIAL_H */
