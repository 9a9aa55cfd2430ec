/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * client.c: a client of libkschannel, and a daemon that the test plays, which may send
 * anything. The test plays the kernel's keys, too.
 */
#ifndef KSC_TEST_CLIENT_H
#define KSC_TEST_CLIENT_H

#include "common/message.h"
#include "lib/kschannel.h"

/* Milliseconds that a handshake may take, as long as can be */
#define CLIENT_TIMEOUT KSC_MAX_HANDSHAKE_TIMEOUT

#define SYS(call) client_check((call), #call)

/* Where the daemon listens, and its ends */
extern char path[64];
extern int listener, peer;
/* The application's */
extern struct kschannel_credential *cred;
extern struct kschannel_context *ctx;
extern struct kschannel_step step;
/* Descriptors before the test */
extern int files;
/* The kernel's error when it is asked for keys, or 0 */
extern int keys_error;
/* How often it was asked */
extern unsigned int keys_asked;
/* What time it is; 0 for what it is */
extern int64_t clock_ms;
/* The last request */
extern uint8_t request[KSC_MAX_MESSAGE];
extern struct nlattr *asked[KSC_M_MAX + 1];
extern uint32_t number;
/* Bytes of chains that a session has */
extern int chain_len;

int client_setup(void **state);
int client_teardown(void **state);
long client_check(long ret, const char *what);
int count_files(void);
void drop(int *fd);

void listen_at(int backlog);
void take_request(void);
void send_with(int sock, const void *data, size_t len, int fd, size_t count);
void reply_with(struct nl_msg *msg, unsigned int count);
struct nl_msg *make_result(uint32_t status, uint32_t consumed);
struct nl_msg *make_ok(void);
void reply_error(uint32_t seq, uint32_t error, unsigned int rights);

void begin_step(const void *token, size_t len);
void begin_anew(void);
void make_done(void);

#endif
