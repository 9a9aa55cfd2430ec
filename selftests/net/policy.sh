#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2317
#
# The policy, as an operator writes it and kschannelctl shows it.

. "$(dirname "$0")/tap.sh"
needs curl
needs_busybox httpd nc wget

conf=/etc/kschannel/kschanneld.conf
ca=/etc/kschannel/ca.pem
dir=/tmp/policy-www
before=/tmp/policy-before
background=

cp $conf $before
[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup

cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$background" ] || kill $background 2>/dev/null || true
	# one that was stopped has to go on to end
	# shellcheck disable=SC2086
	[ -z "$background" ] || kill -CONT $background 2>/dev/null || true
	wait
}

generation()
{
	kschannelctl policy --json | sed -n 's/.*"generation": *"\([^"]*\)".*/\1/p'
}

other_than()
{
	[ "$(generation)" != "$1" ]
}

# Behind what the suite's configuration has: the text on standard input
reload()
{
	old=$(generation)
	{ cat $before; cat; } >$conf
	kill -HUP "$(cat /run/kschanneld.pid)"
	await 20 other_than "$old"
}

rules()
{
	reload <<-'END'
		[rule database]
		direction = connect
		remote = 10.0.0.0/8
		remote-port = 5432
		action = require
		server-name = db.test
		connect = tcp

		[rule accounts]
		user = 33-40
		group = 7
		action = never

		[rule scope]
		cgroup = /policy-scope
		local = ::1
		local-port = 80-90
		action = prefer
	END
}

shown()
{
	kschannelctl policy >/tmp/got
	grep -x "No rule." /tmp/got
	mkdir -p /sys/fs/cgroup/policy-scope/below
	rules
	kschannelctl policy >/tmp/got
	[ "$(wc -l </tmp/got)" = 4 ]
	grep -E '^ *0 +database +require +connect +\* +10\.0\.0\.0/8 port 5432 +\* +\* +\* +tcp$' /tmp/got
	grep -E '^ *1 +accounts +never +both +\* +\* +33-40 +7 +\* +-$' /tmp/got
	grep -E '^ *2 +scope +prefer +both +::1/128 port 80-90 +\* +\* +\* +/policy-scope +handshake$' /tmp/got
	kschannelctl policy --json >/tmp/got
	[ "$(grep -c '"number":' /tmp/got)" = 3 ]
	grep '"action": *"prefer"' /tmp/got
	[ "$(grep -c '"connect": *"tcp"' /tmp/got)" = 1 ]
}

falls_under()
{
	rule=$1
	shift
	kschannelctl policy test "$@" >/tmp/got
	cat /tmp/got
	if [ -n "$rule" ]; then
		grep -E "^ *[0-9]+ +$rule +(require|prefer|never) " /tmp/got
		[ "$(grep -Evc "^NUMBER | no match: " /tmp/got)" = 1 ]
	else
		grep -x "No rule." /tmp/got
	fi
}

# Why it is not the rule
passes()
{
	grep -E "^ *[0-9]+ +$1 +no match: $2\$" /tmp/got
}

tried()
{
	falls_under database --connect 10.1.2.3:5432
	falls_under database --connect '[::ffff:10.1.2.3]:5432' --from '[::ffff:127.0.0.1]:0'
	fails passes accounts '.*'
	falls_under "" --connect 10.1.2.3:5433
	passes database 'the remote port is 5433, not 5432'
	passes accounts 'the user is 0, not 33 to 40'
	falls_under "" --connect 11.1.2.3:5432
	passes database 'the remote address 11\.1\.2\.3 is not in 10\.0\.0\.0/8'
	falls_under "" --accept 10.1.2.3:5432
	passes database 'it is incoming'
	falls_under accounts --connect 11.1.2.3:5432 --uid 33 --gid 7
	falls_under database --connect 10.1.2.3:5432 --uid 33 --gid 7
	falls_under "" --connect 11.1.2.3:5432 --uid 33
	passes accounts 'the group is 0, not 7'
	falls_under "" --connect 11.1.2.3:5432 --uid 41 --gid 7
	falls_under scope --accept '[::1]:80' --cgroup /policy-scope
	falls_under scope --accept '[::1]:90' --cgroup /policy-scope/below
	falls_under "" --accept '[::1]:91' --cgroup /policy-scope
	passes scope 'the local port is 91, not 80 to 90'
	falls_under "" --accept '[::2]:80' --cgroup /policy-scope
	passes scope 'the local address ::2 is not in ::1/128'
	falls_under "" --accept '[::1]:80' --cgroup /
	passes scope 'it is not in the cgroup /policy-scope'
	falls_under "" --accept '[::1]:80'
	kschannelctl policy test --json --connect 10.1.2.3:5432 | grep '"name": *"database"'
	kschannelctl policy test --json --connect 10.1.2.3:5433 | grep '"why": *"the remote port is'
}

