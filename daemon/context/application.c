// SPDX-License-Identifier: GPL-2.0-only
/*
 * The contexts of an application. It gets one descriptor at a time: the keys of the next context go
 * to the kernel after those of the previous one were sent to the application.
 */
#include <errno.h>

#include "context/application.h"
#include "context/set.h"

/**
 * ksc_application_find() - find an application's context
 * @app: the application
 * @number: the application's number of the context
 *
 * Return: the context, or NULL
 */
struct ksc_context *ksc_application_find(struct ksc_application *app, uint32_t number)
{
	struct ksc_context *context;

	HASH_FIND(hh, app->contexts, &number, sizeof(number), context);
	return context;
}

/**
 * ksc_application_add() - add a context to an application
 * @app: the application
 * @context: the context, whose number is unused
 *
 * Return: 0 or -ENOMEM
 */
int ksc_application_add(struct ksc_application *app, struct ksc_context *context)
{
	HASH_ADD(hh, app->contexts, number, sizeof(context->number), context);
	return ksc_hash_added(&context->hh) ? 0 : -ENOMEM;
}

/**
 * ksc_application_ask() - send the keys of the next context to the kernel
 * @app: the application; nothing is done while earlier keys are on their way to it
 */
void ksc_application_ask(struct ksc_application *app)
{
	struct ksc_context *context;

	/* a refused request calls this again */
	if (app->held)
		return;
	app->held = true;
	while (!app->asking && !ksc_connection_waits(&app->conn) &&
	       (context = TAILQ_FIRST(&app->wanted))) {
		TAILQ_REMOVE(&app->wanted, context, keys);
		app->asking = context;
		ksc_contexts_ask(app->of, context);
	}
	app->held = false;
}

/**
 * ksc_application_remove() - remove a context from an application
 * @app: the application
 * @context: the context
 */
void ksc_application_remove(struct ksc_application *app, struct ksc_context *context)
{
	HASH_DEL(app->contexts, context);
	if (app->asking == context) {
		ksc_contexts_forget(app->of, context);
		app->asking = NULL;
		ksc_application_ask(app);
	} else if (context->step) {
		TAILQ_REMOVE(&app->wanted, context, keys);
	}
}

/**
 * ksc_application_want() - queue a context's keys for the kernel
 * @app: its application
 * @context: the context, whose last step is finished
 */
void ksc_application_want(struct ksc_application *app, struct ksc_context *context)
{
	TAILQ_INSERT_TAIL(&app->wanted, context, keys);
	ksc_application_ask(app);
}
