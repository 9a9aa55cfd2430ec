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

#include "control.h"
#include "log.h"

#define TAKEN	'+'
#define REFUSED	'-'

/**
 * struct ksc_control - the daemon's end
 * @loop: what it is watched by
 * @io: watches the socket
 * @reload: does what is asked for
 * @ptr: whose that is
 */
struct ksc_control {
	struct ev_loop *loop;
	ev_io io;
	ksc_reload_fn *reload;
	void *ptr;
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
static void on_asked(struct ev_loop *loop, ev_io *io, int events)
{
	struct ksc_control *control = io->data;
	int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	char *text = NULL;
	size_t size;
	FILE *answer;

	(void)loop;
	(void)events;
	if (fd < 0)
		return;
	answer = open_memstream(&text, &size);
	if (answer) {
		fputc(REFUSED, answer);
		if (control->reload(control->ptr, answer)) {
			fflush(answer);
			text[0] = TAKEN;
		}
		fclose(answer);
		if (text && send(fd, text, size, MSG_NOSIGNAL) < 0)
			ksc_log(KSC_LOG_WARNING, "who asked to reload is not told: %s",
				strerror(errno));
		free(text);
	}
	close(fd);
}

/**
 * ksc_control_new() - listen to who wants the configuration loaded again
 * @loop: the loop
 * @path: where the socket is to be
 * @reload: does it
 * @ptr: given to that
 *
 * Return: the socket, or NULL with errno
 */
struct ksc_control *ksc_control_new(struct ev_loop *loop, const char *path, ksc_reload_fn *reload,
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
	control->reload = reload;
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
