// SPDX-License-Identifier: GPL-2.0-only
/*
 * The reader is a process that keeps the privilege of reading any file, and may ask any
 * service for accounts, which a daemon that peers talk to is better without. A daemon that
 * somebody has taken over asks it for what he likes: so nobody can name anything. The daemon
 * asks for a load, and gets what the configuration names, which the reader reads for itself.
 *
 * It is forked before there are keys and threads. What is asked for accounts is anybody's
 * code: it may crash, leak, or never return. So each load is a process of its own, and what
 * becomes of it is no matter to the next. That process alone reads files, the configuration
 * among them; what it leaves behind are watches (watch.c), by which the reader notices that a
 * file has changed. It tells that once, and watches on when it is asked for the next load.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/util.h"
#include "config/account.h"
#include "config/read.h"
#include "config/settings.h"
#include "config/subids.h"
#include "config/value.h"
#include "config/wants.h"
#include "config/way.h"
#include "engine/access.h"
#include "process/log.h"
#include "process/memory.h"
#include "process/sandbox.h"
#include "reload/handover.h"
#include "reload/intake.h"
#include "reload/reader.h"
#include "reload/watch.h"

/*
 * Between loads, and looks at what happens in directories, so that who asks without end, or
 * makes files, has no whole CPU for it.
 */
#define PAUSE_MS	100
/* The daemon has given up by then; while a load goes on, nothing is watched. */
#define LOAD_MS		(2 * KSC_INTAKE_MS)
/* For owners of subordinate ids, of which there may be thousands, once all else is handed over. */
#define OWNERS_MS	(KSC_INTAKE_MS / 3)
/* More than fit into the socket; who asks faster than that is not waited for. */
#define ASKED_AT_ONCE	1024
/* A descriptor that is under way counts until it is taken. */
#define TRIES		100
#define TRY_MS		10

/* Of <linux/memfd.h>, if that is new. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	8U
#endif

/**
 * struct reader - the reader
 * @sock: leads to the daemon
 * @path: the configuration
 * @watch: the files of the last load that has found out which these are, or NULL
 * @number: the last load
 * @told: the daemon has been told that there is need for another
 */
struct reader {
	int sock;
	const char *path;
	struct ksc_watch *watch;
	uint32_t number;
	bool told;
};

/* enum outcome - what has become of a load: its end, another that is asked for, or nothing */
enum outcome { ENDED, ASKED_AGAIN, LATE };

int ksc_reader_owners_ms = OWNERS_MS;

/**
 * struct load - a load
 * @sock: leads to the daemon
 * @number: its number
 * @watch: for its files, or NULL
 * @gids: groups whose members are wanted
 * @n_gids: how many
 * @room: for how many there is room
 * @owners: names of owners of subordinate ids
 * @n_owners: how many
 * @owners_room: for how many there is room
 * @enough: told when nothing but these is left
 */
struct load {
	int sock;
	uint32_t number;
	struct ksc_watch *watch;
	gid_t *gids;
	size_t n_gids;
	size_t room;
	char **owners;
	size_t n_owners;
	size_t owners_room;
	int enough;
};

static void pause_for(long ms)
{
	const struct timespec time = { .tv_nsec = ms * 1000000 };

	nanosleep(&time, NULL);
}

static ssize_t send_with(int sock, struct msghdr *msg)
{
	ssize_t len = -1;
	int i;

	for (i = 0; i < TRIES; i++) {
		len = sendmsg(sock, msg, MSG_NOSIGNAL);
		if (len >= 0 || errno != ETOOMANYREFS)
			break;
		pause_for(TRY_MS);
	}
	return len;
}

/* Without a daemon there is no need for more. */
static void hand(const struct load *load, struct ksc_handover *head, const char *name,
		 const void *items, size_t size, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec parts[] = {
		{ .iov_base = head, .iov_len = sizeof(*head) },
		{ .iov_base = (void *)name, .iov_len = strlen(name) },
		{ .iov_base = (void *)items, .iov_len = size },
	};
	struct msghdr msg = { .msg_iov = parts, .msg_iovlen = 3 };
	struct cmsghdr *cmsg;

	head->load = load->number;
	head->name_len = (uint32_t)strlen(name);
	if (fd >= 0) {
		msg.msg_control = control.buf;
		msg.msg_controllen = sizeof(control.buf);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	}
	if (send_with(load->sock, &msg) < 0)
		_exit(EXIT_FAILURE);
}

