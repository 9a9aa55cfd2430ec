// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's text about an error, NLMSGERR_ATTR_MSG. */
#include <netlink/attr.h>
#include <netlink/msg.h>

#include "common/extack.h"

/**
 * ksc_extack_text() - get the extack text of an error message
 * @err: the message's payload; its header precedes it in memory
 * @text: gets it, or ""
 */
void ksc_extack_text(const struct nlmsgerr *err, char text[KSC_MAX_EXTACK])
{
	const struct nlmsghdr *head = (const struct nlmsghdr *)((const char *)err - NLMSG_HDRLEN);
	struct nlattr *tb[NLMSGERR_ATTR_MAX + 1];
	size_t skip = sizeof(*err);
	int left;

	text[0] = '\0';
	if (!(head->nlmsg_flags & NLM_F_ACK_TLVS))
		return;
	/* the failed message comes first, unless it is truncated */
	if (!(head->nlmsg_flags & NLM_F_CAPPED))
		skip += NLMSG_ALIGN(err->msg.nlmsg_len) - NLMSG_HDRLEN;
	left = (int)head->nlmsg_len - (int)NLMSG_HDRLEN - (int)skip;
	if (left > 0 && !nla_parse(tb, NLMSGERR_ATTR_MAX, (struct nlattr *)((char *)err + skip),
				   left, NULL) && tb[NLMSGERR_ATTR_MSG])
		nla_strlcpy(text, tb[NLMSGERR_ATTR_MSG], KSC_MAX_EXTACK);
}