# BPF programs make one address of another
tried_via()
{
	reload <<-'END'
		[rule pods]
		direction = connect
		remote = 127.0.0.0/8
		action = never

		[rule service]
		direction = connect
		remote = 10.96.0.0/12
		remote-port = 5432
		action = require

		[rule six]
		direction = connect
		remote = fd00::/8
		local = ::/0
		action = prefer

		[rule rest]
		direction = connect
		action = require
	END
	falls_under pods --connect 127.0.0.1:5432
	falls_under service --connect 127.0.0.1:5432 --via 10.96.0.1:5432
	passes pods 'a later one asks for more'
	falls_under rest --connect 127.0.0.1:5432 --via 10.96.0.1:5433
	passes service 'the remote address 127\.0\.0\.1 is not in 10\.96\.0\.0/12; as asked for, the remote port is 5433, not 5432'
	falls_under rest --connect 10.0.0.1:5432 --via 127.0.0.1:5432
	falls_under six --connect 127.0.0.1:5432 --via '[fd00::1]:5432' --from 127.0.0.2:7
	falls_under service --connect '[::1]:5432' --via '[::ffff:10.96.0.1]:5432'
	fails passes rest '.*'
	fails kschannelctl policy test --accept 127.0.0.1:5432 --via 10.96.0.1:5432
	fails kschannelctl policy test --connect 127.0.0.1:5432 --via 10.96.0.1
	rules
}

refused()
{
	fails kschannelctl policy test
	fails kschannelctl policy test --connect 10.1.2.3
	fails kschannelctl policy test --connect 10.1.2.3:65536
	fails kschannelctl policy test --connect '[10.1.2.3]:1'
	fails kschannelctl policy test --connect example.org:1
	fails kschannelctl policy test --connect 1.2.3.4:1 --accept 1.2.3.4:1
	fails kschannelctl policy test --connect 1.2.3.4:1 --from '[::1]:1'
	fails kschannelctl policy test --connect 1.2.3.4:1 --uid root
	fails kschannelctl policy test --connect 1.2.3.4:1 --cgroup /policy-none
	fails kschannelctl policy anything
	h_as 1000 kschannelctl stats
	fails h_as 1000 kschannelctl policy
	fails h_as 1000 kschannelctl policy test --connect 1.2.3.4:1
}

# file:line and the reason; that the old policy stays is t_load's
mistaken()
{
	{ cat $before; printf '[rule x]\naction = never\n[rule y]\naction = require\n'; } >/tmp/mistake
	line=$(($(wc -l <$before) + 3))
	fails kschanneld --check-config /tmp/mistake 2>/tmp/err
	grep "^/tmp/mistake:$line: rule y: it never matches, because rule x" /tmp/err
}

# A program that knows nothing of TLS, and one port of it that is to be protected
served()
{
	reload <<-'END'
		[rule web]
		direction = accept
		local-port = 7200
		action = require
		credential = server

		[rule fetch]
		direction = connect
		remote-port = 7200
		action = require
		server-name = server.test
	END
	mkdir -p $dir
	echo "a page" >$dir/page.html
	for port in 7200 7201; do
		kschannelctl run --quiet --way preload -- httpd -f -p $port -h $dir &
		background="$background $!"
		await 10 listening $port
	done
	curl -sS --cacert $ca "https://server.test:7200/page.html" | cmp - $dir/page.html
	fails curl -sS -m 10 "http://server.test:7200/page.html"
	curl -sS "http://server.test:7201/page.html" | cmp - $dir/page.html
	for port in 7200 7201; do
		kschannelctl run --quiet --way preload -- \
			wget -q -O - "http://127.0.0.1:$port/page.html" | cmp - $dir/page.html
	done
	# a connection shows its rule
	kschannelctl run --quiet --way preload -- nc 127.0.0.1 7200 </dev/zero >/dev/null &
	background="$background $!"
	await 10 by_rule
}

# A plain TCP server, whose connection stays until /tmp/policy-hold ends
hold()
{
	nc -l -p "$1" </tmp/policy-hold >/dev/null &
	background="$background $!"
	await 10 listening "$1"
}

