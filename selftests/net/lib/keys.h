/* SPDX-License-Identifier: GPL-2.0-only */
/* Keys that the test gives to the kernel as a daemon does, and receives as a descriptor. */
#ifndef KSC_TEST_KEYS_H
#define KSC_TEST_KEYS_H

#include "nl.h"
#include "wire.h"

/* The highest bit of a session's number, where there are to be tickets */
#define KEYS_TICKETS (UINT64_C(1) << 63)
/* Material for an exporter of either version */
#define KEYS_EXPORTER (WIRE_MASTER + KSC_RANDOMS_LEN)

/**
 * struct keys - what a key is made of
 * @wire: role, suite and keys
 * @id: the daemon's number of the session
 * @uid: the user that it counts for
 * @netns: cookie of the network namespace that it is for; 0 for the daemon's own
 * @tickets: the daemon wants tickets
 * @verify: enum ksc_verify
 * @credential: the one that was taken, or NULL
 * @alpn: of the session, or NULL; so are the names
 * @server_name: what the client asked for
 * @subject: the peer's
 * @fingerprint: of its certificate, 32 bytes, or NULL
 * @resumed: the session is an older one's
 * @exporter: KEYS_EXPORTER bytes, or NULL
 */
struct keys {
	struct wire wire;
	uint64_t id;
	uint32_t uid;
	uint64_t netns;
	bool tickets;
	int verify;
	const char *credential;
	const char *alpn;
	const char *server_name;
	const char *subject;
	const uint8_t *fingerprint;
	bool resumed;
	const uint8_t *exporter;
};

unsigned int keys_setup(void **state, struct tnl_conn *nl);
void keys_teardown(struct tnl_conn *nl, unsigned int references);
struct keys keys_of(int role, const struct wire_suite *suite, uint64_t seed);
struct keys keys_of_peer(const struct keys *keys);
struct nl_msg *keys_request(struct tnl_conn *nl, const struct keys *keys);
int keys_do(struct tnl_conn *nl, struct nl_msg *msg);
int keys_make(struct tnl_conn *nl, const struct keys *keys);
int keys_try_attach(int fd, int key, const void *extra, size_t len);
void keys_attach(int fd, int key);
void keys_plain_pair(int fds[2]);
uint64_t keys_netns(void);

extern const size_t keys_unfit_count;
void keys_put_unfit(struct nl_msg *msg, size_t which);
struct nl_msg *keys_secret(struct nl_msg *msg, uint16_t suite);
void keys_wiped(struct tnl_conn *conn, struct nl_msg *msg, int error);

#endif /* KSC_TEST_KEYS_H */
