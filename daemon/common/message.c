// SPDX-License-Identifier: GPL-2.0-only
/*
 * Messages on the context socket, for both sides: one netlink message in each datagram. The sender
 * is not trusted; a message that violates the specification is rejected here.
 */
#include <errno.h>
#include <netlink/attr.h>

#include "common/message.h"

/*
 * The size of everything that is not counted as room: for a step, three names and a list of
 * protocols. libnl clears the whole buffer of a message, used or not.
 */
#define REST	1536

static uint32_t number(const struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case sizeof(uint8_t):
		return nla_get_u8(attr);
	case sizeof(uint16_t):
		return nla_get_u16(attr);
	default:
		return nla_get_u32(attr);
	}
}

/* libnl keeps the last of duplicate attributes, and ignores unknown ones. */
static int check_types(struct nlattr *attrs, int len, uint64_t allowed, uint64_t *found)
{
	struct nlattr *attr;
	int left;

	*found = 0;
	nla_for_each_attr(attr, attrs, len, left) {
		const int type = nla_type(attr);
		const uint64_t bit = type < 64 ? UINT64_C(1) << type : 0;

		if (!(allowed & bit) || *found & bit)
			return -EINVAL;
		*found |= bit;
	}
	/* neither trailing bytes, nor missing padding of the last attribute */
	return left ? -EINVAL : 0;
}

/* Nests contain numbers and strings, but no nests. */
static int check_values(const struct ksc_message_set *set, struct nlattr **tb);

static int check_nest(const struct ksc_message_set *set, struct nlattr *nest)
{
	struct nlattr *tb[KSC_M_MAX + 1];
	uint64_t found;

	if (check_types(nla_data(nest), nla_len(nest), (UINT64_C(2) << set->last) - 2, &found) ||
	    nla_parse_nested(tb, (int)set->last, nest, set->policy) < 0)
		return -EINVAL;
	return check_values(set, tb);
}

static int check_values(const struct ksc_message_set *set, struct nlattr **tb)
{
	unsigned int i;

	for (i = 1; i <= set->last; i++) {
		const struct ksc_message_attr *attr = &set->attrs[i];

		if (!tb[i])
			continue;
		/* libnl accepts a flag with a value */
		if (set->policy[i].type == NLA_FLAG && nla_len(tb[i]))
			return -EINVAL;
		if (attr->max && (number(tb[i]) < attr->min || number(tb[i]) > attr->max))
			return -ERANGE;
		if (attr->nested && check_nest(attr->nested, tb[i]))
			return -EINVAL;
	}
	return 0;
}

/**
 * ksc_message_parse() - validate and parse a message
 * @data: the datagram, aligned as a netlink message
 * @len: its size in bytes
 * @daemon: the sender is the daemon
 * @tb: set to its attributes, which comply with the specification, including nested ones
 * @why: set to the reason for an error
 *
 * Return: enum ksc_message; -EBADMSG if it is not a message at all, so that it has no number to
 * reply to; or -EINVAL
 */
int ksc_message_parse(void *data, size_t len, bool daemon, struct nlattr *tb[KSC_M_MAX + 1],
		      const char **why)
{
	struct nlmsghdr *head = data;
	const struct ksc_message_kind *kind;
	uint64_t found;
	int rc;

	*why = "no message";
	if (len < (size_t)NLMSG_HDRLEN || head->nlmsg_len != len || head->nlmsg_flags ||
	    head->nlmsg_pid || head->nlmsg_type < KSC_MESSAGE_STEP ||
	    head->nlmsg_type > KSC_MESSAGE_MAX)
		return -EBADMSG;
	kind = &ksc_message_kinds[head->nlmsg_type];
	if (!kind->daemon != !daemon)
		return -EBADMSG;
	*why = "attributes that are unknown, repeated, or not this message's";
	if (check_types(nlmsg_attrdata(head, 0), nlmsg_attrlen(head, 0), kind->allowed, &found))
		return -EINVAL;
	*why = "an attribute is missing";
	if (kind->required & ~found)
		return -EINVAL;
	*why = "an attribute is malformed";
	if (nlmsg_parse(head, 0, tb, KSC_M_MAX, ksc_message_set.policy) < 0)
		return -EINVAL;
	rc = check_values(&ksc_message_set, tb);
	if (rc == -ERANGE)
		*why = "an attribute is out of range";
	return rc ? -EINVAL : head->nlmsg_type;
}

/**
 * ksc_message_new() - begin a message
 * @kind: enum ksc_message
 * @number: its number, or the number of the request that it replies to
 * @room: size of its tokens and chains in bytes, at most
 *
 * Return: the message, or NULL
 */
struct nl_msg *ksc_message_new(enum ksc_message kind, uint32_t number, size_t room)
{
	struct nl_msg *msg = nlmsg_alloc_size(room + REST);

	if (msg && !nlmsg_put(msg, 0, number, kind, 0, 0)) {
		nlmsg_free(msg);
		msg = NULL;
	}
	return msg;
}
