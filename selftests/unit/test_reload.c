// SPDX-License-Identifier: GPL-2.0-only
/* reload.c: loads that finish, finish late, or never; the test plays the reader. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "reload/handover.h"
#include "reload/reload.h"

#define LONG_MS		20000
#define SHORT_MS	1000

/**
 * struct rig - a daemon, and its reader's end
 * @loop: the daemon's loop
 * @intake: its end
 * @reload: what is tested
 * @fd: the reader's end
 * @begun: loads that have begun
 * @ended: and ended
 * @error: how the last did
 * @changed: times that something was
 * @gone: times that the reader was
 * @uid: of the account "a", as handed over
 * @slow: what is handed over is not loaded at once
 */
struct rig {
	struct ev_loop *loop;
	struct ksc_intake *intake;
	struct ksc_reload *reload;
	int fd;
	unsigned int begun;
	unsigned int ended;
	int error;
	unsigned int changed;
	unsigned int gone;
	uid_t uid;
	bool slow;
};

static void on_begin(void *ptr)
{
	struct rig *rig = ptr;

	rig->begun++;
}

static void on_end(void *ptr, struct ksc_handed *handed, int error)
{
	struct rig *rig = ptr;
	gid_t gid;

	rig->ended++;
	rig->error = error;
	assert_int_equal(!handed, !!error);
	if (handed)
		assert_int_equal(ksc_handed_account(handed, "a", &rig->uid, &gid), 0);
	ksc_handed_free(handed);
	if (!rig->slow)
		ksc_reload_done(rig->reload);
	ev_break(rig->loop, EVBREAK_ONE);
}

static void on_gone(void *ptr)
{
	struct rig *rig = ptr;

	rig->gone++;
	/* those who waited for a load have been notified */
	assert_int_equal(rig->begun, rig->ended);
}

static void on_changed(void *ptr)
{
	struct rig *rig = ptr;

	rig->changed++;
}

static const struct ksc_reload_ops ops = {
	.begin = on_begin, .end = on_end, .changed = on_changed, .gone = on_gone,
};

static void start(struct rig *rig, int ms)
{
	int ends[2];

	*rig = (struct rig) { .loop = ev_loop_new(0) };
	assert_non_null(rig->loop);
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
	rig->fd = ends[1];
	rig->intake = ksc_intake_new(ends[0]);
	assert_non_null(rig->intake);
	rig->reload = ksc_reload_new(rig->loop, rig->intake, ms, &ops, rig);
	assert_non_null(rig->reload);
}

static void stop(struct rig *rig)
{
	ksc_reload_free(rig->reload);
	ksc_intake_free(rig->intake);
	if (rig->fd >= 0)
		close(rig->fd);
	ev_loop_destroy(rig->loop);
}

/* The number of the load that is asked for */
static uint32_t asked(struct rig *rig)
{
	uint32_t number;

	assert_int_equal(recv(rig->fd, &number, sizeof(number), 0), sizeof(number));
	return number;
}

static void not_asked(struct rig *rig)
{
	uint32_t number;

	assert_int_equal(recv(rig->fd, &number, sizeof(number), MSG_DONTWAIT), -1);
}

static void say(struct rig *rig, uint32_t number, uint32_t kind, uid_t uid)
{
	char buf[sizeof(struct ksc_handover) + 1];
	const struct ksc_handover head = {
		.load = number, .kind = kind, .uid = uid, .name_len = kind == KSC_KIND_ACCOUNT,
	};

	memcpy(buf, &head, sizeof(head));
	buf[sizeof(head)] = 'a';
	assert_true(send(rig->fd, buf, sizeof(head) + head.name_len, 0) > 0);
}

static void answer(struct rig *rig, uint32_t number, uid_t uid)
{
	say(rig, number, KSC_KIND_ACCOUNT, uid);
	say(rig, number, KSC_HANDOVER_END, 0);
}

