// SPDX-License-Identifier: GPL-2.0-only
/*
 * Remembers the host names by which addresses were looked up.
 *
 * A program that resolves a name and then connects does not say how the two are related. The owner
 * of a name decides which addresses it has, including those of others, and may be able to make a
 * program look it up: neither the latest name of an address nor the latest of a thread tells which
 * server a connection is for.
 *
 * So each result is marked, in an unused part of the socket address, which programs copy along with
 * the rest. A resolver cannot set a mark, and a mark is only valid for the address that it was made
 * for. If it is lost, for example in a program that converts the address to text and back, the
 * certificate has to match all names of the address.
 *
 * The memory for this is bounded. A lookup that is evicted leaves a trace: the address is known to
 * have had a name that is no longer known.
 */
#include <arpa/inet.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/random.h>

#include <linux/kschannel.h>

#include "preload/names.h"

/* A name can have many addresses, and a program can use many names at once. */
#define NAMES_MAX	1024

#define TRACES_MAX	65536
/* More than one name; no hash has this value. */
#define SEVERAL		UINT64_MAX

/*
 * The size of a flow label (RFC 6437, 2): Linux uses sin6_flowinfo only on sockets that have asked
 * for it, and programs that parse it pass on no more than this.
 */
#define TAG_BITS	20
#define TAGS		(1U << TAG_BITS)

/* Linux accepts IPv6 addresses of this length, without sin6_scope_id (RFC 2133). */
#define SHORT_IN6	offsetof(struct sockaddr_in6, sin6_scope_id)

/* Replaces a name that is unknown or cannot be passed on: no certificate matches it. */
static const char unknown[] = "*";

/**
 * struct lookup - one address that a name had
 * @addr: the address; IPv4 as v4-mapped
 * @used: number of the lookup that returned it last; 0: this entry is unused
 * @tag: marks the address, 0 if no tag was left
 * @name: the name
 */
struct lookup {
	struct in6_addr addr;
	uint64_t used;
	uint32_t tag;
	char name[KSC_MAX_NAME + 1];
};

/**
 * struct trace - what is kept of evicted lookups
 * @addr: hash of the address, or SEVERAL; 0: none
 * @name: hash of the name, or SEVERAL
 */
struct trace {
	uint64_t addr;
	uint64_t name;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct lookup lookups[NAMES_MAX];
static struct trace traces[TRACES_MAX];
static uint64_t count;

/* Used tags, which are never reused: an address kept for long must not get another's name. */
static uint8_t spent[TAGS / CHAR_BIT];
static unsigned int n_spent;

/**
 * struct secret - random values that are unknown outside of the process
 * @mark: precedes the tag if there is room
 * @keys: keys of the hashes
 */
static struct secret {
	uint64_t mark;
	uint32_t keys[2];
} secret;

static void before_fork(void)
{
	pthread_mutex_lock(&lock);
}

static void after_fork(void)
{
	pthread_mutex_unlock(&lock);
}

static bool draw(void *to, size_t len)
{
	return getrandom(to, len, 0) == (ssize_t)len;
}

/**
 * names_init() - initialize; called once, before the others
 */
void names_init(void)
{
	_Static_assert(sizeof(secret) == 16, "AT_RANDOM's");
	/* On failure there are no tags. The keys of hashes are never visible, and can be libc's. */
	if (!draw(&secret, sizeof(secret))) {
		n_spent = TAGS;
		memcpy(&secret, (const void *)getauxval(AT_RANDOM), sizeof(secret));
	}
	pthread_atfork(before_fork, after_fork, after_fork);
}

/* A signal handler may call connect(): it must not find the lock taken by its own thread.
 */
static void names_lock(sigset_t *old)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, old);
	pthread_mutex_lock(&lock);
}