# Connections stay until descriptor 5 is closed
stay()
{
	rm -f /tmp/policy-hold
	mkfifo /tmp/policy-hold
	exec 5<>/tmp/policy-hold
}

# join PORT [CGROUP]: a plain TCP client, which stays as well
join()
{
	sh -c '[ -z "$2" ] || echo 0 >"/sys/fs/cgroup/$2/cgroup.procs" || exit
		exec nc 127.0.0.1 "$1"' sh "$@" </tmp/policy-hold >/dev/null &
	background="$background $!"
	await 10 connected "$1"
}

# finds LINE: the audit has it; all that it says is left in /tmp/got
finds()
{
	fails kschannelctl audit >/tmp/got
	cat /tmp/got
	grep -E "$1" /tmp/got
}

# Sockets that were not given to the module are found, and no others
audited()
{
	stay
	hold 7200
	reload <<-'END'
		[rule one]
		direction = connect
		remote-port = 7200
		action = require

		[rule handed]
		direction = connect
		remote-port = 7203
		action = require

		[rule scope]
		cgroup = /policy-scope
		direction = connect
		action = prefer

		[rule none]
		action = never
	END
	kschannelctl audit
	join 7200
	finds '^one +require +connect +127.0.0.1:[0-9]+ +127.0.0.1:7200 +0 +[0-9]+$'
	[ "$(wc -l </tmp/got)" = 2 ]
	fails kschannelctl audit --json >/tmp/got
	grep '"rule": *"one"' /tmp/got
	# by its cgroup
	hold 7202
	join 7202 policy-scope/below
	finds '^scope +prefer +connect +127.0.0.1:[0-9]+ +127.0.0.1:7202 '
	[ "$(wc -l </tmp/got)" = 3 ]
	# a program that is protected, and was given a connection that is not
	hold 7203
	h_inherit join 7203 kschannelctl run --quiet -- cat </tmp/policy-hold >/dev/null &
	background="$background $!"
	await 10 connected 7203
	finds '^handed +require +connect +127.0.0.1:[0-9]+ +127.0.0.1:7203 '
	[ "$(wc -l </tmp/got)" = 4 ]
	exec 5>&-
	# shellcheck disable=SC2086
	kill $background || true
	# they have to leave the cgroup before it can go
	wait
	background=
}

# An idle server is found, too; and so are plaintext connections that no rule is about.
audited_listeners()
{
	stay
	reload <<-'END'
		[rule quiet]
		direction = accept
		local = 127.0.0.0/8
		local-port = 7205-7206
		action = require

		[rule open]
		direction = accept
		local-port = 7207
		action = never
	END
	kschannelctl run --way preload --quiet -- nc -l -p 7206 </tmp/policy-hold >/dev/null &
	background="$background $!"
	await 10 listening 7206
	kschannelctl audit
	hold 7205
	status=0
	kschannelctl audit >/tmp/got || status=$?
	cat /tmp/got
	[ "$status" = 1 ]
	[ "$(wc -l </tmp/got)" = 2 ]
	grep -E '^quiet +require +listen +\S+:7205 +\* +0 +[0-9]+$' /tmp/got
	fails kschannelctl audit --json >/tmp/got
	grep '"direction": *"listen"' /tmp/got
	kill $!
	wait $! || true
	hold 7207
	kschannelctl audit
	# of the client's end there is no rule
	join 7207
	finds '^- +none +connect +127.0.0.1:[0-9]+ +127.0.0.1:7207 '
	exec 5>&-
}

# A service's cgroup is created and removed with it, and is another one the next time
renewed()
{
	reload <<-'END'
		[rule renewed]
		cgroup = /policy-renewed/service
		direction = connect
		action = require

		[rule none]
		action = never
	END
	: >/tmp/policy-heard
	for _ in once twice; do
		hear
		mkdir -p /sys/fs/cgroup/policy-renewed/service/below
		echo secret | fails sh -c '
			echo 0 >/sys/fs/cgroup/policy-renewed/service/below/cgroup.procs
			exec kschannelctl run --way preload --quiet -- timeout 3 nc 127.0.0.1 7204'
		# the process of timeout(1) leaves later
		await 20 rmdir /sys/fs/cgroup/policy-renewed/service/below
		rmdir /sys/fs/cgroup/policy-renewed/service
	done
	rmdir /sys/fs/cgroup/policy-renewed
	# what is beside it falls under the next rule
	hear
	echo open | timeout 10 kschannelctl run --way preload --quiet -- nc 127.0.0.1 7204 || true
	await 10 grep -q open /tmp/policy-heard
	fails grep -q secret /tmp/policy-heard
}