static void loads(void **state)
{
	struct rig rig;
	uint32_t i;

	(void)state;
	start(&rig, LONG_MS);
	for (i = 1; i <= 3; i++) {
		ksc_reload_ask(rig.reload);
		/* nothing has been waited for */
		assert_int_equal(rig.begun, i);
		assert_int_equal(rig.ended, i - 1);
		answer(&rig, asked(&rig), i);
		ev_run(rig.loop, 0);
		assert_int_equal(rig.ended, i);
		assert_int_equal(rig.error, 0);
		assert_int_equal(rig.uid, i);
	}
	stop(&rig);
}

/* However often it is asked for meanwhile, it is done once more. */
static void asked_again(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, LONG_MS);
	ksc_reload_ask(rig.reload);
	ksc_reload_ask(rig.reload);
	ksc_reload_ask(rig.reload);
	assert_int_equal(rig.begun, 1);
	answer(&rig, asked(&rig), 1);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 1);
	assert_int_equal(rig.begun, 2);
	answer(&rig, asked(&rig), 2);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.uid, 2);
	assert_int_equal(rig.begun, 2);
	not_asked(&rig);
	stop(&rig);
}

static void end_reader(struct rig *rig)
{
	close(rig->fd);
	rig->fd = -1;
}

/* Nothing is asked for while something is loaded, which may take long. */
static void slow(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, LONG_MS);
	rig.slow = true;
	ksc_reload_ask(rig.reload);
	answer(&rig, asked(&rig), 1);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 1);
	ksc_reload_ask(rig.reload);
	ksc_reload_ask(rig.reload);
	assert_int_equal(rig.begun, 1);
	not_asked(&rig);
	ksc_reload_done(rig.reload);
	assert_int_equal(rig.begun, 2);
	answer(&rig, asked(&rig), 2);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.error, 0);
	/* the reader's end does not affect it, and is reported afterwards */
	ksc_reload_ask(rig.reload);
	end_reader(&rig);
	assert_int_equal(ev_run(rig.loop, 0), 0);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.gone, 0);
	rig.slow = false;
	ksc_reload_done(rig.reload);
	assert_int_equal(rig.begun, 3);
	assert_int_equal(rig.ended, 3);
	assert_int_equal(rig.error, EPIPE);
	assert_int_equal(rig.gone, 1);
	stop(&rig);
}

/* An answer that comes after the time-out is ignored. */
static void late(void **state)
{
	struct rig rig;
	uint32_t first;

	(void)state;
	start(&rig, SHORT_MS);
	ksc_reload_ask(rig.reload);
	first = asked(&rig);
	say(&rig, first, KSC_KIND_ACCOUNT, 1);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 1);
	assert_int_equal(rig.error, ETIMEDOUT);
	say(&rig, first, KSC_HANDOVER_END, 0);
	ev_run(rig.loop, EVRUN_NOWAIT);
	assert_int_equal(rig.ended, 1);
	ksc_reload_ask(rig.reload);
	answer(&rig, first, 1);
	answer(&rig, asked(&rig), 2);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.error, 0);
	assert_int_equal(rig.uid, 2);
	stop(&rig);
}

/* The end of a reader is noticed at once, and fails the pending load and all later ones. */
static void ends(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, LONG_MS);
	ksc_reload_ask(rig.reload);
	ksc_reload_ask(rig.reload);
	end_reader(&rig);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.begun, 2);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.error, EPIPE);
	assert_int_equal(rig.gone, 1);
	ksc_reload_ask(rig.reload);
	assert_int_equal(rig.ended, 3);
	assert_int_equal(rig.error, EPIPE);
	/* nothing is left to be watched */
	assert_int_equal(ev_run(rig.loop, 0), 0);
	assert_int_equal(rig.gone, 1);
	stop(&rig);
	/* without a pending load, it is noticed as well */
	start(&rig, LONG_MS);
	end_reader(&rig);
	ev_run(rig.loop, EVRUN_ONCE);
	assert_int_equal(ksc_intake_fd(rig.intake), -1);
	assert_int_equal(rig.ended, 0);
	assert_int_equal(rig.gone, 1);
	stop(&rig);
}

