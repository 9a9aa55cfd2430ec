// SPDX-License-Identifier: GPL-2.0-only
/* A unit's properties from systemd, and what follows from them and from its name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/facts.h"

/**
 * ctl_has_suffix() - check whether a unit has a type
 * @unit: its name
 * @suffix: the type, such as ".service"
 */
bool ctl_has_suffix(const char *unit, const char *suffix)
{
	size_t len = strlen(unit), tail = strlen(suffix);

	return len > tail && !strcmp(unit + len - tail, suffix);
}

/* Returns the text between two marks, to the end if @after is missing; the caller frees it. */
static char *between(const char *value, const char *before, const char *after)
{
	const char *start = strstr(value, before), *end;

	if (!start)
		return ctl_alloc(strdup(""));
	start += strlen(before);
	end = strstr(start, after);
	return ctl_alloc(strndup(start, end ? (size_t)(end - start) : strlen(start)));
}

/* "{ path=/bin/x ; argv[]=/bin/x -y ; ignore_errors=..." */
static void add_program(struct ctl_facts *facts, const char *value)
{
	static const char before[] = "{ path=";
	size_t size = (facts->n_programs + 1) * sizeof(*facts->programs);

	if (strncmp(value, before, strlen(before)) != 0)
		return;
	facts->programs = ctl_alloc(realloc(facts->programs, size));
	facts->commands = ctl_alloc(realloc(facts->commands, size));
	facts->programs[facts->n_programs] = between(value, before, " ; ");
	facts->commands[facts->n_programs++] = between(value, " ; argv[]=", " ; ignore_errors=");
}

/* "[::]:80 (Stream)"; paths, and families without ports, have no colon before a number */
static void add_port(struct ctl_facts *facts, const char *value)
{
	const char *colon = strrchr(value, ':');
	unsigned long port;
	char *end;

	if (!colon || *value == '/' || *value == '@' || !strncmp(value, "vsock:", 6) ||
	    !ctl_has_suffix(value, " (Stream)"))
		return;
	port = strtoul(colon + 1, &end, 10);
	if (end == colon + 1 || !port || port > UINT16_MAX)
		return;
	facts->ports = ctl_alloc(reallocarray(facts->ports, facts->n_ports + 1,
					      sizeof(*facts->ports)));
	facts->ports[facts->n_ports++] = (uint16_t)port;
}

static void set(char **place, const char *value)
{
	free(*place);
	*place = ctl_alloc(strdup(value));
}

static void take(struct ctl_facts *facts, const char *name, const char *value)
{
	if (!strcmp(name, "LoadState"))
		snprintf(facts->load, sizeof(facts->load), "%s", value);
	else if (!strcmp(name, "ActiveState"))
		facts->in_use |= !strcmp(value, "active") || !strcmp(value, "activating");
	else if (!strcmp(name, "UnitFileState"))
		facts->in_use |= !strncmp(value, "enabled", strlen("enabled"));
	else if (!strcmp(name, "Type"))
		facts->oneshot = !strcmp(value, "oneshot");
	else if (!strcmp(name, "SubState"))
		facts->exited = !strcmp(value, "exited");
	else if (!strcmp(name, "ControlGroup"))
		set(&facts->cgroup, value);
	else if (!strcmp(name, "Accept"))
		facts->accept = !strcmp(value, "yes");
	else if (!strcmp(name, "ExecStart"))
		add_program(facts, value);
	else if (!strcmp(name, "Listen"))
		add_port(facts, value);
	else if (!strcmp(name, "TriggeredBy"))
		set(&facts->triggers, value);
	else if (!strcmp(name, "ConsistsOf"))
		set(&facts->parts, value);
	else if (!strcmp(name, "Environment"))
		set(&facts->environment, value);
	else if (!strcmp(name, "NoExecPaths"))
		facts->exec_paths = *value;
	else if (!strcmp(name, "PAMName"))
		facts->session = *value;
}

