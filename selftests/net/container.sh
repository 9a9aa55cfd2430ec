#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# shellcheck disable=SC2317
#
# A container with a policy and a daemon of its own, whose rules name cgroups as they are
# seen from inside.

here=$(dirname "$0")
. "$here/tap.sh"
needs curl
needs_busybox httpd nc wget

conf=/etc/kschannel/kschanneld.conf
box=/sys/fs/cgroup/box
www=$here/container-www
background=

cleanup()
{
	# shellcheck disable=SC2086
	[ -z "$background" ] || kill $background 2>/dev/null || true
	wait
}

# ---- inside: the shell is the container's first process ----

# scoped CGROUP COMMAND...
scoped()
{
	# shellcheck disable=SC2016
	sh -c 'echo 0 >"/sys/fs/cgroup$0/cgroup.procs"; exec "$@"' "$@"
}

# fetched CGROUP WAY PORT: by a program that knows nothing of TLS
fetched()
{
	scoped "$1" kschannelctl run --quiet --way "$2" -- \
		wget -q -O - "http://server.test:$3/page.html" | cmp - $www/page.html
}

# served_by WAY PORT
served_by()
{
	kschannelctl run --quiet --way "$1" -- httpd -f -p "$2" -h $www &
	background="$background $!"
	await 10 listening "$2"
	curl -sS --cacert /etc/kschannel/ca.pem "https://server.test:$2/page.html" |
		cmp - $www/page.html
	fetched /app "$@"
	fetched /app/below "$@"
	fails fetched /other "$@"
	fails fetched / "$@"
}

served()
{
	grep -qx "0::/" /proc/self/cgroup
	served_by preload 7300
}

served_by_bpf()
{
	can_bpf 2>/tmp/err || skip "$(cat /tmp/err)"
	mount -t bpf bpf /sys/fs/bpf
	served_by bpf 7299
}

falls_under()
{
	rule=$1
	shift
	kschannelctl policy test --connect 10.0.0.1:7300 "$@" >/tmp/got
	cat /tmp/got
	grep -E "^ *[0-9]+ +$rule " /tmp/got
}

tested()
{
	falls_under app --cgroup /app
	falls_under app --cgroup /app/below
	falls_under rest --cgroup /other
	falls_under rest --cgroup /
	# what is outside has no name here
	fails kschannelctl policy test --connect 10.0.0.1:7300 --cgroup /box/app
	fails kschannelctl policy test --connect 10.0.0.1:7300 --cgroup /../app
}

# hold CGROUP PORT: an unprotected connection
hold()
{
	nc -l -p "$2" </tmp/hold >/dev/null &
	background="$background $!"
	await 10 listening "$2"
	scoped "$1" nc 127.0.0.1 "$2" </tmp/hold >/dev/null &
	background="$background $!"
	await 10 connected "$2"
}

connected()
{
	ss -Htn state established "dport = :$1" | grep -q .
}

audited()
{
	mkfifo /tmp/hold
	exec 5<>/tmp/hold
	hold /other 7301
	kschannelctl audit
	hold /app/below 7302
	fails kschannelctl audit >/tmp/got
	cat /tmp/got
	[ "$(wc -l </tmp/got)" = 2 ]
	grep -E '^app +require +connect +127.0.0.1:[0-9]+ +127.0.0.1:7302 ' /tmp/got
}

inside()
{
	mkdir -p /sys/fs/cgroup/app/below /sys/fs/cgroup/other
	ip link set lo up
	cat >/tmp/conf <<-'END'
		[credential server]
		role = server
		cert = /etc/kschannel/server.pem
		key = /etc/kschannel/server.key
		default = yes

		[credential anonymous]
		role = client
		trust = /etc/kschannel/ca.pem
		default = yes

		[rule server]
		direction = accept
		local-port = 7299-7300
		action = require

		[rule app]
		direction = connect
		cgroup = /app
		action = require

		[rule rest]
		action = never
	END
	ksc-daemon start --config /tmp/conf || exit 1
	echo "# inside"
	run "cgroups' rules inside" served
	run "cgroups' rules inside, by a BPF program" served_by_bpf
	run "kschannelctl policy test inside" tested
	run "kschannelctl audit inside" audited
	ksc-daemon stop || exit 1
	finish
}