static int want_members(struct load *load, gid_t gid)
{
	gid_t *bigger;

	if (load->n_gids == load->room) {
		load->room = load->room ? 2 * load->room : 16;
		bigger = reallocarray(load->gids, load->room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		load->gids = bigger;
	}
	load->gids[load->n_gids++] = gid;
	return 0;
}

/* Groups that decide about who can read the file. */
static int want_readers(struct load *load, const struct ksc_way *way)
{
	size_t i;
	int rc = 0;

	if (ksc_access_asks_group(&way->file, KSC_ACCESS_READ))
		rc = want_members(load, way->file.gid);
	for (i = 0; !rc && i < way->n; i++)
		if (ksc_access_asks_group(&way->doors[i], KSC_ACCESS_ENTER))
			rc = want_members(load, way->doors[i].gid);
	return rc;
}

/*
 * A file may be on a server that somebody else runs, or stops, and may change: the daemon has
 * no time to wait for it. The copy does not come by here, as it may be a key.
 */
static int copy_file(int from)
{
	int to = memfd_create("", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL), rc = 0;
	ssize_t len, left = KSC_MAX_FILE + 1;

	/* older kernels know no such files that are not to be run */
	if (to < 0 && errno == EINVAL)
		to = memfd_create("", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (to < 0)
		return -errno;
	do {
		len = sendfile(to, from, NULL, (size_t)left);
		if (len < 0)
			rc = -errno;
		left -= len;
	} while (len > 0 && left > 0);
	if (!rc && !left)
		rc = -EFBIG;
	if (!rc && fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW |
			 F_SEAL_WRITE))
		rc = -errno;
	if (!rc)
		return to;
	close(to);
	return rc;
}

static int hand_copy(struct load *load, const char *path, int copy, const struct ksc_way *way)
{
	struct ksc_handover head = {
		.kind = KSC_KIND_FILE, .error = copy < 0 ? copy : 0, .known = way->known,
		.file = way->file, .n = (uint32_t)way->n,
	};
	const int rc = way->known ? want_readers(load, way) : 0;

	if (!rc)
		hand(load, &head, path, way->doors, way->n * sizeof(*way->doors), copy);
	return rc;
}

/* @copy is set to what was handed over, to be closed, or a negative errno that was. */
static int hand_file(struct load *load, const char *path, int *copy)
{
	struct ksc_way way = { 0 };
	struct stat st;
	const int fd = ksc_file_open(path, &st);
	int rc = 0;

	*copy = fd < 0 ? fd : copy_file(fd);
	if (*copy >= 0)
		rc = ksc_way_find(&way, fd, path, &st);
	if (fd >= 0)
		close(fd);
	if (!rc)
		rc = hand_copy(load, path, *copy, &way);
	ksc_way_free(&way);
	return rc;
}

static int hand_named_file(struct load *load, const char *path)
{
	int copy;
	const int rc = hand_file(load, path, &copy);

	if (copy >= 0)
		close(copy);
	return rc;
}

static int hand_account(struct load *load, const char *name)
{
	struct ksc_handover head = { .kind = KSC_KIND_ACCOUNT };

	head.error = ksc_account_find(name, &head.uid, &head.gid);
	hand(load, &head, name, NULL, 0, -1);
	return 0;
}

static int hand_group(struct load *load, const char *name, bool members)
{
	struct ksc_handover head = { .kind = KSC_KIND_GROUP };

	head.error = ksc_group_find(name, &head.gid);
	hand(load, &head, name, NULL, 0, -1);
	return members && !head.error ? want_members(load, head.gid) : 0;
}

static int hand_members(struct load *load, gid_t gid)
{
	struct ksc_handover head = { .kind = KSC_KIND_MEMBERS, .gid = gid };
	size_t n, at = 0;
	uid_t *uids;

	head.error = ksc_group_members(gid, &uids, &n);
	if (head.error)
		n = 0;
	do {
		head.n = (uint32_t)(n - at < KSC_HANDOVER_MEMBERS ? n - at : KSC_HANDOVER_MEMBERS);
		hand(load, &head, "", uids + at, head.n * sizeof(*uids), -1);
		at += head.n;
	} while (at < n);
	free(uids);
	return 0;
}

static int compare_gids(const void *a, const void *b)
{
	const gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

	return x < y ? -1 : x > y;
}

static int hand_all_members(struct load *load)
{
	size_t i;
	int rc = 0;

	if (load->n_gids)
		qsort(load->gids, load->n_gids, sizeof(*load->gids), compare_gids);
	for (i = 0; !rc && i < load->n_gids; i++)
		if (!i || load->gids[i] != load->gids[i - 1])
			rc = hand_members(load, load->gids[i]);
	return rc;
}

static int hand_want(struct load *load, const struct ksc_want *want)
{
	switch (want->kind) {
	case KSC_KIND_FILE:
		return hand_named_file(load, want->name);
	case KSC_KIND_ACCOUNT:
		return hand_account(load, want->name);
	case KSC_KIND_GROUP:
		return hand_group(load, want->name, want->members);
	case KSC_KIND_MEMBERS:
		return want_members(load, (gid_t)strtoul(want->name, NULL, 10));
	}
	return -EINVAL;
}

static int want_owner(void *ptr, const struct ksc_subid *subid, const char *why)
{
	struct load *load = ptr;
	char **bigger;
	uint32_t id;

	if (why || ksc_is_id(subid->owner, &id))
		return 0;
	if (load->n_owners == load->owners_room) {
		load->owners_room = load->owners_room ? 2 * load->owners_room : 16;
		bigger = reallocarray(load->owners, load->owners_room, sizeof(*bigger));
		if (!bigger)
			return -ENOMEM;
		load->owners = bigger;
	}
	load->owners[load->n_owners] = strdup(subid->owner);
	return load->owners[load->n_owners++] ? 0 : -ENOMEM;
}

static int compare_owners(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/*
 * Each of them once, and when all else is there: a service that fails, or takes its time for each
 * of thousands, is no reason to do without the rest.
 */
static void hand_owners(struct load *load)
{
	size_t i;

	/* it is no matter whether anybody hears of it */
	(void)!write(load->enough, "", 1);
	if (load->n_owners)
		qsort(load->owners, load->n_owners, sizeof(*load->owners), compare_owners);
	for (i = 0; i < load->n_owners; i++)
		if (!i || strcmp(load->owners[i], load->owners[i - 1]))
			hand_account(load, load->owners[i]);
}

/* Whom users count for, by name. It is nobody's grant, so that who can read it is no matter. */
static int hand_subids(struct load *load)
{
	const struct ksc_way way = { 0 };
	struct ksc_file raw = { 0 };
	struct stat st;
	const int fd = ksc_file_open(KSC_SUBUID_FILE, &st);
	const int copy = fd < 0 ? fd : copy_file(fd);
	int rc = hand_copy(load, KSC_SUBUID_FILE, copy, &way);

	if (fd >= 0)
		close(fd);
	if (copy < 0)
		return rc;
	if (!rc)
		rc = ksc_file_take(&raw, copy);
	if (!rc)
		rc = ksc_subids_parse(&raw.data, want_owner, load);
	ksc_file_free(&raw);
	close(copy);
	return rc;
}

/* Before these are read, and before others' code is run, which gets none of it to see. */
static void watch_files(struct load *load, const struct ksc_wants *wants)
{
	size_t i;

	if (!load->watch)
		return;
	for (i = 0; i < wants->n && !wants->unwatched; i++)
		if (wants->list[i].kind == KSC_KIND_FILE)
			ksc_watch_add(load->watch, wants->list[i].name);
	ksc_watch_complete(load->watch);
	ksc_watch_free(load->watch);
	load->watch = NULL;
}

static int hand_wants(struct load *load, struct ksc_settings *file)
{
	struct ksc_wants wants = { 0 };
	int rc = ksc_wants_collect(&wants, file);
	size_t i;

	if (!rc)
		watch_files(load, &wants);
	for (i = 0; !rc && i < wants.n; i++)
		rc = hand_want(load, &wants.list[i]);
	ksc_wants_free(&wants);
	if (!rc)
		rc = hand_subids(load);
	if (!rc)
		rc = hand_all_members(load);
	if (!rc)
		hand_owners(load);
	return rc;
}

static int hand_named(struct load *load, const char *path, int config)
{
	struct ksc_settings file;
	struct ksc_file raw = { 0 };
	int rc = ksc_file_take(&raw, config);

	if (!rc) {
		rc = ksc_settings_take(&file, path, &raw, NULL) ? -ENOMEM :
								  hand_wants(load, &file);
		ksc_settings_free(&file);
	}
	ksc_file_free(&raw);
	return rc;
}

/* The daemon gets the very text that is read here. */
static int hand_config(struct load *load, const char *path)
{
	int copy, rc = hand_file(load, path, &copy);

	if (copy >= 0) {
		if (!rc)
			rc = hand_named(load, path, copy);
		close(copy);
	}
	return rc;
}

static void tell(const struct reader *reader, uint32_t kind, int error)
{
	const struct load load = { .sock = reader->sock, .number = reader->number };
	struct ksc_handover head = { .kind = kind, .error = error };

	hand(&load, &head, "", NULL, 0, -1);
}

static void free_load(struct load *load)
{
	while (load->n_owners)
		free(load->owners[--load->n_owners]);
	free(load->owners);
	free(load->gids);
}

static void run_load(const struct reader *reader, struct ksc_watch *watch, int enough)
{
	struct load load = { .sock = reader->sock, .number = reader->number, .watch = watch,
			     .enough = enough };

	tell(reader, KSC_HANDOVER_END, hand_config(&load, reader->path));
	free_load(&load);
}

static void __attribute__((noreturn))
run_child(const struct reader *reader, struct ksc_watch *watch, pid_t parent, int enough)
{
	int rc;

	ksc_memory_keep();
	rc = ksc_sandbox_load();
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "a load cannot be confined: %s", strerror(-rc));
		_exit(EXIT_FAILURE);
	}
	/* that of the last load is not for this one */
	ksc_watch_free(reader->watch);
	/* from now on it ends with the reader, unless that has ended before */
	if (getppid() == parent)
		run_load(reader, watch, enough);
	_exit(EXIT_SUCCESS);
}