# For a socket from a removed cgroup the rule that it falls under is unknown.
forgotten()
{
	reload <<-'END'
		[rule forgotten]
		cgroup = /policy-forgotten
		direction = connect
		action = require

		[rule none]
		action = never
	END
	stay
	mkdir /sys/fs/cgroup/policy-forgotten
	hold 7208
	join 7208 policy-forgotten
	finds '^forgotten +require +connect +\S+ +127.0.0.1:7208 '
	echo $! >/sys/fs/cgroup/cgroup.procs
	rmdir /sys/fs/cgroup/policy-forgotten
	finds '^- +unknown +connect +\S+ +127.0.0.1:7208 '
	[ "$(wc -l </tmp/got)" = 2 ]
	fails kschannelctl audit --json >/tmp/got
	grep '"action": *"unknown"' /tmp/got
	fails grep '"rule"' /tmp/got
	# where a rule before such rules has decided, it makes no difference
	reload <<-'END'
		[rule first]
		direction = connect
		remote-port = 7208
		action = never

		[rule forgotten]
		cgroup = /policy-forgotten
		direction = connect
		action = require

		[rule none]
		action = never
	END
	kschannelctl audit
	exec 5>&-
}

# A plain TCP server for one client
hear()
{
	nc -l -p 7204 >>/tmp/policy-heard </dev/null &
	background="$background $!"
	await 10 listening 7204
}

# No process has it, though TCP keeps it in FIN-WAIT-2 while the peer says nothing
closed()
{
	ss -Htn state fin-wait-2 "dport = :7203" | grep -q .
}

closed_by_now()
{
	reload <<-'END'
		[rule closed]
		direction = connect
		remote-port = 7203
		action = require

		[rule none]
		action = never
	END
	nc -l -p 7203 </dev/zero >/dev/null &
	background="$background $!"
	await 10 listening 7203
	kill -STOP $!
	sh -c 'exec nc 127.0.0.1 7203' </dev/null >/dev/null &
	client=$!
	background="$background $client"
	await 10 closed
	# so far only half
	finds '^closed +require +connect '
	kill $client
	wait $client || true
	closed
	kschannelctl audit
}

# A rule names the owner as its namespace does: root there is another user outside.
owned()
{
	: >/tmp/owner.bytes
	chmod 666 /tmp/owner.bytes
	cat >/tmp/owner.conf <<-'END'
		[credential anonymous]
		role = client
		trust = /etc/kschannel/ca.pem
		default = yes

		[rule owner]
		action = require
		direction = connect
		user = 0
		remote-port = 7310
		server-name = server.test
	END
	cat >/tmp/owner.sh <<-'END'
		set -e
		ip link set lo up
		kschanneld --config /tmp/owner.conf &
		until kschannelctl policy 2>/dev/null | grep -q owner; do usleep 20000; done
		nc -l -p 7310 >/tmp/owner.bytes &
		until ss -Hltn 'sport = :7310' | grep -q .; do usleep 20000; done
		timeout 20 kschannelctl run --quiet --way preload -- \
			sh -c 'echo plaintext | nc 127.0.0.1 7310' &
		until [ -s /tmp/owner.bytes ]; do usleep 20000; done
		kill $(jobs -p) 2>/dev/null || true
	END
	timeout 60 h_as 1000 -n sh /tmp/owner.sh
	fails grep clear /tmp/owner.bytes
	[ "$(head -c 1 /tmp/owner.bytes | od -An -tx1 | tr -d ' ')" = 16 ]
}

connected()
{
	ss -Htn state established "dport = :$1" | grep -q .
}

by_rule()
{
	kschannelctl list --json | grep -q '"rule": *"fetch"'
}

plan 12
run "kschannelctl policy" shown
run "kschannelctl policy test" tried
run "kschannelctl policy test --via" tried_via
run "what cannot be asked" refused
run "mistakes in the file" mistaken
run "one port of two" served
run "kschannelctl audit" audited
run "kschannelctl audit: listeners" audited_listeners
run "kschannelctl audit: what is closed" closed_by_now
run "a cgroup that comes and goes" renewed
run "kschannelctl audit: a cgroup that is gone" forgotten
run "an owner of another user namespace" owned
: | reload
cp $before $conf
rmdir /sys/fs/cgroup/policy-scope/below /sys/fs/cgroup/policy-scope
finish
