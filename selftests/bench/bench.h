/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ksc-bench: what protected TCP streams cost, in guest instructions.
 */
#ifndef KSB_BENCH_H
#define KSB_BENCH_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* Of a listener. */
#define KSB_BACKLOG		128
/* Sent and read back at a time: what fits the buffers of a fresh socket. */
#define KSB_BATCH		65536
#define KSB_BATCH_SMALL		4096
#define KSB_FILE		(1024UL * 1024)
/* Longest plaintext of a TLS record. */
#define KSB_RECORD		16384
/* That run at the same time, at most. */
#define KSB_PROCESSES		2

/**
 * enum ksb_suite - the cipher suites measured, all of TLS 1.3
 * @KSB_AES128: TLS_AES_128_GCM_SHA256
 * @KSB_AES256: TLS_AES_256_GCM_SHA384
 * @KSB_CHACHA: TLS_CHACHA20_POLY1305_SHA256
 * @KSB_SUITES: how many there are
 */
enum ksb_suite {
	KSB_AES128,
	KSB_AES256,
	KSB_CHACHA,
	KSB_SUITES,
};

/**
 * enum ksb_transport_id - what carries the bytes; the columns of the result
 * @KSB_PLAIN: TCP, unprotected
 * @KSB_KTLS: in-tree kTLS with fixed keys
 * @KSB_KTLS_NOPAD: the same with TLS_RX_EXPECT_NO_PAD
 * @KSB_KSCHANNEL: kschannel, handshake by its daemon
 * @KSB_GNUTLS: GnuTLS in this process
 * @KSB_OPENSSL: OpenSSL in this process
 * @KSB_TRANSPORTS: how many there are
 */
enum ksb_transport_id {
	KSB_PLAIN,
	KSB_KTLS,
	KSB_KTLS_NOPAD,
	KSB_KSCHANNEL,
	KSB_GNUTLS,
	KSB_OPENSSL,
	KSB_TRANSPORTS,
};

/**
 * struct ksb_end - one end of a connection
 * @fd: the TCP socket, non-blocking while measured
 * @tls: the session of a userspace library
 */
struct ksb_end {
	int fd;
	void *tls;
};

/**
 * struct ksb_pair - a loopback connection, both ends of it in this process
 * @client: the end that connected; streams go from it to the server
 * @server: the end that was accepted
 */
struct ksb_pair {
	struct ksb_end client;
	struct ksb_end server;
};

/**
 * struct ksb_transport - how one of the columns moves bytes
 * @name: key in the result
 * @open: make a connection ready for data. -ENOENT: not on this machine
 * @send: as send(2), with a negative errno for failures
 * @recv: as recv(2), with a negative errno for failures
 * @close: end the connection and free what @open made
 * @sendfile: as sendfile(2) from @off; NULL: read() and @send
 * @splices: splice(2) works on the socket
 * @idle: let go of what idle connections don't need. False: not from now on; true:
 *	wait until so many connections have, on which a record went either way since.
 *	NULL: nothing is ever let go of
 *
 * The transports that use the socket as it is have ksb_sock_* here.
 */
struct ksb_transport {
	const char *name;
	int (*open)(struct ksb_pair *p, enum ksb_suite suite);
	ssize_t (*send)(struct ksb_end *e, const void *buf, size_t len);
	ssize_t (*recv)(struct ksb_end *e, void *buf, size_t len);
	void (*close)(struct ksb_pair *p);
	ssize_t (*sendfile)(struct ksb_end *e, int file, off_t off, size_t len);
	bool splices;
	int (*idle)(bool on, unsigned int connections);
};

/**
 * struct ksb_cost - what a piece of work cost
 * @valid: it was measured
 * @total: per unit of work
 * @tx: of that, on the sending side; KSB_HANDSHAKE: the client's part; KSB_MEMORY:
 *	just after use
 * @rx: of that, on the receiving side; KSB_HANDSHAKE: the server's part
 * @spread: (largest - smallest) / mean over the parts of the run
 * @stalls: times the work had to wait; they count the wait, not work
 */
struct ksb_cost {
	bool valid;
	double total;
	double tx;
	double rx;
	double spread;
	unsigned int stalls;
};

/**
 * enum ksb_kind - the shapes of work
 * @KSB_STREAM: write()s one way
 * @KSB_RR: request and response
 * @KSB_SENDFILE: sendfile() of a file in memory
 * @KSB_SPLICE: the same through pipes, on both sides
 * @KSB_MEMORY: memory of an idle endpoint
 * @KSB_HANDSHAKE: connections made
 * @KSB_GROWTH: records over many connections in turn
 * @KSB_SCALE: write()s one way, by several processes at the same time
 * @KSB_CONTEXT: handshakes whose tokens the program carries
 * @KSB_CONTEXT_MEMORY: memory of such a context, in kernel and daemon
 * @KSB_POLICY: connections that the policy leaves plain, or write()s one way on them
 */
enum ksb_kind {
	KSB_STREAM,
	KSB_RR,
	KSB_SENDFILE,
	KSB_SPLICE,
	KSB_MEMORY,
	KSB_HANDSHAKE,
	KSB_GROWTH,
	KSB_SCALE,
	KSB_CONTEXT,
	KSB_CONTEXT_MEMORY,
	KSB_POLICY,
};