/*
 * Until the load has ended, or there is no use for it: the daemon is gone or has asked again. What
 * comes from @ended before its end is that there is @enough.
 */
static enum outcome await(int sock, int ended, bool *enough)
{
	struct pollfd p[] = {
		{ .fd = sock, .events = POLLIN }, { .fd = ended, .events = POLLIN },
	};
	int rc;
	char c;

	for (;;) {
		rc = poll(p, 2, *enough ? ksc_reader_owners_ms : LOAD_MS);
		if (rc < 0 && errno == EINTR)
			continue;
		if (!rc)
			return LATE;
		if (p[0].revents)
			return ASKED_AGAIN;
		if (read(ended, &c, 1) != 1)
			return ENDED;
		*enough = true;
	}
}

/* Returns what it has come to; it is over by then. */
static enum outcome end_load(pid_t pid, int sock, int ended, int *status, bool *enough)
{
	const enum outcome outcome = await(sock, ended, enough);

	if (outcome != ENDED)
		kill(pid, SIGKILL);
	while (waitpid(pid, status, 0) < 0 && errno == EINTR)
		;
	if (outcome == LATE && *enough)
		ksc_log(KSC_LOG_WARNING, KSC_SUBUID_FILE ": not all owners are found in time");
	else if (outcome == LATE)
		ksc_log(KSC_LOG_ERROR, "who reads the configuration was ended: it took too long");
	else if (outcome == ENDED && WIFSIGNALED(*status))
		ksc_log(KSC_LOG_ERROR, "who reads the configuration was ended by signal %d",
			WTERMSIG(*status));
	return outcome;
}