static void names_unlock(const sigset_t *old)
{
	pthread_mutex_unlock(&lock);
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

static bool to_in6(const struct sockaddr *addr, socklen_t len, struct in6_addr *in6)
{
	if (addr->sa_family == AF_INET6 && len >= SHORT_IN6) {
		*in6 = ((const struct sockaddr_in6 *)addr)->sin6_addr;
		return true;
	}
	if (addr->sa_family == AF_INET && len >= sizeof(struct sockaddr_in)) {
		memset(in6, 0, sizeof(*in6));
		in6->s6_addr[10] = 0xff;
		in6->s6_addr[11] = 0xff;
		memcpy(in6->s6_addr + 12, &((const struct sockaddr_in *)addr)->sin_addr, 4);
		return true;
	}
	return false;
}

/* ---- names ---- */

/* RFC 4343: only ASCII letters, whatever the program's locale. */
static unsigned char lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static bool same_name(const char *a, const char *b)
{
	for (; *a && lower(*a) == lower(*b); a++, b++)
		;
	return lower(*a) == lower(*b);
}

/* Polynomials modulo a prime at a secret point: without the keys, collisions cannot be found. */
static uint64_t hash(const void *data, size_t len)
{
	const uint32_t prime = (1U << 31) - 1;
	uint64_t value[2] = { 1, 1 }, mixed;

	for (size_t i = 0; i < len; i++)
		for (int k = 0; k < 2; k++)
			value[k] = (value[k] * (secret.keys[k] % prime) +
				    lower(((const char *)data)[i]) + 1) % prime;
	/* Otherwise similar inputs would be neighbours. */
	mixed = value[0] << 31 | value[1];
	mixed = (mixed ^ mixed >> 33) * 0xff51afd7ed558ccd;
	mixed = (mixed ^ mixed >> 33) * 0xc4ceb9fe1a85ec53;
	return mixed >> 2 | 1ULL << 62;
}

static uint64_t hash_name(const char *name)
{
	return hash(name, strlen(name));
}

/* Any form that the C library accepts as an address, even with a zone: RFC 4007, 11. */
static bool is_numeric(const char *name)
{
	char text[INET6_ADDRSTRLEN];
	size_t len = strcspn(name, "%");
	struct in6_addr in6;
	struct in_addr in;

	if (inet_aton(name, &in))
		return true;
	if (len >= sizeof(text))
		return false;
	memcpy(text, name, len);
	text[len] = '\0';
	return inet_pton(AF_INET6, text, &in6) == 1;
}

/* As in the socket option, where commas separate several names. */
static void copy_name(char *to, const char *name)
{
	size_t len = strlen(name);

	/* "host." is an absolute "host" */
	if (len && name[len - 1] == '.')
		len--;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || strchr(",*\x7f", name[i]))
			len = 0;
	if (!len || len > KSC_MAX_NAME) {
		name = unknown;
		len = strlen(unknown);
	}
	memcpy(to, name, len);
	to[len] = '\0';
}

/* ---- marks ---- */

static bool is_spent(uint32_t tag)
{
	return spent[tag / CHAR_BIT] & 1 << tag % CHAR_BIT;
}

/* Random, so that processes, which can pass addresses to each other, have different tags. */
static uint32_t new_tag(void)
{
	uint32_t tag;

	while (n_spent < TAGS / 2 && draw(&tag, sizeof(tag))) {
		tag %= TAGS;
		if (!tag || is_spent(tag))
			continue;
		spent[tag / CHAR_BIT] |= (uint8_t)(1 << tag % CHAR_BIT);
		n_spent++;
		return tag;
	}
	return 0;
}

static uint64_t mark_of(uint32_t tag)
{
	return secret.mark << TAG_BITS | tag;
}

static void put_mark(struct sockaddr *addr, uint32_t tag)
{
	uint64_t mark = mark_of(tag);

	_Static_assert(sizeof(mark) == sizeof(((struct sockaddr_in *)0)->sin_zero), "room");
	if (!tag)
		return;
	if (addr->sa_family == AF_INET)
		memcpy(((struct sockaddr_in *)addr)->sin_zero, &mark, sizeof(mark));
	else
		((struct sockaddr_in6 *)addr)->sin6_flowinfo = htonl(tag);
}

/* An unknown prefix, or a tag that was never assigned, is the program's own data. */
static uint32_t get_mark(const struct sockaddr *addr)
{
	uint32_t tag;
	uint64_t mark;

	if (addr->sa_family == AF_INET6) {
		tag = ntohl(((const struct sockaddr_in6 *)addr)->sin6_flowinfo);
		return tag < TAGS && is_spent(tag) ? tag : 0;
	}
	memcpy(&mark, ((const struct sockaddr_in *)addr)->sin_zero, sizeof(mark));
	tag = mark % TAGS;
	return mark == mark_of(tag) && is_spent(tag) ? tag : 0;
}

/* ---- lookups ---- */

static struct trace *trace_of(uint64_t addr)
{
	return &traces[addr % TRACES_MAX];
}

static void leave_trace(const struct lookup *lookup)
{
	uint64_t addr = hash(&lookup->addr, sizeof(lookup->addr));
	uint64_t name = hash_name(lookup->name);
	struct trace *trace = trace_of(addr);

	if (!trace->addr) {
		trace->addr = addr;
		trace->name = name;
	}
	if (trace->addr != addr)
		trace->addr = SEVERAL;
	if (trace->name != name)
		trace->name = SEVERAL;
}

/* Returns the lookup, a new one if necessary; called with the locks held. */
static struct lookup *take_lookup(const char *name, const struct in6_addr *addr)
{
	struct lookup *oldest = lookups;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		struct lookup *lookup = &lookups[i];

