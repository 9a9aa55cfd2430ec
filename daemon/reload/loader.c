// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that builds a configuration from what the reader has handed over: it imports keys and
 * parses lists of authorities, and the policy can be long. Meanwhile the event loop's thread
 * dispatches steps.
 */
#include <stdio.h>
#include <stdlib.h>

#include "process/pool.h"
#include "reload/loader.h"

/**
 * struct ksc_loader - the thread
 * @job: its job; first
 * @pool: a pool with this one thread
 * @path: path of the configuration
 * @loaded: called with the result
 * @ptr: argument of @loaded
 * @handed: the input, owned by the thread
 * @config: the result
 * @complaints: the result
 * @ending: @loaded is no longer called
 */
struct ksc_loader {
	struct ksc_job job;
	struct ksc_pool *pool;
	const char *path;
	ksc_loaded_fn *loaded;
	void *ptr;
	struct ksc_handed *handed;
	struct ksc_config *config;
	char *complaints;
	bool ending;
};

/**
 * ksc_loader_make() - build a configuration
 * @path: its path
 * @handed: its files and accounts, which are freed
 * @complaints: set to what is wrong, one complaint in a line, which the caller frees; NULL if out
 *	of memory
 *
 * Return: the configuration, or NULL
 */
struct ksc_config *ksc_loader_make(const char *path, struct ksc_handed *handed, char **complaints)
{
	struct ksc_config *config = NULL;
	size_t size;
	FILE *out;

	*complaints = NULL;
	out = open_memstream(complaints, &size);
	if (out) {
		ksc_handed_use(handed);
		config = ksc_config_load(path, out);
		fclose(out);
	}
	ksc_handed_free(handed);
	return config;
}

static void run(struct ksc_job *job)
{
	struct ksc_loader *loader = (struct ksc_loader *)job;
	struct ksc_handed *handed = loader->handed;

	loader->handed = NULL;
	loader->config = ksc_loader_make(loader->path, handed, &loader->complaints);
}

static void done(struct ksc_job *job)
{
	struct ksc_loader *loader = (struct ksc_loader *)job;
	struct ksc_config *config = loader->config;
	char *complaints = loader->complaints;

	loader->config = NULL;
	loader->complaints = NULL;
	if (loader->ending) {
		/* the input of a job that was not started contains keys */
		ksc_handed_free(loader->handed);
		ksc_config_free(config);
	} else {
		loader->loaded(loader->ptr, config, complaints);
	}
	free(complaints);
}

/**
 * ksc_loader_new() - create a loader, whose thread is not started
 * @loop: the loop of the caller's thread
 * @path: path of the configuration, not copied
 * @loaded: called with each result, in the loop's thread
 * @ptr: argument of @loaded
 *
 * Return: the loader, or NULL if out of memory
 */
struct ksc_loader *ksc_loader_new(struct ev_loop *loop, const char *path, ksc_loaded_fn *loaded,
				  void *ptr)
{
	struct ksc_loader *loader = calloc(1, sizeof(*loader));

	if (!loader)
		return NULL;
	loader->pool = ksc_pool_new(loop, 1);
	if (!loader->pool) {
		free(loader);
		return NULL;
	}
	loader->job.run = run;
	loader->job.done = done;
	loader->path = path;
	loader->loaded = loaded;
	loader->ptr = ptr;
	return loader;
}

/**
 * ksc_loader_start() - start the thread, before the sandbox denies that
 * @loader: the loader
 *
 * Return: 0 or a negative errno
 */
int ksc_loader_start(struct ksc_loader *loader)
{
	return ksc_pool_start(loader->pool);
}

/**
 * ksc_loader_load() - begin to build a configuration
 * @loader: the loader, idle
 * @handed: the input, owned by the loader
 */
void ksc_loader_load(struct ksc_loader *loader, struct ksc_handed *handed)
{
	loader->handed = handed;
	ksc_pool_add(loader->pool, &loader->job);
}

/**
 * ksc_loader_free() - stop the thread and free the loader
 * @loader: the loader, or NULL; its callback is no longer called
 *
 * Return: true; false if the thread does not end, so that nothing is freed and the process should
 * exit at once
 */
bool ksc_loader_free(struct ksc_loader *loader)
{
	if (!loader)
		return true;
	loader->ending = true;
	if (!ksc_pool_stop(loader->pool))
		return false;
	ksc_pool_free(loader->pool);
	free(loader);
	return true;
}