/* Returns whether it came to its end, or was not let to; or was ended when there was enough. */
static bool run_with(const struct reader *reader, struct ksc_watch *watch)
{
	const pid_t parent = getpid();
	enum outcome outcome = ENDED;
	int ends[2], status = -1;
	bool enough = false;
	pid_t pid;

	/* whose other end is closed by the child's end, whatever that is */
	if (pipe2(ends, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid)
		run_child(reader, watch, parent, ends[1]);
	close(ends[1]);
	if (pid < 0)
		ksc_log(KSC_LOG_ERROR, "no process can be started that reads the configuration");
	else
		outcome = end_load(pid, reader->sock, ends[0], &status, &enough);
	close(ends[0]);
	if (outcome == ASKED_AGAIN || !status)
		return true;
	if (enough)
		tell(reader, KSC_HANDOVER_END, 0);
	return enough;
}

/* Where it does not get to know what files there are, those of the last load are watched. */
static bool run_one(struct reader *reader)
{
	struct ksc_watch *watch = ksc_watch_new();
	bool done;

	if (!watch)
		ksc_log(KSC_LOG_WARNING, "changes of files are not noticed: %s", strerror(errno));
	done = run_with(reader, watch);
	reader->told = false;
	if (watch && ksc_watch_is_complete(watch)) {
		ksc_watch_free(reader->watch);
		reader->watch = watch;
	} else {
		ksc_watch_free(watch);
	}
	return done;
}

/* Until the daemon says something, or a file may have changed: returns whether it is the former. */
static bool await_call(const struct reader *reader)
{
	struct pollfd p[] = {
		{ .fd = reader->sock, .events = POLLIN }, { .fd = -1, .events = POLLIN },
	};

	if (reader->watch && !reader->told)
		p[1].fd = ksc_watch_fd(reader->watch);
	while (poll(p, 2, -1) < 0 && errno == EINTR)
		;
	return p[0].revents;
}

static void look_for_change(struct reader *reader)
{
	if (!ksc_watch_changed(reader->watch))
		return;
	reader->told = true;
	tell(reader, KSC_HANDOVER_CHANGED, 0);
}

/* The last that was asked for: who asks again has no use for what was before. */
static uint32_t next_load(int sock)
{
	uint32_t number = 0, more;
	int flags = MSG_TRUNC, i;
	ssize_t len = 0;

	for (i = 0; i < ASKED_AT_ONCE; i++) {
		len = recv(sock, &more, sizeof(more), flags);
		if (len != sizeof(more))
			break;
		number = more;
		flags = MSG_TRUNC | MSG_DONTWAIT;
	}
	if (len == sizeof(more) || (len < 0 && (errno == EAGAIN || errno == EINTR)))
		return number;
	if (len > 0)
		ksc_log(KSC_LOG_ERROR,
			"the daemon asks its reader for what it never would: no more is read for it");
	_exit(len ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void answer(struct reader *reader)
{
	const uint32_t number = next_load(reader->sock);

	if (!number)
		return;
	reader->number = number;
	if (!run_one(reader))
		tell(reader, KSC_HANDOVER_END, -ECHILD);
}

/* Signals for the daemon come to all of a service, or of a terminal: it is the one to stop. */
static void ignore_signals(void)
{
	static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGUSR1, SIGUSR2,
				       SIGALRM, SIGTSTP };
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ignored); i++)
		signal(ignored[i], SIG_IGN);
	/* whoever started the daemon may have left that ignored */
	signal(SIGCHLD, SIG_DFL);
}