/**
 * ctl_facts_parse() - parse the output of systemctl show
 * @text: the output, lines of NAME=VALUE
 * @facts: zeroed; ctl_facts_free() frees them
 */
void ctl_facts_parse(const char *text, struct ctl_facts *facts)
{
	char *copy = ctl_alloc(strdup(text)), *next = copy, *line;

	while ((line = strsep(&next, "\n"))) {
		char *value = strchr(line, '=');

		if (!value)
			continue;
		*value++ = '\0';
		take(facts, line, value);
	}
	free(copy);
}

/**
 * ctl_facts_free() - free the members
 * @facts: the facts
 */
void ctl_facts_free(struct ctl_facts *facts)
{
	for (size_t i = 0; i < facts->n_programs; i++) {
		free(facts->programs[i]);
		free(facts->commands[i]);
	}
	free(facts->programs);
	free(facts->commands);
	free(facts->ports);
	free(facts->cgroup);
	free(facts->triggers);
	free(facts->parts);
	free(facts->environment);
	memset(facts, 0, sizeof(*facts));
}

/**
 * ctl_is_template() - check whether a name is that of a template, such as "x@.service"
 * @unit: the name
 */
bool ctl_is_template(const char *unit)
{
	return strstr(unit, "@.");
}

/**
 * ctl_instance() - find a unit that systemd can show
 * @unit: a unit; for a template, the result is an instance of it
 * @instance: gets the name; empty if that is too long
 */
void ctl_instance(const char *unit, char instance[CTL_UNIT_SIZE])
{
	const char *at = ctl_is_template(unit) ? strchr(unit, '@') + 1 : NULL;
	int len = at ? snprintf(instance, CTL_UNIT_SIZE, "%.*sx%s", (int)(at - unit), unit, at) :
		       snprintf(instance, CTL_UNIT_SIZE, "%s", unit);

	if (len >= CTL_UNIT_SIZE)
		instance[0] = '\0';
}

/**
 * ctl_own_socket() - find the socket unit that starts a service by default
 * @unit: the service, or its template
 * @name: gets the socket unit's name; empty if that is too long
 */
void ctl_own_socket(const char *unit, char name[CTL_UNIT_SIZE])
{
	const char *at = strchr(unit, '@'), *end = at ? at : strrchr(unit, '.');

	if (snprintf(name, CTL_UNIT_SIZE, "%.*s.socket", (int)(end - unit), unit) >=
	    CTL_UNIT_SIZE)
		name[0] = '\0';
}

/**
 * ctl_next_unit() - find a list's next unit of a type
 * @list: names separated by blanks, or NULL; set to the rest of it
 * @suffix: the type, such as ".socket"
 * @name: gets the name
 * Return: false if no such unit is left
 */
bool ctl_next_unit(const char **list, const char *suffix, char name[CTL_UNIT_SIZE])
{
	while (*list && **list) {
		size_t len = strcspn(*list, " ");

		snprintf(name, CTL_UNIT_SIZE, "%.*s", (int)len, *list);
		*list += len + strspn(*list + len, " ");
		if (ctl_has_suffix(name, suffix))
			return true;
	}
	return false;
}

/**
 * ctl_starts_nothing() - check whether a service only groups other units
 * @facts: its properties
 */
bool ctl_starts_nothing(const struct ctl_facts *facts)
{
	for (size_t i = 0; i < facts->n_programs; i++) {
		const char *slash = strrchr(facts->programs[i], '/');
		const char *name = slash ? slash + 1 : facts->programs[i];

		if (strcmp(name, "true") != 0 && strcmp(name, ":") != 0)
			return false;
	}
	return true;
}

/**
 * ctl_is_passing() - check whether a service has no process left once it is started
 * @facts: its properties, as far as they are known
 */
bool ctl_is_passing(const struct ctl_facts *facts)
{
	return (facts->oneshot || facts->exited) && !facts->has_tasks;
}
