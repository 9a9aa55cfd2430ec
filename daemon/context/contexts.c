// SPDX-License-Identifier: GPL-2.0-only
/*
 * Applications that carry their handshakes' tokens themselves: they connect, take turns, and share
 * the limits. In each turn the loop handles a few connections, a few requests, and frees a few
 * contexts; then sockets' handshakes have their turn. What takes longer, such as steps and closing
 * sockets that linger, is left to threads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "context/contexts.h"
#include "context/requests.h"
#include "process/log.h"

/* Messages, connections, and contexts to free, in each turn of the loop. */
#define MAX_TURNS	16
/* Pause in seconds after a connection failed for lack of a descriptor or memory. */
#define PAUSE_S		1.
/* Descriptors reserved for the daemon, besides connections and keys in flight. */
#define RESERVED	64

/* ---- turns ---- */

static bool free_one(struct ksc_contexts *contexts)
{
	struct ksc_context *context = TAILQ_FIRST(&contexts->dying);

	if (!context)
		return false;
	TAILQ_REMOVE(&contexts->dying, context, link);
	ksc_session_drop(&context->session);
	return true;
}

static void on_turn(struct ev_loop *loop, ev_check *check, int events)
{
	struct ksc_contexts *contexts = check->data;
	struct ksc_turn *turn;
	int i;

	(void)events;
	for (i = 0; i < MAX_TURNS && (turn = ksc_turns_take(&contexts->ready)); i++)
		ksc_application_turn((void *)((char *)turn - offsetof(struct ksc_application,
								      turn)));
	for (i = 0; i < MAX_TURNS && free_one(contexts); i++)
		;
	if (TAILQ_EMPTY(&contexts->ready.lanes) && TAILQ_EMPTY(&contexts->dying))
		ev_idle_stop(loop, &contexts->again);
}

static void on_again(struct ev_loop *loop, ev_idle *idle, int events)
{
	(void)loop;
	(void)idle;
	(void)events;
}

/* ---- keys ---- */

/* The kernel replies in order, so this is usually the first. */
static struct ksc_context *find_asked(struct ksc_contexts *contexts, uint32_t msg)
{
	struct ksc_context *context;

	TAILQ_FOREACH(context, &contexts->asked, keys)
		if (context->msg == msg)
			return context;
	return NULL;
}

/**
 * ksc_contexts_key() - handle a key file that the kernel has created
 * @contexts: all contexts
 * @msg: number of the message with the keys
 * @fd: the key file, consumed
 */
void ksc_contexts_key(struct ksc_contexts *contexts, uint32_t msg, int fd)
{
	struct ksc_context *context = find_asked(contexts, msg);

	if (!context) {
		/* the context has ended meanwhile */
		close(fd);
		return;
	}
	ksc_contexts_forget(contexts, context);
	ksc_context_done(context, fd);
}

/**
 * ksc_contexts_refused() - handle a message that the kernel has refused
 * @contexts: all contexts
 * @msg: its number
 * @error: why, as a positive errno
 * @text: the kernel's text, or ""
 *
 * Return: whether it was a message with keys
 */
bool ksc_contexts_refused(struct ksc_contexts *contexts, uint32_t msg, int error,
			  const char *text)
{
	struct ksc_context *context = find_asked(contexts, msg);

	if (!context)
		return false;
	/* no room for the reply: that was an overrun, see ksc_contexts_lost() */
	if (error == EAGAIN)
		return true;
	ksc_contexts_forget(contexts, context);
	ksc_context_refused(context, error, text);
	return true;
}

/**
 * ksc_contexts_lost() - handle the loss of the kernel's replies about keys, except those received
 * @contexts: all contexts
 */
