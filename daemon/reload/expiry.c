// SPDX-License-Identifier: GPL-2.0-only
/*
 * Warns of our certificates before they expire: when a third, a tenth and a thirtieth of the
 * lifetime are left, but not before 30, 7 and 1 days, and when they have expired. A certificate of
 * a day is renewed in hours, one of ten years within a month.
 */
#include <stdlib.h>

#include "common/util.h"
#include "process/fields.h"
#include "process/log.h"
#include "reload/expiry.h"

#define DAY		((time_t)24 * 3600)
/* Size of a date as text */
#define DATE_TEXT	32

/**
 * struct ksc_expiry - certificates that will expire
 * @loop: the event loop
 * @timer: fires when the next warning is due, by the wall clock
 * @set: the credentials in force, or NULL
 * @looked: when they were looked at last; later warnings are due
 */
struct ksc_expiry {
	struct ev_loop *loop;
	ev_periodic timer;
	struct ksc_credentials *set;
	time_t looked;
};

/* The last one is the end. */
static const struct {
	time_t part;
	time_t most;
} stages[] = { { 3, 30 * DAY }, { 10, 7 * DAY }, { 30, DAY }, { 0, 0 } };

static time_t stage_at(size_t i, time_t from, time_t to)
{
	const time_t left = stages[i].part ? (to - from) / stages[i].part : 0;

	return to - (left < stages[i].most ? left : stages[i].most);
}

/**
 * ksc_expiry_last() - find the last warning that is due
 * @from: when the certificate becomes valid
 * @to: when it expires
 * @now: the time
 *
 * Return: when it was due, or 0 if none is
 */
time_t ksc_expiry_last(time_t from, time_t to, time_t now)
{
	size_t i;

	for (i = ARRAY_SIZE(stages); i--; )
		if (stage_at(i, from, to) <= now)
			return stage_at(i, from, to);
	return 0;
}

/**
 * ksc_expiry_next() - find the next warning
 * @from: when the certificate becomes valid
 * @to: when it expires
 * @now: the time
 *
 * Return: when it is due, or 0 if the certificate has expired
 */
time_t ksc_expiry_next(time_t from, time_t to, time_t now)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(stages); i++)
		if (stage_at(i, from, to) > now)
			return stage_at(i, from, to);
	return 0;
}

static void warn(const struct ksc_credential *cred, const struct ksc_own *own, time_t now)
{
	struct ksc_fields fields = { .len = 0 };
	char date[DATE_TEXT] = "?";
	struct tm tm;

	if (gmtime_r(&own->to, &tm))
		strftime(date, sizeof(date), "%FT%TZ", &tm);
	ksc_fields_add(&fields, "credential", cred->name);
	ksc_fields_add(&fields, "file", own->path);
	ksc_fields_add(&fields, "at", date);
	if (own->to <= now) {
		ksc_log(KSC_LOG_ERROR, "event=certificate-expired%s", fields.text);
		return;
	}
	ksc_fields_number(&fields, "hours", (unsigned long)((own->to - now) / 3600));
	ksc_log(KSC_LOG_WARNING, "event=certificate-expires%s", fields.text);
}

/* Warns of what became due since the last look. */
static void look(struct ksc_expiry *expiry)
{
	const time_t now = time(NULL);
	time_t next = 0;
	unsigned int k;
	size_t i;

	for (i = 0; i < expiry->set->n; i++) {
		const struct ksc_credential *cred = expiry->set->list[i];

		for (k = 0; k < cred->n_certs; k++) {
			const struct ksc_own *own = &cred->certs[k];
			const time_t due = ksc_expiry_next(own->from, own->to, now);

			if (ksc_expiry_last(own->from, own->to, now) > expiry->looked)
				warn(cred, own, now);
			if (due && (!next || due < next))
				next = due;
		}
	}
	expiry->looked = now;
	ev_periodic_stop(expiry->loop, &expiry->timer);
	if (!next)
		return;
	ev_periodic_set(&expiry->timer, (ev_tstamp)next, 0, NULL);
	ev_periodic_start(expiry->loop, &expiry->timer);
}

static void on_due(struct ev_loop *loop, ev_periodic *timer, int events)
{
	(void)loop;
	(void)events;
	look(timer->data);
}

/**
 * ksc_expiry_new() - allocate the watch
 * @loop: the event loop
 *
 * Return: the watch, or NULL if out of memory
 */
struct ksc_expiry *ksc_expiry_new(struct ev_loop *loop)
{
	struct ksc_expiry *expiry = calloc(1, sizeof(*expiry));

	if (!expiry)
		return NULL;
	expiry->loop = loop;
	ev_periodic_init(&expiry->timer, on_due, 0, 0, NULL);
	expiry->timer.data = expiry;
	return expiry;
}

/**
 * ksc_expiry_watch() - watch the credentials in force
 * @expiry: the watch
 * @set: the credentials, to which it takes a reference
 *
 * Warns at once of those that are due.
 */
void ksc_expiry_watch(struct ksc_expiry *expiry, struct ksc_credentials *set)
{
	ksc_credentials_get(set);
	ksc_credentials_put(expiry->set);
	expiry->set = set;
	expiry->looked = 0;
	look(expiry);
}

/**
 * ksc_expiry_free() - end the watch
 * @expiry: the watch, or NULL
 */
void ksc_expiry_free(struct ksc_expiry *expiry)
{
	if (!expiry)
		return;
	ev_periodic_stop(expiry->loop, &expiry->timer);
	ksc_credentials_put(expiry->set);
	free(expiry);
}
