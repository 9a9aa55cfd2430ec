// SPDX-License-Identifier: GPL-2.0-only
/*
 * Lines for the journal, which reads standard error and expects a level in angle brackets at the
 * beginning of each. Every line is one write, so that it stays whole, and no write blocks: a reader
 * that is too slow misses lines, but does not hold up handshakes.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/printable.h"
#include "process/bucket.h"
#include "process/log.h"

#define MAX_LINE	1024

/**
 * struct sink - where lines go
 * @fd: the descriptor
 * @is_socket: it is a socket
 * @has_levels: it leads to the journal
 */
static struct sink {
	int fd;
	bool is_socket;
	bool has_levels;
} sink = { .fd = STDERR_FILENO };

/*
 * The journal accepts 10,000 lines in 30 seconds from a service, and then none: peers may cause
 * 8,000. Failed handshakes, which anyone can cause, take no room from those that succeed. A few
 * lines are enough for what applications are refused.
 */
#define BUCKET	{ .size = 1000, .interval_ms = 10, .pause_ms = 5000 }
#define SMALL	{ .size = 100, .interval_ms = 100, .pause_ms = 5000 }

/**
 * struct peers - lines that peers can cause
 * @lock: protects @buckets
 * @buckets: limit the lines, by subject
 */
static struct peers {
	pthread_mutex_t lock;
	struct ksc_bucket buckets[KSC_N_LOG_ABOUT];
} peers = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.buckets = { [KSC_LOG_DONE] = BUCKET, [KSC_LOG_FAILED] = BUCKET,
		     [KSC_LOG_ASKED] = SMALL },
};

static const char *const about_texts[KSC_N_LOG_ABOUT] = {
	[KSC_LOG_DONE] = "handshakes-done",
	[KSC_LOG_FAILED] = "handshakes-failed",
	[KSC_LOG_ASKED] = "applications",
};

static atomic_ulong lost;
static atomic_int threshold = KSC_LOG_INFO;

/**
 * ksc_log_set_level() - set the log level
 * @level: the least important level that is logged
 */
void ksc_log_set_level(enum ksc_log_level level)
{
	threshold = level;
}

/* The variable is set for the whole service, even where standard error is redirected. */
static bool is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[48];

	snprintf(mine, sizeof(mine), "%ju:%ju", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
	return stream && !strcmp(stream, mine);
}

/* Otherwise the next file opened gets the number, and the log goes to the reader, or a peer. */
static void hold_place(int fd)
{
	int nothing;

	do {
		nothing = open("/dev/null", O_RDWR);
	} while (nothing >= 0 && nothing < fd);
	if (nothing > fd)
		close(nothing);
}

/**
 * ksc_log_open() - set where lines go
 * @fd: a descriptor; before, lines go to standard error
 *
 * Other processes may write there, too, and do not expect O_NONBLOCK. So a pipe or terminal is
 * opened again; this descriptor is never closed.
 */
void ksc_log_open(int fd)
{
	char name[32];
	struct stat st;
	int own;

	sink = (struct sink) { .fd = fd };
	if (fcntl(fd, F_GETFD) < 0)
		hold_place(fd);
	if (fstat(fd, &st))
		return;
	sink.is_socket = S_ISSOCK(st.st_mode);
	sink.has_levels = is_journal(&st);
	if (!S_ISFIFO(st.st_mode) && !S_ISCHR(st.st_mode))
		return;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	own = open(name, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own >= 0)
		sink.fd = own;
}

static bool write_line(const char *line, size_t len)
{
	struct pollfd p = { .fd = sink.fd, .events = POLLOUT };

	if (sink.is_socket)
		return send(sink.fd, line, len, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)len;
	/* a pipe or terminal that has any room has room for a line, so write() does not block */
	return poll(&p, 1, 0) == 1 && write(sink.fd, line, len) == (ssize_t)len;
}

static bool __attribute__((format(printf, 2, 0)))
put(enum ksc_log_level level, const char *fmt, va_list args)
{
	char raw[MAX_LINE], line[MAX_LINE];
	size_t at = 0;

	if (sink.has_levels)
		at = (size_t)snprintf(line, sizeof(line), "<%d>", (int)level);
	if (vsnprintf(raw, sizeof(raw), fmt, args) < 0)
		return true;
	/* Names come from peers, which must not forge lines. */
	at += ksc_printable(line + at, sizeof(line) - 1 - at, raw);
	line[at++] = '\n';
	return write_line(line, at);
}

static bool __attribute__((format(printf, 2, 3)))
say(enum ksc_log_level level, const char *fmt, ...)
{
	va_list args;
	bool done;

	va_start(args, fmt);
	done = put(level, fmt, args);
	va_end(args);
	return done;
}

/* Called before the next line. Of several threads, the one that takes the number logs it. */
static bool tell_lost(void)
{
	const unsigned long missing = atomic_exchange(&lost, 0);

	if (!missing || say(KSC_LOG_WARNING, "event=lines-lost count=%lu", missing))
		return true;
	lost += missing;
	return false;
}

static void __attribute__((format(printf, 2, 0)))
put_or_lose(enum ksc_log_level level, const char *fmt, va_list args)
{
	if (!tell_lost() || !put(level, fmt, args))
		lost++;
}

static unsigned long change_left_out(enum ksc_log_about about, unsigned long n)
{
	unsigned long was;

	pthread_mutex_lock(&peers.lock);
	was = peers.buckets[about].left_out;
	peers.buckets[about].left_out = n ? was + n : 0;
	pthread_mutex_unlock(&peers.lock);
	return was;
}

static void tell_left_out(enum ksc_log_about about)
{
	const unsigned long n = change_left_out(about, 0);

	if (n && !(tell_lost() &&
		   say(KSC_LOG_WARNING, "event=lines-suppressed about=%s count=%lu",
		       about_texts[about], n)))
		change_left_out(about, n);
}

static bool may_cause(enum ksc_log_about about)
{
	struct timespec now;
	bool may;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&peers.lock);
	may = ksc_bucket_take(&peers.buckets[about],
			      (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
	pthread_mutex_unlock(&peers.lock);
	return may;
}

/**
 * ksc_log() - log a line
 * @level: its level
 * @fmt: the line, without a newline
 */
void ksc_log(enum ksc_log_level level, const char *fmt, ...)
{
	va_list args;
	int about;

	if ((int)level > threshold)
		return;
	for (about = 0; about < KSC_N_LOG_ABOUT; about++)
		tell_left_out((enum ksc_log_about)about);
	va_start(args, fmt);
	put_or_lose(level, fmt, args);
	va_end(args);
}

/**
 * ksc_log_peer() - log a line that a peer can cause, at a limited rate
 * @about: its subject
 * @level: its level
 * @fmt: the line, without a newline
 */
void ksc_log_peer(enum ksc_log_about about, enum ksc_log_level level, const char *fmt, ...)
{
	va_list args;

	if ((int)level > threshold || !may_cause(about))
		return;
	tell_left_out(about);
	va_start(args, fmt);
	put_or_lose(level, fmt, args);
	va_end(args);
}
