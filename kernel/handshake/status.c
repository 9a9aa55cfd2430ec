// SPDX-License-Identifier: GPL-2.0-only
/*
 * A status as the application sees it: its errno, and a text for failures without a more specific
 * one.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/kschannel_netlink.h>

#include "handshake/status.h"

static const struct {
	int err;
	const char *text;
} ksc_statuses[] = {
	[KSC_STATUS_OK] = {
		0, ""
	},
	[KSC_STATUS_CONTINUE_NEEDED] = {
		EINPROGRESS, "handshake in progress"
	},
	[KSC_STATUS_INCOMPLETE_MESSAGE] = {
		EINPROGRESS, "handshake in progress"
	},
	[KSC_STATUS_INCOMPLETE_CREDENTIALS] = {
		ENOKEY, "the server asks for a certificate"
	},
	[KSC_STATUS_VERIFY_NEEDED] = {
		EKEYREJECTED, "peer certificate awaits verification"
	},
	[KSC_STATUS_INTERNAL_ERROR] = {
		EIO, "internal error"
	},
	[KSC_STATUS_PROTOCOL_ERROR] = {
		EPROTO, "protocol violation by the peer"
	},
	[KSC_STATUS_PEER_REJECTED] = {
		EKEYREJECTED, "the peer's certificate was not accepted"
	},
	[KSC_STATUS_ALERT_RECEIVED] = {
		EPROTO, "the peer sent a fatal alert"
	},
	[KSC_STATUS_NO_CREDENTIALS] = {
		ENOKEY, "no such credential"
	},
	[KSC_STATUS_ACCESS_DENIED] = {
		EACCES, "caller may not use the credential"
	},
	[KSC_STATUS_TIMED_OUT] = {
		ETIMEDOUT, "handshake timed out"
	},
	[KSC_STATUS_NO_DAEMON] = {
		EHOSTDOWN, "no daemon to run the handshake"
	},
	[KSC_STATUS_CANCELLED] = {
		ECANCELED, "the application sent a fatal alert"
	},
	[KSC_STATUS_TRUNCATED] = {
		ECONNRESET, "the connection ended without close_notify"
	},
	[KSC_STATUS_BAD_RECORD] = {
		EBADMSG, "a record failed authentication"
	},
	[KSC_STATUS_RECORD_OVERFLOW] = {
		EMSGSIZE, "a record exceeds the maximum length"
	},
	[KSC_STATUS_KEY_LIMIT] = {
		EKEYEXPIRED, "key usage limit reached"
	},
	[KSC_STATUS_POLICY] = {
		EPERM, "request is weaker than the policy requires"
	},
	[KSC_STATUS_OVERLOADED] = {
		EBUSY, "too many concurrent handshakes"
	},
};

/**
 * ksc_status_errno() - the errno of a status
 * @status: enum ksc_status
 *
 * Return: positive errno, 0 for ok.
 */
int ksc_status_errno(u32 status)
{
	return status < ARRAY_SIZE(ksc_statuses) ? ksc_statuses[status].err : EIO;
}

/**
 * ksc_status_text() - one line for a status
 * @status: enum ksc_status
 *
 * Return: a constant string.
 */
const char *ksc_status_text(u32 status)
{
	return status < ARRAY_SIZE(ksc_statuses) ? ksc_statuses[status].text : "";
}
