// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accounts and groups by their names. A daemon that is confined may not be able to ask any
 * more: the file has been replaced, or there is a service behind it. What it has been told
 * before it remembers, and falls back to.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "account.h"

/**
 * struct account - an account
 * @name: its name
 * @uid: its number
 * @gid: its own group
 * @next: another one
 */
struct account {
	char *name;
	uid_t uid;
	gid_t gid;
	struct account *next;
};

/**
 * struct group_name - a group's name
 * @name: its name
 * @gid: its number
 * @next: another one
 */
struct group_name {
	char *name;
	gid_t gid;
	struct group_name *next;
};

/**
 * struct members - who is in a group
 * @gid: the group
 * @uids: the accounts
 * @n: how many
 * @next: another group
 */
struct members {
	gid_t gid;
	uid_t *uids;
	size_t n;
	struct members *next;
};

static struct account *accounts;
static struct group_name *group_names;
static struct members *groups;
static bool confined;

/**
 * ksc_account_confine() - from now on, go by what was known until now
 *
 * That is, where nothing else is to be found out.
 */
void ksc_account_confine(void)
{
	confined = true;
}

/**
 * ksc_account_hint() - what to say of a name that is not known
 *
 * Return: the end of a sentence, or ""
 */
const char *ksc_account_hint(void)
{
	return confined ? ", or it is new since the daemon was started" : "";
}

static struct account *remembered(const char *name)
{
	struct account *a;

	for (a = accounts; a && strcmp(a->name, name); a = a->next)
		;
	return a;
}

static struct account *remember(const struct passwd *pw)
{
	struct account *a = remembered(pw->pw_name);

	if (!a) {
		a = calloc(1, sizeof(*a));
		if (a)
			a->name = strdup(pw->pw_name);
		if (!a || !a->name) {
			free(a);
			return NULL;
		}
		a->next = accounts;
		accounts = a;
	}
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	return a;
}

/**
 * ksc_account_find() - look up an account
 * @name: its name
 * @uid: set to its number
 * @gid: set to its own group
 *
 * Return: 0, -ENOENT if there is none, or -ENOMEM
 */
int ksc_account_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);
	const struct account *a;

	if (!pw && !confined)
		return -ENOENT;
	a = pw ? remember(pw) : remembered(name);
	if (!a)
		return pw ? -ENOMEM : -ENOENT;
	*uid = a->uid;
	*gid = a->gid;
	return 0;
}

/**
 * ksc_group_find() - look up a group
 * @name: its name
 * @gid: set to its number
 *
 * Return: 0, -ENOENT if there is none, or -ENOMEM
 */
int ksc_group_find(const char *name, gid_t *gid)
{
	const struct group *gr = getgrnam(name);
	struct group_name *g;

	if (!gr && !confined)
		return -ENOENT;
	for (g = group_names; g && strcmp(g->name, name); g = g->next)
		;
	if (gr && !g) {
		g = calloc(1, sizeof(*g));
		if (g)
			g->name = strdup(name);
		if (!g || !g->name) {
			free(g);
			return -ENOMEM;
		}
		g->next = group_names;
		group_names = g;
	}
	if (gr)
		g->gid = gr->gr_gid;
	else if (!g)
		return -ENOENT;
	*gid = g->gid;
	return 0;
}

/* With room for @n, which is not yet set. */
static struct members *members_of(gid_t gid, size_t n)
{
	struct members *m;
	uid_t *uids;

	for (m = groups; m && m->gid != gid; m = m->next)
		;
	uids = calloc(n ? n : 1, sizeof(*uids));
	if (!uids)
		return NULL;
	if (!m) {
		m = calloc(1, sizeof(*m));
		if (!m) {
			free(uids);
			return NULL;
		}
		m->gid = gid;
		m->next = groups;
		groups = m;
	}
	free(m->uids);
	m->uids = uids;
	m->n = 0;
	return m;
}

static int learn_members(const struct group *gr)
{
	struct members *m;
	size_t n = 0, i;
	gid_t own;
	int rc = 0;

	while (gr->gr_mem[n])
		n++;
	m = members_of(gr->gr_gid, n);
	if (!m)
		return -ENOMEM;
	for (i = 0; rc != -ENOMEM && i < n; i++) {
		rc = ksc_account_find(gr->gr_mem[i], &m->uids[m->n], &own);
		if (!rc)
			m->n++;
	}
	return rc == -ENOMEM ? rc : 0;
}

/**
 * ksc_group_members() - who is in a group beside those whose own it is
 * @gid: the group
 * @uids: set to an array of accounts, or NULL, to be freed whatever comes of it
 * @n: set to how many
 *
 * Return: 0, also if there is no such group, or -ENOMEM
 */
int ksc_group_members(gid_t gid, uid_t **uids, size_t *n)
{
	const struct group *gr = getgrgid(gid);
	const struct members *m;

	*uids = NULL;
	*n = 0;
	if (!gr && !confined)
		return 0;
	if (gr && learn_members(gr))
		return -ENOMEM;
	for (m = groups; m && m->gid != gid; m = m->next)
		;
	if (!m || !m->n)
		return 0;
	*uids = calloc(m->n, sizeof(**uids));
	if (!*uids)
		return -ENOMEM;
	memcpy(*uids, m->uids, m->n * sizeof(**uids));
	*n = m->n;
	return 0;
}