/* What the daemon was started with is not for the reader. Returns the socket, or -1. */
static int leave_files(int sock)
{
	int nothing;

	if (sock != STDERR_FILENO + 1 && dup2(sock, STDERR_FILENO + 1) < 0)
		return -1;
	nothing = open("/dev/null", O_RDWR);
	if (nothing < 0 || dup2(nothing, STDIN_FILENO) < 0 || dup2(nothing, STDOUT_FILENO) < 0)
		return -1;
	if (close_range(STDERR_FILENO + 2, ~0U, 0))
		return -1;
	ksc_log_open(STDERR_FILENO);
	return STDERR_FILENO + 1;
}

static void __attribute__((noreturn)) run(int sock, const char *path)
{
	struct reader reader = { .path = path };
	const struct rlimit none = { 0 };
	int rc;

	ignore_signals();
	/* if it can't, the daemon can't either, and tells */
	ksc_memory_keep();
	/* on 6.1, who has a terminal can type for whoever started the daemon there */
	setsid();
	prctl(PR_SET_NAME, "kschanneld-read");
	sock = leave_files(sock);
	rc = sock < 0 || setrlimit(RLIMIT_CORE, &none) ? -errno : ksc_sandbox_reader();
	if (rc) {
		ksc_log(KSC_LOG_ERROR, "the reader cannot be confined: %s", strerror(-rc));
		_exit(EXIT_FAILURE);
	}
	reader.sock = sock;
	for (;;) {
		if (await_call(&reader))
			answer(&reader);
		else
			look_for_change(&reader);
		pause_for(PAUSE_MS);
	}
}

/**
 * ksc_reader_start() - start the reader
 * @path: the configuration, of which alone it goes by what this names
 * @pid: set to the process
 *
 * There must not be threads yet.
 *
 * Return: a socket that leads to it, with whose end it ends; or a negative errno
 */
int ksc_reader_start(const char *path, pid_t *pid)
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends))
		return -errno;
	*pid = fork();
	if (!*pid)
		run(ends[1], path);
	rc = *pid < 0 ? -errno : ends[0];
	close(ends[1]);
	if (rc < 0)
		close(ends[0]);
	return rc;
}
