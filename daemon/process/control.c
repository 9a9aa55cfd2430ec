// SPDX-License-Identifier: GPL-2.0-only
/*
 * A signal tells the daemon to load its configuration again, but not its sender what came of
 * it, and who signals a daemon of another user needs a privilege for that. So there is a
 * socket, root's alone: who connects is asking, and reads the verdict, a character, and after
 * it what is wrong. The daemon takes not a byte from it.
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
 * struct waiting - who has asked
 * @fd: leads there
 * @begun: what was asked for has begun since
 */
struct waiting {
	int fd;
	bool begun;
};

/**
 * struct ksc_control - the daemon's end
 * @loop: what it is watched by
 * @io: watches the socket
 * @asked: told when somebody asks
 * @ptr: whose that is
 * @waiting: those who have asked and have no answer yet
 * @n: how many
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
 * ksc_control_path() - where the socket is
 * @option: what the command line says, or NULL
 * @otherwise: where it is if nothing says so, or NULL
 * @buf: room for a path
 * @size: how much
 *
 * Return: the path, or NULL if there is to be none
 */
const char *ksc_control_path(const char *option, const char *otherwise, char *buf, size_t size)
{
	const char *directory = getenv("RUNTIME_DIRECTORY");

	if (option)
		return option;
	if (!directory || *directory != '/')
		return otherwise;
	/* there may be several, of which the first is ours */
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

/* There is one daemon in a network namespace: the socket of another one is of the past. */
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

/* Whoever asks has not read anything yet: there is room, and what has none is left out. */
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
		answer(fd, REFUSED, "too many ask at once\n");
		return;
	}
	control->waiting[control->n++] = (struct waiting) { .fd = fd };
	control->asked(control->ptr);
}

/**
 * ksc_control_begin() - note that the configuration is being loaded from now on
 * @control: the socket, or NULL
 *
 * Who asks later may have changed it since, and waits for another time.
 */
void ksc_control_begin(struct ksc_control *control)
{
	size_t i;

	for (i = 0; control && i < control->n; i++)
		control->waiting[i].begun = true;
}

/**
 * ksc_control_answer() - tell those who had asked before it began
 * @control: the socket, or NULL
 * @taken: the configuration is in force
 * @text: what is wrong with it, line by line
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
 * ksc_control_new() - listen to who wants the configuration loaded again
 * @loop: the loop
 * @path: where the socket is to be
 * @asked: told when somebody does
 * @ptr: given to that
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
 * ksc_control_free() - listen no more
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
 * ksc_control_reload() - have the daemon load its configuration again, and wait for it
 * @path: its socket
 * @answer: what is wrong goes here
 *
 * Return: whether the configuration, as it is now, is in force
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
		fprintf(answer, "%s: the daemon has not answered\n", path);
	return verdict == TAKEN;
}