/* A request notices it before the loop does: the loop watches no descriptor that was reused. */
static void ends_when_asked(void **state)
{
	struct rig rig;

	(void)state;
	start(&rig, LONG_MS);
	end_reader(&rig);
	ksc_reload_ask(rig.reload);
	assert_int_equal(rig.ended, 1);
	assert_int_equal(rig.error, EPIPE);
	assert_int_equal(rig.gone, 1);
	assert_int_equal(ev_run(rig.loop, 0), 0);
	assert_int_equal(rig.gone, 1);
	stop(&rig);
	/* a reader that sends garbage counts as gone */
	start(&rig, LONG_MS);
	assert_int_equal(send(rig.fd, "", 1, 0), 1);
	ev_run(rig.loop, EVRUN_ONCE);
	assert_int_equal(rig.gone, 1);
	stop(&rig);
}

/* A reader that sends without end, without a request, does not starve the loop. */
static void endless(void **state)
{
	struct rig rig;
	int i;

	(void)state;
	start(&rig, LONG_MS);
	for (i = 0; i < 100; i++)
		say(&rig, 77, KSC_KIND_ACCOUNT, 1);
	ev_run(rig.loop, EVRUN_ONCE);
	/* there is more in it */
	assert_true(recv(ksc_intake_fd(rig.intake), &i, sizeof(i), MSG_DONTWAIT) > 0);
	stop(&rig);
}

static void turn(struct rig *rig)
{
	ev_run(rig->loop, EVRUN_NOWAIT);
}

/* What has changed since the last load was asked for, and nothing else. */
static void changes(void **state)
{
	struct rig rig;
	uint32_t number;

	(void)state;
	start(&rig, LONG_MS);
	turn(&rig);
	ksc_reload_ask(rig.reload);
	number = asked(&rig);
	answer(&rig, number, 1);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.changed, 0);
	say(&rig, number, KSC_HANDOVER_CHANGED, 0);
	turn(&rig);
	assert_int_equal(rig.changed, 1);
	turn(&rig);
	assert_int_equal(rig.changed, 1);
	/* nothing is asked for by itself */
	not_asked(&rig);
	say(&rig, number - 1, KSC_HANDOVER_CHANGED, 0);
	say(&rig, number + 1, KSC_HANDOVER_CHANGED, 0);
	turn(&rig);
	assert_int_equal(rig.changed, 1);
	/* it was sent before the next load was requested */
	say(&rig, number, KSC_HANDOVER_CHANGED, 0);
	ksc_reload_ask(rig.reload);
	turn(&rig);
	assert_int_equal(rig.changed, 1);
	/* while a load goes on, it does no harm to that */
	number = asked(&rig);
	say(&rig, number, KSC_KIND_ACCOUNT, 2);
	say(&rig, number, KSC_HANDOVER_CHANGED, 0);
	say(&rig, number, KSC_HANDOVER_END, 0);
	ev_run(rig.loop, 0);
	assert_int_equal(rig.changed, 2);
	assert_int_equal(rig.ended, 2);
	assert_int_equal(rig.uid, 2);
	stop(&rig);
}

/* Notifications that came during the first load are not lost. */
static void changed_before(void **state)
{
	struct ksc_handed *handed;
	struct rig rig;

	(void)state;
	start(&rig, LONG_MS);
	ksc_reload_free(rig.reload);
	say(&rig, 1, KSC_HANDOVER_CHANGED, 0);
	say(&rig, 1, KSC_HANDOVER_END, 0);
	assert_int_equal(ksc_intake_load(rig.intake, LONG_MS, &handed), 0);
	ksc_handed_free(handed);
	rig.reload = ksc_reload_new(rig.loop, rig.intake, LONG_MS, &ops, &rig);
	assert_non_null(rig.reload);
	turn(&rig);
	assert_int_equal(rig.changed, 1);
	stop(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads),
		cmocka_unit_test(asked_again),
		cmocka_unit_test(slow),
		cmocka_unit_test(late),
		cmocka_unit_test(ends),
		cmocka_unit_test(ends_when_asked),
		cmocka_unit_test(endless),
		cmocka_unit_test(changes),
		cmocka_unit_test(changed_before),
	};

	return cmocka_run_group_tests_name("reload", tests, NULL, NULL);
}