void ksc_contexts_lost(struct ksc_contexts *contexts)
{
	const struct ksc_context *last = TAILQ_LAST(&contexts->asked, ksc_context_list);
	struct ksc_context *context;

	/* requests that are sent again are queued behind @last */
	while (last && (context = TAILQ_FIRST(&contexts->asked))) {
		if (context == last)
			last = NULL;
		ksc_contexts_forget(contexts, context);
		ksc_context_refused(context, 0, "");
	}
}

/* ---- tickets ---- */

/**
 * ksc_contexts_ticket() - process a ticket of a socket with an application's keys
 * @contexts: all contexts
 * @id: number of the keys
 * @msg: a complete NewSessionTicket with its header
 * @len: its size in bytes
 */
void ksc_contexts_ticket(struct ksc_contexts *contexts, uint64_t id, const uint8_t *msg,
			 size_t len)
{
	struct ksc_context *context = ksc_contexts_find_kept(contexts, id);

	if (context && ksc_session_ticket(&context->session, msg, len))
		ksc_context_end(context);
}

/**
 * ksc_contexts_gone() - note that no more tickets follow
 * @contexts: all contexts
 * @id: number of the keys
 */
void ksc_contexts_gone(struct ksc_contexts *contexts, uint64_t id)
{
	struct ksc_context *context = ksc_contexts_find_kept(contexts, id);

	if (context)
		ksc_context_end(context);
}

/* ---- connecting applications ---- */

static void pause_listening(struct ksc_contexts *contexts, const char *why)
{
	ksc_log_peer(KSC_LOG_ASKED, KSC_LOG_WARNING, "event=accept-paused reason=\"%s\"", why);
	ev_io_stop(contexts->place->loop, &contexts->listener);
	ev_timer_again(contexts->place->loop, &contexts->pause);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct ksc_contexts *contexts = timer->data;

	(void)events;
	ev_timer_stop(loop, timer);
	ev_io_start(loop, &contexts->listener);
}

static void on_connection(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_contexts *contexts = io->data;
	const int max = ksc_batch_next(&contexts->batch, loop, MAX_TURNS);
	int i, fd;

	(void)events;
	for (i = 0; i < max; i++) {
		/* half of the descriptors are left to accepted connections and keys */
		if (contexts->refused > contexts->users.descriptors / 2) {
			pause_listening(contexts,
					"too many refused connections are still open");
			return;
		}
		fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			ksc_application_new(contexts, fd);
		} else if (errno == EAGAIN) {
			return;
		} else if (errno != ECONNABORTED && errno != EINTR) {
			/* no descriptor or no memory; the listener stays readable */
			pause_listening(contexts, strerror(errno));
			return;
		}
	}
}

/* Maximum number of connections: each needs a descriptor, and one more for a key in flight. */
static unsigned int count_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur > UINT32_MAX)
		return UINT32_MAX;
	return limit.rlim_cur > RESERVED + 2 ? (unsigned int)(limit.rlim_cur - RESERVED) / 2 : 1;
}

/* Returns 0 on error, which is no namespace's: then no application is in this one. */
static uint64_t own_netns(void)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len))
		cookie = 0;
	close(fd);
	return cookie;
}

/**
 * ksc_contexts_new() - prepare for applications
 * @place: where their sessions are to be
 * @idle: called when all work is done, after ksc_contexts_drain()
 * @ptr: argument of @idle
 *
 * Return: the set, which has no contexts yet; NULL if out of memory
 */
struct ksc_contexts *ksc_contexts_new(struct ksc_place *place, void (*idle)(void *ptr), void *ptr)
{
	struct ksc_contexts *contexts = calloc(1, sizeof(*contexts));