/**
 * struct ksb_work - a row of the result, for each suite
 * @name: first part of its name
 * @kind: what is done
 * @write: bytes of one write, or of one request
 * @read: size of the buffer read into
 * @bytes: how many bytes (round trips: KSB_RR) to measure
 * @nagle: leave TCP_NODELAY off
 * @resume: KSB_HANDSHAKE: with a ticket of an earlier connection
 * @connections: KSB_GROWTH: how many; KSB_SCALE: of as many processes
 * @rules: KSB_POLICY: how many the policy has
 * @unit: of the figures, without what is counted
 */
struct ksb_work {
	const char *name;
	enum ksb_kind kind;
	size_t write;
	size_t read;
	size_t bytes;
	bool nagle;
	bool resume;
	unsigned int connections;
	unsigned int rules;
	const char *unit;
};

/**
 * struct ksb_figure - a row of the result
 * @name: "stream/64KiB/aes-128-gcm"
 * @split: show both directions below it
 * @unit: "instructions/byte"
 * @cost: by transport
 * @raw_aead: the AEAD alone, both ways, for the same work; negative: unknown
 * @raw_library: the same by the kernel's library
 */
struct ksb_figure {
	char name[64];
	bool split;
	char unit[32];
	struct ksb_cost cost[KSB_TRANSPORTS];
	double raw_aead;
	double raw_library;
};

/**
 * struct ksb_options - what the command line asked for
 * @wall: time, on whatever machine this is, not instructions
 * @scale: multiplies the work
 * @transports: bit set of enum ksb_transport_id
 * @suites: bit set of enum ksb_suite
 * @connections: KSB_MEMORY: how many
 * @most: KSB_GROWTH: figures of more connections are left out
 * @start: where processes wait for each other before they begin; may be NULL
 */
struct ksb_options {
	bool wall;
	double scale;
	unsigned int transports;
	unsigned int suites;
	unsigned int connections;
	unsigned int most;
	pthread_barrier_t *start;
};

extern struct ksb_options ksb_opt;
extern const char *const ksb_suite_names[KSB_SUITES];
extern const struct ksb_transport *const ksb_transports[KSB_TRANSPORTS];

extern const struct ksb_transport ksb_plain;
extern const struct ksb_transport ksb_ktls;
extern const struct ksb_transport ksb_ktls_nopad;
extern const struct ksb_transport ksb_kschannel;
extern const struct ksb_transport ksb_gnutls;
extern const struct ksb_transport ksb_openssl;

/* With icount, one nanosecond is one instruction. */
static inline uint64_t ksb_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* pair.c */
int ksb_bind(int family);
int ksb_listen(int family);
int ksb_pair_connect(struct ksb_pair *p);
int ksb_pair_connect_by(struct ksb_pair *p, int listener, int protocol);
int ksb_pair_connect_to(struct ksb_pair *p, int listener);
int ksb_pair_nonblock(struct ksb_pair *p);
int ksb_pair_nodelay(struct ksb_pair *p);
int ksb_pair_delay(struct ksb_pair *p);
int ksb_pair_block(struct ksb_pair *p);
void ksb_pair_close(struct ksb_pair *p);
int ksb_wait(int fd, short events, int timeout_ms);
ssize_t ksb_sock_send(struct ksb_end *e, const void *buf, size_t len);
ssize_t ksb_sock_recv(struct ksb_end *e, void *buf, size_t len);
ssize_t ksb_sock_sendfile(struct ksb_end *e, int file, off_t off, size_t len);

/* transfer.c */
int ksb_measure_transfer(const struct ksb_transport *t, enum ksb_suite suite,
			 const struct ksb_work *w, struct ksb_cost *cost);

/* memory.c */
int ksb_measure_memory(const struct ksb_transport *t, enum ksb_suite suite,
		       struct ksb_cost *cost);
double ksb_memory_used(double *own);

/* growth.c */
int ksb_measure_growth(enum ksb_transport_id id, enum ksb_suite suite,
		       const struct ksb_work *w, struct ksb_cost *cost);
void ksb_growth_end(void);

/* scale.c */
int ksb_measure_scale(const struct ksb_transport *t, enum ksb_suite suite,
		      const struct ksb_work *w, struct ksb_cost *cost);

/* handshake.c */
int ksb_measure_handshake(enum ksb_transport_id id, enum ksb_suite suite,
			  bool resume, struct ksb_cost *cost);

/* context.c */
int ksb_measure_context(enum ksb_transport_id id, enum ksb_suite suite, struct ksb_cost *cost);
int ksb_measure_context_memory(enum ksb_transport_id id, enum ksb_suite suite,
			       struct ksb_cost *cost);

/* policy.c */
int ksb_measure_policy(enum ksb_transport_id id, enum ksb_suite suite, const struct ksb_work *w,
		       struct ksb_cost *cost);

/* mark.c */
void ksb_mark_begin(void);
void ksb_mark_end(void);

/* raw.c */
double ksb_raw_aead(enum ksb_suite suite, size_t record);
double ksb_raw_library(enum ksb_suite suite, size_t record);

/* report.c */
void ksb_report_row(const struct ksb_figure *f);
void ksb_report_head(void);
int ksb_report_json(const struct ksb_figure *f, size_t n, const char *path);

#endif /* KSB_BENCH_H */
