/* SPDX-License-Identifier: GPL-2.0-only */
/* apps.c: applications over real sockets, the daemon's part, and a fake kernel. */
#ifndef KSC_TEST_APPS_H
#define KSC_TEST_APPS_H

#include "context/contexts.h"
#include "side.h"

/* Both roles, and a client without a certificate */
#define APPS_CREDENTIALS						\
	"[credential server]\nrole = server\n"				\
	"cert = " KSC_TEST_CERTS "/server.pem\n"			\
	"key = " KSC_TEST_CERTS "/server.key\nusers = root, 1000, 1001\n" \
	"default = yes\n"						\
	"[credential c]\nrole = client\n"				\
	"trust = " KSC_TEST_CERTS "/ca.pem\ndefault = yes\n"

/**
 * struct key - keys that went to the kernel
 * @msg: number of the message
 * @request: what it said
 * @keys: the keys
 * @credential: the name
 */
struct key {
	uint32_t msg;
	struct ksc_key_request request;
	struct ksc_keys keys;
	char credential[KSC_MAX_NAME + 1];
	bool tickets;
};

#define APPS_MAX_KEYS	64

/**
 * struct kernel - what takes keys
 * @error: refuses them with that
 * @lose: so many answers are lost
 * @hold: answers nothing for the moment
 * @fail: can't be sent to: a negative errno
 * @n: keys that it has got
 * @told: answers that it has given
 * @keys: the last ones
 * @fds: descriptors that it has made
 */
struct kernel {
	int error;
	unsigned int lose;
	bool hold;
	int fail;
	unsigned int n;
	unsigned int told;
	struct key keys[APPS_MAX_KEYS];
	int fds;
};

/**
 * struct app - an application, connected
 * @fd: its end
 * @seq: number of its last request
 * @reply: the last answer: enum ksc_message, 0 when the connection is closed
 * @number: of the request that this answers
 * @context: the context that it is about
 * @status: of a result
 * @consumed: likewise
 * @error: of an error
 * @text: likewise, or why it failed
 * @token: bytes for the peer
 * @token_len: length of @token in bytes
 * @key: the descriptor that came along, or -1
 * @tb: all of it, in @buf
 */
struct app {
	int fd;
	uint32_t seq;
	int reply;
	uint32_t number;
	uint32_t context;
	enum ksc_status status;
	size_t consumed;
	int error;
	char text[KSC_MAX_TEXT + 1];
	uint8_t token[KSC_MAX_TOKEN];
	size_t token_len;
	int key;
	struct nlattr *tb[KSC_M_MAX + 1];
	char buf[KSC_MAX_MESSAGE] __attribute__((aligned(8)));
};

/* What a step is asked for with; zeros are left out. */
struct ask {
	uint32_t context;
	enum ksc_role role;	/* begins */
	const char *server_name;
	const char *credential;
	const char *alpn;
	size_t alpn_len;
	enum ksc_verify verify;
	uint32_t deadline;
	bool pick;
	const void *token;
	size_t len;
	const uint32_t *verdict;
	uint8_t alert;
	const char *picked;
};

extern struct ksc_contexts *contexts;
extern struct kernel kernel;
extern struct ev_loop *apps_loop;
/* The user that the next application connects as; -1: its own */
extern uid_t apps_uid;
/* The daemon can't have descriptors refused */
extern bool apps_unguarded;
/* How many callers' groups were looked up */
extern unsigned int apps_grouped;
extern bool apps_idle;

void apps_start(const char *settings, unsigned int workers);
void apps_stop(void);
struct ksc_config *apps_config(const char *settings);
void apps_configure(const char *settings);
void apps_turn(void);
void apps_settle(void);

int app_connect(void);
struct app *app_new(void);
void app_free(struct app *app);
void app_send(struct app *app, const struct ask *ask);
void app_close(struct app *app, uint32_t context);
bool app_try(struct app *app);
int app_await(struct app *app);
int app_ask(struct app *app, const struct ask *ask);
enum ksc_status app_step(struct app *app, const struct ask *ask);
void app_refused(struct app *app, const struct ask *ask, int error);
void app_handshake(struct app *app, uint32_t client, uint32_t server);

#endif
