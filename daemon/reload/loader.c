// SPDX-License-Identifier: GPL-2.0-only
/*
 * A thread that makes a configuration of what the reader has handed over: keys are looked at,
 * lists of authorities taken apart, and a policy may be long. The loop's has steps to hand on
 * meanwhile.
 */
#include <stdio.h>
#include <stdlib.h>

#include "process/pool.h"
#include "reload/loader.h"

/**
 * struct ksc_loader - the thread
 * @job: what it makes; first
 * @pool: the thread itself, alone
 * @path: the configuration's name
 * @loaded: told when it is there
 * @ptr: given to that
 * @handed: what it is made of, the thread's
 * @config: made
 * @complaints: likewise
 * @ending: nobody is to be told any more
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
 * ksc_loader_make() - make a configuration
 * @path: its name
 * @handed: the files and accounts that it is made of, which are forgotten then
 * @complaints: set to what is wrong, a line each, to be freed; NULL without memory
 *
 * Return: it, or NULL
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
		/* of what was not begun, there are keys still */
		ksc_handed_free(loader->handed);
		ksc_config_free(config);
	} else {
		loader->loaded(loader->ptr, config, complaints);
	}
	free(complaints);
}

/**
 * ksc_loader_new() - prepare the thread
 * @loop: the loop of the caller's
 * @path: the configuration's name, which has to stay
 * @loaded: told of each configuration, by the loop
 * @ptr: given to that
 *
 * Return: the loader, or NULL without memory
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
 * ksc_loader_start() - start the thread, before there can be no more
 * @loader: the loader
 *
 * Return: 0 or a negative errno
 */
int ksc_loader_start(struct ksc_loader *loader)
{
	return ksc_pool_start(loader->pool);
}

/**
 * ksc_loader_load() - have a configuration made
 * @loader: the loader, which has told of the last one
 * @handed: what it is made of, the loader's
 */
void ksc_loader_load(struct ksc_loader *loader, struct ksc_handed *handed)
{
	loader->handed = handed;
	ksc_pool_add(loader->pool, &loader->job);
}

/**
 * ksc_loader_free() - end the thread
 * @loader: the loader, or NULL; nothing is told any more
 *
 * Return: true; false if the thread does not come to its end, so that all of it is left to the
 * end of the process, which should be at once
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
