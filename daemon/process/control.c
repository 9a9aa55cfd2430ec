// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal makes the daemon reload its configuration, but the sender does not learn the result, and
 * needs a privilege to signal a daemon of another user. So there is a socket, only for root: a
 * connection is a request, and the reply is a verdict of one character, followed by what is wrong.
 * The daemon reads nothing from it.
 */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "process/control.h"
#include "process/log.h"

#define TAKEN	'+'
#define REFUSED	'-'

/**
 * struct waiting - a client that waits for a verdict
 * @fd: its connection
 * @begun: a load has begun since it connected
 */
struct waiting {
	int fd;
	bool begun;
};

/**
 * struct ksc_control - the daemon's socket
 * @loop: the event loop
 * @io: watches the socket
 * @asked: called for a request
 * @ptr: argument of @asked
 * @waiting: clients without a reply
 * @n: number of these
 */
struct ksc_control {
	struct ev_loop *loop;
	ev_io io;
	ksc_asked_fn *asked;
	void *ptr;
	struct waiting waiting[KSC_CONTROL_WAITING];
	size_t n;
};

/**
 * ksc_control_path() - find the path of the socket
 * @option: path from the command line, or NULL
 * @otherwise: the default, or NULL
 * @buf: buffer for the path
 * @size: size of @buf in bytes
 *
 * Return: the path, or NULL for no socket
 */
const char *ksc_control_path(const char *option, const char *otherwise, char *buf, size_t size)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	if (option)
		return option;
	if (!directory || *directory != '/')
		return otherwise;
	/* colons separate the directories if there are several; the first is ours */
	if (snprintf(buf, size, "%.*s/control", (int)strcspn(directory, ":"), directory) >=
	    (int)size)
		return otherwise;
	return buf;
}

static int open_socket(const char *path, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr->sun_path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(addr->sun_path, path);
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

/* A network namespace has only one daemon, so an existing socket is stale. */
static int open_listener(const char *path)
{
	struct sockaddr_un addr;
	int fd = open_socket(path, &addr), error;
	struct stat st;
	mode_t mask;

	if (fd < 0)
		return -errno;
	if (!lstat(path, &st) && S_ISSOCK(st.st_mode))
		unlink(path);
	mask = umask(0177);
	error = bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? errno : 0;
	umask(mask);
	if (!error && listen(fd, 8))
		error = errno;
	if (!error)
		return fd;
	close(fd);
	return -error;
}

/* The client has not read anything yet: there is room, and what does not fit is left out. */
static void answer(int fd, char verdict, const char *text)
{
	struct iovec parts[] = {
		{ .iov_base = &verdict, .iov_len = 1 },
		{ .iov_base = (void *)text, .iov_len = strlen(text) },
	};
	const struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 2 };

	if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
		ksc_log(KSC_LOG_WARNING, "event=reload-untold reason=\"%s\"", strerror(errno));
	close(fd);
}

static void on_asked(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_control *control = io->data;
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	(void)loop;
	(void)events;
	if (fd < 0)
		return;
	if (control->n == KSC_CONTROL_WAITING) {
		answer(fd, REFUSED, "too many requests at once\n");
		return;
	}
	control->waiting[control->n++] = (struct waiting) { .fd = fd };
	control->asked(control->ptr);
}

/**
 * ksc_control_begin() - note that a load of the configuration begins
 * @control: the socket, or NULL
 *
 * Later requests may follow a change of the files, and wait for another load.
 */
void ksc_control_begin(struct ksc_control *control)
{
	size_t i;

	for (i = 0; control && i < control->n; i++)
		control->waiting[i].begun = true;
}

/**
 * ksc_control_answer() - reply to the requests from before the load began
 * @control: the socket, or NULL
 * @taken: the configuration is in force
 * @text: what is wrong with it, one complaint in a line
 */
void ksc_control_answer(struct ksc_control *control, bool taken, const char *text)
{
	size_t i, n = 0;

	if (!control)
		return;
	for (i = 0; i < control->n; i++)
		if (control->waiting[i].begun)
			answer(control->waiting[i].fd, taken ? TAKEN : REFUSED, text);
		else
			control->waiting[n++] = control->waiting[i];
	control->n = n;
}

/**
 * ksc_control_new() - listen for requests to reload the configuration
 * @loop: the loop
 * @path: path of the socket
 * @asked: called for a request
 * @ptr: argument of @asked
 *
 * Return: the socket, or NULL with errno
 */
struct ksc_control *ksc_control_new(struct ev_loop *loop, const char *path, ksc_asked_fn *asked,
				    void *ptr)
{
	struct ksc_control *control = calloc(1, sizeof(*control));
	int fd;

	if (!control)
		return NULL;
	fd = open_listener(path);
	if (fd < 0) {
		free(control);
		errno = -fd;
		return NULL;
	}
	control->loop = loop;
	control->asked = asked;
	control->ptr = ptr;
	ev_io_init(&control->io, on_asked, fd, EV_READ);
	control->io.data = control;
	ev_io_start(loop, &control->io);
	return control;
}

/**
 * ksc_control_free() - stop listening
 * @control: the socket, or NULL
 */
void ksc_control_free(struct ksc_control *control)
{
	if (!control)
		return;
	ev_io_stop(control->loop, &control->io);
	close(control->io.fd);
	while (control->n)
		close(control->waiting[--control->n].fd);
	free(control);
}

/**
 * ksc_control_reload() - make the daemon reload its configuration, and wait for the result
 * @path: its socket
 * @answer: complaints are printed here
 *
 * Return: whether the present configuration is in force
 */
bool ksc_control_reload(const char *path, FILE *answer)
{
	char buf[4096], verdict = 0;
	struct sockaddr_un addr;
	int fd = open_socket(path, &addr);
	ssize_t len;

	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		fprintf(answer, "%s: %s\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return false;
	}
	while ((len = read(fd, buf, sizeof(buf))) > 0 || (len < 0 && errno == EINTR)) {
		const size_t first = verdict ? 0 : 1;

		if (len <= 0)
			continue;
		if (!verdict)
			verdict = buf[0];
		fwrite(buf + first, 1, (size_t)len - first, answer);
	}
	close(fd);
	if (!verdict)
		fprintf(answer, "%s: no answer from the daemon\n", path);
	return verdict == TAKEN;
}
