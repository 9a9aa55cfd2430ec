// SPDX-License-Identifier: GPL-2.0-only
/* What systemd reports of a unit, as "systemctl show" prints it. */
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>

#include "ctl/facts.h"

static void running(void **state)
{
	static const char text[] =
		"ExecStart={ path=/usr/bin/install ; argv[]=/usr/bin/install -d /run/x ; "
		"ignore_errors=no ; start_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }\n"
		"ExecStart={ path=/usr/sbin/a b ; argv[]=/usr/sbin/a b -x ; pid=0 }\n"
		"LoadState=loaded\n"
		"TriggeredBy=a.timer one.socket b.path two.socket\n"
		"ControlGroup=/system.slice/x.service\n"
		"ConsistsOf=\n";
	struct ctl_facts facts = { 0 };
	char name[CTL_UNIT_SIZE];
	const char *list;

	(void)state;
	ctl_facts_parse(text, &facts);
	assert_string_equal(facts.load, "loaded");
	assert_string_equal(facts.cgroup, "/system.slice/x.service");
	assert_int_equal(facts.n_programs, 2);
	assert_string_equal(facts.programs[0], "/usr/bin/install");
	assert_string_equal(facts.programs[1], "/usr/sbin/a b");
	assert_string_equal(facts.commands[0], "/usr/bin/install -d /run/x");
	assert_string_equal(facts.commands[1], "/usr/sbin/a b -x ; pid=0 }");
	assert_false(ctl_starts_nothing(&facts));
	list = facts.triggers;
	assert_true(ctl_next_unit(&list, ".socket", name));
	assert_string_equal(name, "one.socket");
	assert_true(ctl_next_unit(&list, ".socket", name));
	assert_string_equal(name, "two.socket");
	assert_false(ctl_next_unit(&list, ".socket", name));
	list = facts.parts;
	assert_false(ctl_next_unit(&list, ".service", name));
	ctl_facts_free(&facts);
	list = facts.parts;
	assert_false(ctl_next_unit(&list, ".service", name));
}

/* As Debian's postfix.service and postgresql.service are */
static void wrapper(void **state)
{
	struct ctl_facts facts = { 0 };

	(void)state;
	ctl_facts_parse("LoadState=loaded\nExecStart={ path=/bin/true ; argv[]=/bin/true ; }\n"
			"ConsistsOf=postfix@-.service\n", &facts);
	assert_true(ctl_starts_nothing(&facts));
	assert_string_equal(facts.parts, "postfix@-.service");
	ctl_facts_free(&facts);
	ctl_facts_parse("LoadState=loaded\n", &facts);
	assert_true(ctl_starts_nothing(&facts));
	ctl_facts_free(&facts);
	/* the second one may do something */
	ctl_facts_parse("ExecStart={ path=/bin/true ; argv[]=/bin/true ; }\n"
			"ExecStart={ path=/opt/untrue ; argv[]=/opt/untrue ; }\n", &facts);
	assert_false(ctl_starts_nothing(&facts));
	ctl_facts_free(&facts);
}

static void sockets(void **state)
{
	static const char text[] =
		"Accept=yes\n"
		"Listen=/run/x:80 (Stream)\n"
		"Listen=@x:81 (Stream)\n"
		"Listen=vsock:2:82 (Stream)\n"
		"Listen=[::]:83 (Datagram)\n"
		"Listen=[::]:22 (Stream)\n"
		"Listen=10.0.0.1:8080 (Stream)\n"
		"Listen=[fe80::1]:443%eth0 (Stream)\n"
		"Listen=/dev/rfkill (Special)\n"
		"Listen=kobject-uevent 1 (Netlink)\n";
	struct ctl_facts facts = { 0 };

	(void)state;
	ctl_facts_parse(text, &facts);
	assert_true(facts.accept);
	assert_false(facts.in_use);
	assert_int_equal(facts.n_ports, 3);
	assert_int_equal(facts.ports[0], 22);
	assert_int_equal(facts.ports[1], 8080);
	assert_int_equal(facts.ports[2], 443);
	ctl_facts_free(&facts);
	ctl_facts_parse("Accept=no\nListen=/run/docker.sock (Stream)\nActiveState=inactive\n"
			"UnitFileState=enabled-runtime\n", &facts);
	assert_true(facts.in_use);
	assert_false(facts.accept);
	assert_int_equal(facts.n_ports, 0);
	ctl_facts_free(&facts);
}

/* What of a service is there that a way could be for */
static void passing(void **state)
{
	static const struct {
		const char *text;
		bool has_tasks;
		bool passes;
	} all[] = {
		{ "Type=oneshot\nSubState=dead\n", false, true },
		{ "SubState=exited\nType=oneshot\n", false, true },
		/* it has left some behind */
		{ "Type=oneshot\nSubState=exited\n", true, false },
		{ "Type=simple\nSubState=dead\n", false, false },
		{ "Type=forking\nSubState=running\n", true, false },
		/* System V's style */
		{ "Type=forking\nSubState=exited\n", false, true },
		{ "", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct ctl_facts facts = { 0 };

		ctl_facts_parse(all[i].text, &facts);
		facts.has_tasks = all[i].has_tasks;
		assert_int_equal(ctl_is_passing(&facts), all[i].passes);
		ctl_facts_free(&facts);
	}
}

static void names(void **state)
{
	char name[CTL_UNIT_SIZE], long_name[CTL_UNIT_SIZE];

	(void)state;
	assert_true(ctl_is_template("x@.service"));
	assert_false(ctl_is_template("x@y.service"));
	assert_false(ctl_is_template("x.service"));
	ctl_instance("x@.service", name);
	assert_string_equal(name, "x@x.service");
	ctl_instance("x@y.service", name);
	assert_string_equal(name, "x@y.service");
	ctl_own_socket("ssh@.service", name);
	assert_string_equal(name, "ssh.socket");
	ctl_own_socket("ssh@1-2.service", name);
	assert_string_equal(name, "ssh.socket");
	ctl_own_socket("ssh.service", name);
	assert_string_equal(name, "ssh.socket");
	memset(long_name, 'a', sizeof(long_name));
	strcpy(long_name + sizeof(long_name) - strlen("@.service") - 1, "@.service");
	ctl_instance(long_name, name);
	assert_string_equal(name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(running),
		cmocka_unit_test(wrapper),
		cmocka_unit_test(sockets),
		cmocka_unit_test(passing),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests_name("facts", tests, NULL, NULL);
}