		if (lookup->used && !memcmp(&lookup->addr, addr, sizeof(*addr)) &&
		    same_name(lookup->name, name)) {
			lookup->used = ++count;
			return lookup;
		}
		if (lookup->used < oldest->used)
			oldest = lookup;
	}
	if (oldest->used)
		leave_trace(oldest);
	oldest->addr = *addr;
	oldest->tag = new_tag();
	oldest->used = ++count;
	memcpy(oldest->name, name, strlen(name) + 1);
	return oldest;
}

static uint32_t remember(const char *name, const struct sockaddr *addr)
{
	char copy[KSC_MAX_NAME + 1];
	struct in6_addr in6;
	sigset_t old;
	uint32_t tag;

	/* An address as name says nothing about the address's names. */
	if (is_numeric(name) || !to_in6(addr, sizeof(struct sockaddr_in6), &in6))
		return 0;
	copy_name(copy, name);
	names_lock(&old);
	tag = take_lookup(copy, &in6)->tag;
	names_unlock(&old);
	return tag;
}

/**
 * names_remember() - remember a lookup
 * @name: the name
 * @addr: the address, a complete struct sockaddr_in or sockaddr_in6
 */
void names_remember(const char *name, const struct sockaddr *addr)
{
	remember(name, addr);
}

/**
 * names_mark() - remember a lookup, and mark the address
 * @name: the name
 * @addr: the address, a complete struct sockaddr_in or sockaddr_in6; copies of it keep the mark
 */
void names_mark(const char *name, struct sockaddr *addr)
{
	put_mark(addr, remember(name, addr));
}

/**
 * names_unmark() - remove the mark before the kernel gets the address
 * @addr: the address
 * @len: its length
 */
void names_unmark(struct sockaddr *addr, socklen_t len)
{
	struct in6_addr in6;
	sigset_t old;

	if (!to_in6(addr, len, &in6))
		return;
	names_lock(&old);
	if (get_mark(addr)) {
		if (addr->sa_family == AF_INET)
			memset(((struct sockaddr_in *)addr)->sin_zero, 0, 8);
		else
			((struct sockaddr_in6 *)addr)->sin6_flowinfo = 0;
	}
	names_unlock(&old);
}

static const struct lookup *find_marked(const struct in6_addr *addr, uint32_t tag)
{
	for (size_t i = 0; tag && i < NAMES_MAX; i++)
		if (lookups[i].tag == tag)
			return memcmp(&lookups[i].addr, addr, sizeof(*addr)) ? NULL : &lookups[i];
	return NULL;
}

static const struct lookup *next_older(const struct in6_addr *addr, uint64_t used)
{
	const struct lookup *found = NULL;

	for (size_t i = 0; i < NAMES_MAX; i++) {
		const struct lookup *lookup = &lookups[i];

		if (lookup->used && lookup->used < used &&
		    !memcmp(&lookup->addr, addr, sizeof(*addr)) &&
		    (!found || lookup->used > found->used))
			found = lookup;
	}
	return found;
}

/* Lists all names of the address, latest first. */
static void list_names(const struct in6_addr *addr, char *list, size_t size)
{
	uint64_t addr_hash = hash(addr, sizeof(*addr));
	const struct trace *trace = trace_of(addr_hash);
	bool lost = trace->addr == addr_hash || trace->addr == SEVERAL;
	const struct lookup *lookup, *older;
	size_t at = 0;

	for (lookup = next_older(addr, UINT64_MAX); lookup; lookup = older) {
		size_t len = strlen(lookup->name);

		older = next_older(addr, lookup->used);
		if (trace->name == hash_name(lookup->name))
			lost = false;
		/* Leave room for a star, unless this is the last name. */
		if ((at || older) && at + 1 + len + sizeof(",*") > size) {
			lost = true;
			break;
		}
		if (at)
			list[at++] = ',';
		memcpy(list + at, lookup->name, len);
		at += len;
	}
	if (lost && at + sizeof(",*") > size)
		at = 0;
	if (lost && at)
		list[at++] = ',';
	if (lost)
		list[at++] = unknown[0];
	list[at] = '\0';
}

/**
 * names_find() - find the name that was looked up for an address
 * @addr: the address, with its mark
 * @len: its size in bytes
 * @list: gets the name, or all possible names separated by commas; "*" stands for one that is no
 *	longer known
 * @size: size of @list in bytes, more than KSC_MAX_NAME
 * Return: whether there is a name
 */
bool names_find(const struct sockaddr *addr, socklen_t len, char *list, size_t size)
{
	const struct lookup *found;
	struct in6_addr in6;
	sigset_t old;

	if (!to_in6(addr, len, &in6))
		return false;
	names_lock(&old);
	found = find_marked(&in6, get_mark(addr));
	if (found)
		memcpy(list, found->name, strlen(found->name) + 1);
	else
		list_names(&in6, list, size);
	names_unlock(&old);
	return *list;
}
