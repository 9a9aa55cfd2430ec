#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# shellcheck disable=SC2317
#
# The module cannot be unloaded while it is used, and can be after that.

. "$(dirname "$0")/tap.sh"

in_use()
{
	mkfifo /tmp/hold.$$
	kschannelctl run --server -- nc -l -p 7100 </tmp/hold.$$ &
	pid=$!
	exec 5>/tmp/hold.$$
	await 10 listening 7100
	fails rmmod kschannel
	kschannelctl run --client --server-name server.test -- nc 127.0.0.1 7100 </tmp/hold.$$ &
	client=$!
	await 10 established
	fails rmmod kschannel
	kill "$pid" "$client"
	exec 5>&-
	rm /tmp/hold.$$
	await 20 unused
}

established()
{
	kschannelctl list | grep -q 'client.*established'
}

unused()
{
	kschannelctl stats --json | grep -q '"sockets": *0'
}

reload()
{
	ksc-daemon stop
	await 20 rmmod kschannel
	[ ! -e /sys/module/kschannel ]
	# without the module nothing is left of it
	fails kschannelctl stats
	insmod /rig/kschannel.ko
	ksc-daemon start
	kschannelctl stats
}

again()
{
	for _ in 1 2 3; do
		ksc-daemon stop
		await 20 rmmod kschannel
		insmod /rig/kschannel.ko
		ksc-daemon start
	done
}

no_requests()
{
	! ss -t -n -H state syn-recv | grep -q 10.98.0.2
}

# Half-open connections have no reference on the module, and a timer that looks at them.
half_open()
{
	ip link add hole0 type dummy
	ip addr add 10.98.0.1/24 dev hole0
	ip link set hole0 up
	ip neigh replace 10.98.0.2 lladdr 02:00:00:00:00:01 dev hole0
	echo 1 >/proc/sys/net/ipv4/tcp_synack_retries
	kschannelctl run --server -- nc -l -p 7101 </dev/null &
	pid=$!
	await 10 listening 7101
	h_syn 10.98.0.2 10.98.0.1 7101
	fails no_requests
	kill "$pid"
	await 20 unused
	ksc-daemon stop
	await 20 rmmod kschannel
	await 60 no_requests
	insmod /rig/kschannel.ko
	ksc-daemon start
	echo 5 >/proc/sys/net/ipv4/tcp_synack_retries
	ip link del hole0
}

plan 4
run "not while it is in use" in_use
run "unload and load" reload
run "again and again" again
run "half-open connections outlive it" half_open
finish