	if (!contexts)
		return NULL;
	contexts->closer = ksc_closer_new(place->loop);
	if (!contexts->closer) {
		free(contexts);
		return NULL;
	}
	contexts->place = place;
	contexts->idle = idle;
	contexts->ptr = ptr;
	contexts->users.descriptors = count_descriptors();
	TAILQ_INIT(&contexts->users.guessed);
	contexts->netns = own_netns();
	TAILQ_INIT(&contexts->apps);
	TAILQ_INIT(&contexts->dying);
	TAILQ_INIT(&contexts->asked);
	ksc_turns_init(&contexts->ready);
	ev_init(&contexts->listener, on_connection);
	ev_init(&contexts->pause, on_pause_over);
	contexts->pause.repeat = PAUSE_S;
	ev_check_init(&contexts->turn, on_turn);
	ev_idle_init(&contexts->again, on_again);
	/* after all other watchers */
	ev_set_priority(&contexts->turn, EV_MINPRI);
	ev_set_priority(&contexts->again, EV_MINPRI);
	contexts->listener.data = contexts;
	contexts->pause.data = contexts;
	contexts->turn.data = contexts;
	ev_check_start(place->loop, &contexts->turn);
	return contexts;
}

/**
 * ksc_contexts_start() - start the threads that close what may take its time
 * @contexts: all contexts
 *
 * Return: 0 or a negative errno
 */
int ksc_contexts_start(struct ksc_contexts *contexts)
{
	return ksc_closer_start(contexts->closer);
}

/**
 * ksc_contexts_configure() - change the configuration
 * @contexts: all contexts; existing ones keep what they began with
 * @config: the configuration, owned by the caller, valid until the next call
 */
void ksc_contexts_configure(struct ksc_contexts *contexts, const struct ksc_config *config)
{
	contexts->config = config;
	contexts->users.may = config->contexts;
}

/**
 * ksc_contexts_listen() - accept connections of applications
 * @contexts: all contexts
 * @nl: netlink socket, for their keys
 * @fd: the listener, consumed
 */
void ksc_contexts_listen(struct ksc_contexts *contexts, struct ksc_netlink *nl, int fd)
{
	contexts->nl = nl;
	contexts->listening = true;
	ksc_connection_guard(fd);
	ev_io_set(&contexts->listener, fd, EV_READ);
	ev_io_start(contexts->place->loop, &contexts->listener);
}

static void on_unlistened(struct ksc_closing *closing)
{
	(void)closing;
}

/* An application can have sent lingering sockets before its connection was accepted. */
static void stop_listening(struct ksc_contexts *contexts)
{
	struct ev_loop *loop = contexts->place->loop;

	ev_io_stop(loop, &contexts->listener);
	ev_timer_stop(loop, &contexts->pause);
	if (contexts->listening)
		ksc_closer_add(contexts->closer, &contexts->unlistened, contexts->listener.fd,
			       NULL, on_unlistened);
	contexts->listening = false;
}

/**
 * ksc_contexts_drain() - accept nothing new
 * @contexts: all contexts
 *
 * Applications that connect later wait for the next daemon, or fail.
 */
void ksc_contexts_drain(struct ksc_contexts *contexts)
{
	stop_listening(contexts);
	contexts->draining = true;
}

/**
 * ksc_contexts_free() - end all contexts
 * @contexts: all contexts, or NULL; the pool has been stopped
 *
 * Return: true; false if a thread of the closer does not end, so that nothing is freed and the
 * process should exit at once
 */
bool ksc_contexts_free(struct ksc_contexts *contexts)
{
	struct ksc_context *context, *next;
	struct ev_loop *loop;

	if (!contexts)
		return true;
	loop = contexts->place->loop;
	stop_listening(contexts);
	while (!TAILQ_EMPTY(&contexts->apps))
		ksc_application_close(TAILQ_FIRST(&contexts->apps));
	HASH_ITER(hh, contexts->kept, context, next)
		ksc_contexts_bury(contexts, context);
	while (free_one(contexts))
		;
	ev_check_stop(loop, &contexts->turn);
	ev_idle_stop(loop, &contexts->again);
	if (!ksc_closer_stop(contexts->closer))
		return false;
	ksc_closer_free(contexts->closer);
	free(contexts);
	return true;
}