# ---- outside ----

contained()
{
	mkdir -p $www $box
	echo "a page" >$www/page.html
	before=$(kschannelctl policy)
	h_container /box "$here/container.sh" inside >/tmp/inside 2>&1 || status=$?
	cat /tmp/inside
	[ -z "$status" ]
	[ "$(grep -c '^ok' /tmp/inside)" = 4 ]
	# nothing of it has come out
	[ "$(kschannelctl policy)" = "$before" ]
	await 20 unpopulated
}

# The same cgroup has another name here, and another policy holds here.
named()
{
	mkdir -p $box/app
	cp $conf /tmp/container-before
	old=$(generation)
	{
		cat /tmp/container-before
		printf '[rule box]\ncgroup = /box\ndirection = connect\naction = prefer\n'
	} >$conf
	kill -HUP "$(cat /run/kschanneld.pid)"
	await 20 other_than "$old"
	kschannelctl policy test --connect 10.0.0.1:7300 --cgroup /box/app | grep -E '^ *0 +box +prefer '
	kschannelctl policy test --connect 10.0.0.1:7300 --cgroup / | grep -x "No rule."
	old=$(generation)
	cp /tmp/container-before $conf
	kill -HUP "$(cat /run/kschanneld.pid)"
	await 20 other_than "$old"
}

generation()
{
	kschannelctl policy --json | sed -n 's/.*"generation": *"\([^"]*\)".*/\1/p'
}

other_than()
{
	[ "$(generation)" != "$1" ]
}

# Killed with protected connections, the daemon's too: nothing of it stays.
killed()
{
	# shellcheck disable=SC2016
	h_container /box sh -c '
		ip link set lo up &&
		ksc-daemon start --config /etc/kschannel/kschanneld.conf &&
		{
			kschannelctl run --quiet --server -- nc -l -p 7310 </dev/zero >/dev/null &
			until ss -Hltn "sport = :7310" | grep -q .; do usleep 20000; done
			kschannelctl run --quiet --client --server-name server.test -- \
				nc 127.0.0.1 7310 </dev/zero >/dev/null &
			until kschannelctl list | grep -q "client.*established"; do usleep 20000; done
			echo is up
			wait
		}' >/tmp/killed 2>&1 &
	pid=$!
	background="$background $pid"
	await 60 grep -qx "is up" /tmp/killed
	[ "$(kschannelctl list | wc -l)" -le 1 ]
	fails rmmod kschannel
	kill -KILL "$pid"
	await 20 unpopulated
}

# A program that carries its handshake itself has the machine's daemon by the path, and protects
# connections inside.
borrowed()
{
	# shellcheck disable=SC2016
	h_container --share /run/kschannel /box sh -c '
		ip link set lo up
		kschannelctl list >/dev/null || exit 1
		library-server 4433 &
		until ss -Hltn "sport = :4433" | grep -q .; do usleep 20000; done
		library-client ::1 4433 other.test' >/tmp/borrowed
	grep -qx hello /tmp/borrowed
	await 20 unpopulated
	# without, there is none
	fails h_container /box sh -c '
		ip link set lo up
		nc -l -p 4433 &
		until ss -Hltn "sport = :4433" | grep -q .; do usleep 20000; done
		library-client 127.0.0.1 4433 server.test' >/tmp/borrowed 2>&1
	grep -q "Host is down" /tmp/borrowed
	await 20 unpopulated
}

unpopulated()
{
	grep -qx "populated 0" $box/cgroup.events
}

if [ "$1" = inside ]; then
	inside
fi

[ -e /sys/fs/cgroup/cgroup.procs ] || mount -t cgroup2 cgroup2 /sys/fs/cgroup
plan 4
run "a policy and its cgroups, inside" contained
run "the same cgroups, outside" named
run "a container that is killed" killed
run "a container that has the daemon by its path" borrowed
find $box -depth -type d -exec rmdir {} \;
rm -rf $www
finish
