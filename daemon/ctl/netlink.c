// SPDX-License-Identifier: GPL-2.0-only
/* Requests to the kernel module. */
#include <err.h>
#include <errno.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/netlink.h>

#include "common/extack.h"
#include "ctl/ctl.h"

/* A dump is repeated if it changed meanwhile, but not forever on a busy machine. */
#define DUMP_TRIES 8

/**
 * struct exchange - a request in progress
 * @req: the request
 * @error: negative errno of the kernel's reply
 * @text: its extack text, or ""
 */
struct exchange {
	const struct ctl_request *req;
	int error;
	char text[KSC_MAX_EXTACK];
};

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct exchange *ex = arg;
	struct nlattr **tb = ctl_alloc(calloc((size_t)ex->req->maxattr + 1, sizeof(void *)));
	int ret = genlmsg_parse(nlmsg_hdr(msg), 0, tb, ex->req->maxattr, ex->req->policy);

	if (!ret)
		ex->req->reply(tb, ex->req->arg);
	free((void *)tb);
	return ret < 0 ? ret : NL_OK;
}

static int on_error(struct sockaddr_nl *addr, struct nlmsgerr *nlerr, void *arg)
{
	struct exchange *ex = arg;

	(void)addr;
	ex->error = nlerr->error;
	ksc_extack_text(nlerr, ex->text);
	return NL_STOP;
}

static int exchange_once(struct nl_sock *sk, int family, struct exchange *ex, struct nl_cb *cb)
{
	const struct ctl_request *req = ex->req;
	struct nl_msg *msg = ctl_alloc(nlmsg_alloc());
	int ret;

	if (req->restart)
		req->restart(req->arg);
	if (!genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, family, 0, req->flags, (uint8_t)req->cmd,
			 KSC_FAMILY_VERSION))
		errx(EXIT_FAILURE, "out of memory");
	if (req->fill && req->fill(msg, req->arg))
		errx(EXIT_FAILURE, "out of memory");
	ret = nl_send_auto(sk, msg);
	nlmsg_free(msg);
	if (ret < 0)
		return ret;
	do {
		ret = nl_recvmsgs(sk, cb);
	} while (ret == -NLE_INTR);
	return ret;
}

static bool is_forgiven(const struct ctl_request *req, int error)
{
	for (const int *e = req->forgiven; e && *e; e++) {
		if (*e == error)
			return true;
	}
	return false;
}

/**
 * ctl_request() - send a command and handle the reply
 * @req: the command
 *
 * Errors are printed to standard error.
 *
 * Return: 0, or -1 if there was no reply or it was an error
 */
int ctl_request(const struct ctl_request *req)
{
	struct nl_sock *sk = ctl_alloc(nl_socket_alloc());
	struct nl_cb *cb = ctl_alloc(nl_cb_alloc(NL_CB_DEFAULT));
	struct exchange ex = { .req = req };
	int one = 1, family, ret;

	ret = genl_connect(sk);
	if (ret < 0) {
		warnx("cannot open a netlink socket: %s", nl_geterror(ret));
		goto out;
	}
	setsockopt(nl_socket_get_fd(sk), SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	family = genl_ctrl_resolve(sk, KSC_FAMILY_NAME);
	if (family < 0) {
		ret = family;
		warnx("the kernel has no \"%s\" netlink family; is the module loaded?",
		      KSC_FAMILY_NAME);
		goto out;
	}
	/* without ACKs, one message ends each request */
	nl_socket_disable_auto_ack(sk);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, &ex);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, &ex);
	for (int i = 0; i < DUMP_TRIES; i++) {
		ret = exchange_once(sk, family, &ex, cb);
		if (ret != -NLE_DUMP_INTR)
			break;
	}
	if (ex.error) {
		ret = is_forgiven(req, -ex.error) ? 0 : -1;
		if (ret)
			warnx("%s%sthe kernel refused: %s%s%s", req->subject ? req->subject : "",
			      req->subject ? ": " : "", strerror(-ex.error),
			      ex.text[0] ? ": " : "", ex.text);
	} else if (ret == -NLE_DUMP_INTR) {
		warnx("the sockets change too fast for a consistent list; this one has gaps");
		ret = 0;
	} else if (ret < 0) {
		warnx("%s", nl_geterror(ret));
	}
out:
	nl_cb_put(cb);
	nl_socket_free(sk);
	return ret < 0 ? -1 : 0;
}
